"""The canary: a pupil with a voice, a name and an id of its own is withdrawn, and then looked for in every file.

What may remain, and why, is listed in ``docs/adr/0010-withdrawal.md``: here it is ``REMAINS``. A classmate who stays is
looked for in the same way, which shows that the search finds what there is.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from collection import manifest
from collection.build import build
from collection.config import BuildConfig, Fractions
from collection.intake import REGISTER, read_intake, write_intake
from collection.keys import read_key
from collection.pseudonyms.naming import naming
from collection.register import write_register
from collection.release import read_release
from collection.withdraw import WithdrawConfig, withdraw
from collection.withdrawal import tombstones
from tests.factories import noise
from tests.intakes import ON, Class, consent, make_class
from tests.training.models import extractor, phone_model, tiny_wave
from training.assess import Assessor
from training.config import ModelConfig, OptimConfig, SelectConfig, TrainConfig
from training.learning.dataset import read_split
from training.lineage import LineageConfig, WithdrawnWarning, lineage
from training.train import train

REMAINS = {
    "intake/consents.jsonl": {"id"},  # the proof that there was a consent, and that it ended
    "releases/autumn/withdrawn.json": {"pseudonym"},  # so that holders of copies can find the rows
    "runs/autumn/model/lineage.json": {"pseudonym"},  # so that the model can be found
    "runs/autumn/model/withdrawn.json": {"pseudonym"},
}


@dataclass(frozen=True)
class Pupil:
    """Whom the search is for."""

    learner_id: str
    name: str
    voice: np.ndarray
    """int16 samples that no other file holds."""


CANARY = Pupil("canary-7731", "Xanthippe Quillfeather", np.empty(0))
CLASSMATE = Pupil("stayer-4242", "Barnabé Winterbourne", np.empty(0))


def plant(made: Class, pupil: Pupil, place: int, seed: int) -> Pupil:
    """Give the learner number ``place`` of a class another id, name and voice."""
    old = list(made.intake.learners)[place]
    learner = replace(made.intake.learners[old], learner_id=pupil.learner_id, name=pupil.name)
    learners = {pupil.learner_id if one == old else one: known for one, known in made.intake.learners.items()}
    learners[pupil.learner_id] = learner
    recordings, heard = [], []
    for recording in made.intake.recordings:
        if recording.learner_id == old:
            seed += 1
            sound, _ = soundfile.read(made.folder / recording.path, dtype="int16")
            sound = (sound + 200 * noise(len(sound) / 16_000, rms=1.0, seed=seed)).astype(np.int16)
            (made.folder / recording.path).unlink()
            path = recording.path.with_name(f"{pupil.learner_id}-{seed}.wav")
            soundfile.write(made.folder / path, sound, 16_000, subtype="PCM_16")
            recording = replace(recording, learner_id=pupil.learner_id, recording_id=path.stem, path=path)
            heard.append(sound)
        recordings.append(recording)
    made.intake = replace(made.intake, learners=learners, recordings=tuple(recordings))
    del made.records[old]
    made.records[pupil.learner_id] = consent(learner)
    write_intake(made.folder, made.intake)
    write_register(made.folder / REGISTER, made.records.values())
    return replace(pupil, voice=heard[0])


def traces(root: Path, pupil: Pupil, pseudonyms: set[str]) -> dict[str, set[str]]:
    """Return every file under ``root`` that holds something of a pupil, and what."""
    needles = {"id": [pupil.learner_id], "name": [pupil.name], "pseudonym": pseudonyms}
    excerpt = pupil.voice[4000:4400].tobytes()
    found: dict[str, set[str]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        texts, sounds = [str(path.relative_to(root)).encode(), path.read_bytes()], [path.read_bytes()]
        for value in columns(path):
            (sounds if isinstance(value, bytes) else texts).append(
                value if isinstance(value, bytes) else value.encode()
            )
        held = {
            what
            for what, words in needles.items()
            if any(form in text for word in words for form in forms(word) for text in texts)
        }
        if any(excerpt in sound or excerpt in decoded(sound) for sound in sounds):
            held.add("voice")
        if held:
            found[str(path.relative_to(root))] = held
    return found


def forms(word: str) -> list[bytes]:
    return [word.encode(), json.dumps(word)[1:-1].encode()]


def decoded(data: bytes) -> bytes:
    """Return the samples of a sound file, nothing of what is none."""
    try:
        return soundfile.read(io.BytesIO(data), dtype="int16")[0].tobytes()
    except soundfile.LibsndfileError:
        return b""


def columns(path: Path) -> Iterator[str | bytes]:
    """Yield every text and every byte string in the columns of a parquet or Arrow file."""
    if path.suffix == ".parquet":
        yield from leaves(pq.read_table(path).to_pylist())
    elif path.suffix == ".arrow":
        with pa.memory_map(str(path)) as source:
            try:
                table = pa.ipc.open_file(source).read_all()
            except pa.ArrowInvalid:
                table = pa.ipc.open_stream(source).read_all()
            yield from leaves([table.schema.metadata, table.to_pylist()])


def leaves(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, dict):
        yield from leaves([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str | bytes):
        yield value


def pseudonyms_of(made: Class, pupil: Pupil, *releases: str) -> set[str]:
    names = [naming(read_key(made.key), release, "class") for release in releases]
    recordings = [one.recording_id for one in made.intake.recordings if one.learner_id == pupil.learner_id]
    assert recordings
    return {
        pseudonym
        for one in names
        for pseudonym in (
            one.speaker(pupil.learner_id),
            one.consent(f"record-{pupil.learner_id}"),
            *(one.utterance(recording, 0) for recording in recordings),
            *(one.recording(recording) for recording in recordings),
        )
    }


def built(made: Class, out: Path) -> BuildConfig:
    return BuildConfig(
        importer="folder",
        intake=str(made.folder),
        out=str(out),
        key=str(made.key),
        name=out.name,
        on=ON,
        workers=0,
        splits=Fractions(1.0, 0.0, 0.0),
    )


def test_a_withdrawn_pupil_is_found_nowhere_again(tmp_path: Path) -> None:
    root = tmp_path / "all"
    made = make_class(root, learners=4, each=1)
    canary, classmate = plant(made, CANARY, 1, 100), plant(made, CLASSMATE, 2, 200)
    autumn, winter, spring = (root / "releases" / name for name in ("autumn", "winter", "spring"))
    theirs = pseudonyms_of(made, canary, "autumn", "winter", "spring", "summer")
    others = pseudonyms_of(made, classmate, "autumn", "winter", "spring", "summer")

    # A release, a model that learned from it, a run that was killed, and a build that was.
    build(built(made, autumn))
    encoder = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True)
    model = train(
        TrainConfig(
            out=str(root / "runs" / "autumn"),
            data=str(autumn),
            select=SelectConfig(validation_split=""),
            model=ModelConfig(name="tiny", encoder=encoder, extractor=extractor(encoder)),
            optim=OptimConfig(max_steps=2, batch_size=2),
            report_to=[],
        )
    )
    killed, stand_in = root / "runs" / "killed", phone_model(tuple(read_release(autumn).inventory["en-US"]))
    inventory, frontend = stand_in.config.inventory, stand_in.frontend
    read_split(read_release(autumn), "train", SelectConfig(), inventory, frontend, 1.0, killed / ".cache" / "audio")
    sha = manifest.file_sha256(autumn / manifest.NAME)
    (killed / "run.json").write_text(json.dumps({"identity": "i", "data": [sha]}))

    class Killed(BaseException):
        pass

    def dies(step: str, done: int, total: int) -> None:
        if step == "recordings" and done == total:
            raise Killed

    with pytest.raises(Killed):
        build(built(made, winter), dies)
    shutil.copytree(made.folder, tmp_path / "backup")

    before = traces(root, canary, theirs)
    assert {where for where, what in before.items() if "voice" in what} == {
        f"intake/audio/{canary.learner_id}-101.wav",
        "releases/autumn/data/train-00000-of-00001.parquet",
        *(
            name
            for name in before
            if name.startswith(("releases/winter.work/recordings/", "runs/killed/.cache/audio/"))
        ),
    }
    assert sum(name.endswith(".arrow") and "voice" in what for name, what in before.items()) == 2
    assert before["intake/roster.jsonl"] == {"id", "name"}

    # Withdrawn, the models marked, the next release built.
    releases, runs = [str(autumn), str(winter)], [str(root / "runs")]
    given = {"intake": str(made.folder), "key": str(made.key), "releases": releases, "runs": runs}
    report = withdraw(WithdrawConfig(learner=canary.learner_id, destroy=True, confirm="class", **given))
    assert [model.folder for model in report.models] == [root / "runs" / "autumn" / "model"]
    lineage(LineageConfig(runs=runs, release=str(autumn), mark=True))
    build(built(made, spring))
    assert traces(root, canary, theirs) == REMAINS
    with pytest.warns(WithdrawnWarning):
        Assessor.from_pretrained(model, "cpu")

    # The classmate is where a learner who stays should be.
    stays = traces(root, classmate, others)
    assert stays["releases/spring/data/train-00000-of-00001.parquet"] == {"pseudonym", "voice"}
    assert stays[f"intake/audio/{classmate.learner_id}-201.wav"] == {"id", "voice"}
    assert stays["intake/roster.jsonl"] == {"id", "name"}
    assert read_release(spring).manifest["kept"]["speakers"] == 3

    # An old backup brings the sound back into the intake, and into nothing that is made of it.
    shutil.rmtree(made.folder)
    shutil.copytree(tmp_path / "backup", made.folder)
    again = build(built(made, root / "releases" / "summer"))
    assert again.removed_again == 1
    after = traces(root, canary, theirs)
    assert {name: what for name, what in after.items() if not name.startswith("intake/")} == {
        name: what for name, what in REMAINS.items() if not name.startswith("intake/")
    }
    withdraw(WithdrawConfig(confirm="class", **given))
    assert traces(root, canary, theirs) == REMAINS
    assert canary.learner_id not in read_intake(made.folder).learners
    assert len(tombstones.read_verified(tombstones.beside(made.key), read_key(made.key)).entries) == 4
