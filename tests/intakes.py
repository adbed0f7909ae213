"""Small intake folders made in memory: a class of learners with consents, refusals and a few bad files."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import soundfile

from collection.consent import ConsentRecord, LawfulBasis, Notice, Role, Signature, write_register
from collection.intake import REGISTER, Annotation, Intake, Learner, Recording, write_intake
from collection.keys import create_key
from collection.schema import Purpose
from tests.factories import noise, vowel

ON = "2095-01-15"
"""A build never asks as of a past day, so the class lives in a future that is the same whenever the tests run."""
SIGNED = date(2094, 9, 1)
PURPOSES = (Purpose.TRAINING, Purpose.EVALUATION)


@dataclass
class Class:
    """An intake folder, a key, and what is known of them."""

    folder: Path
    key: Path
    intake: Intake
    records: dict[str, ConsentRecord] = field(default_factory=dict)

    def sign(self, learner_id: str, yes: bool) -> None:
        """Write the register anew with another answer of this learner."""
        self.records[learner_id] = consent(self.intake.learners[learner_id], yes)
        write_register(self.folder / REGISTER, self.records.values())


def consent(learner: Learner, yes: bool = True) -> ConsentRecord:
    """Return a record in which a guardian and the learner say yes, or the learner says no."""
    answers = {Role.GUARDIAN: True, Role.LEARNER: yes}
    signatures = tuple(
        Signature(role, f"{role}-{learner.learner_id}", SIGNED, dict.fromkeys(PURPOSES, answer))
        for role, answer in answers.items()
    )
    return ConsentRecord(
        record_id=f"record-{learner.learner_id}",
        learner_id=learner.learner_id,
        birth_date=learner.birth_date,
        notice=Notice("notice-class", "2", "ab" * 32, "fr"),
        purposes=PURPOSES,
        lawful_basis=LawfulBasis.PUBLIC_TASK,
        controller="an academy",
        recipients=(),
        retention_until=date(2100, 1, 1),
        signatures=signatures,
    )


def voice(seed: int, seconds: float = 0.5) -> np.ndarray:
    """Return a vowel of a pitch of its own, with pauses and a little room noise."""
    sound = noise(seconds + 0.4, rms=0.001, seed=seed)
    spoken = vowel(seconds, pitch=100.0 + 7 * seed)
    sound[3200 : 3200 + len(spoken)] += spoken
    return sound


def make_class(
    root: Path,
    learners: int = 6,
    each: int = 2,
    refusing: tuple[int, ...] = (),
    annotations: tuple[Annotation, ...] = (),
) -> Class:
    """Write ``learners`` x ``each`` segmented recordings; learner ``i`` of ``refusing`` says no."""
    folder = root / "intake"
    (folder / "audio").mkdir(parents=True)
    people = {
        f"pupil-{number}": Learner(
            f"pupil-{number}",
            name=f"Zoé Martin{number}",
            birth_date=date(2083, 1 + number % 12, 3),
            gender="fm"[number % 2],
            first_language="fr",
            school="Collège Jean Moulin",
        )
        for number in range(learners)
    }
    recordings = []
    for number, learner_id in enumerate(people):
        for take in range(each):
            path = Path("audio") / f"{learner_id}-{take}.wav"
            soundfile.write(folder / path, voice(number * each + take), 16_000, subtype="PCM_16")
            recordings.append(
                Recording(
                    recording_id=f"tape-{number}-{take}",
                    learner_id=learner_id,
                    session_id="monday",
                    path=path,
                    recorded_on=date(2094, 10, 6),
                    language="en-US",
                    prompts=("see the cat",),
                    device="Zoé's iPhone",
                    segmented=True,
                )
            )
    said = {(annotation.recording_id, annotation.prompt_index): annotation for annotation in annotations}
    intake = Intake("class", people, tuple(recordings), said)
    write_intake(folder, intake)
    made = Class(folder, root / "parlure.key", intake)
    create_key(made.key)
    for number, learner_id in enumerate(people):
        made.records[learner_id] = consent(people[learner_id], number not in refusing)
    write_register(folder / REGISTER, made.records.values())
    return made


def add_recording(made: Class, learner_id: str, recording_id: str, data: bytes | None, suffix: str = ".wav") -> None:
    """Add one more recording, with any bytes as its file (``None``: no file)."""
    path = Path("audio") / f"{recording_id}{suffix}"
    if data is not None:
        (made.folder / path).write_bytes(data)
    template = made.intake.recordings[0]
    recording = replace(template, recording_id=recording_id, learner_id=learner_id, path=path)
    made.intake = replace(made.intake, recordings=(*made.intake.recordings, recording))
    write_intake(made.folder, made.intake)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder, by relative path; one that vanishes meanwhile is left out."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def without_commit(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Return files without the line that names the commit, which is the code's and not the input's."""
    return {name: re.sub(rb'"code_version": "[^"]*"', b"", data) for name, data in contents.items()}
