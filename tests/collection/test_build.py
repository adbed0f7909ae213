"""The build as a whole: consent first, the same bytes every time, nothing lost when it is killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import soundfile

from collection import manifest
from collection.build import build, main
from collection.building import work
from collection.config import BuildConfig
from collection.errors import ConfigError, IntakeError, KeyFileError, ReleaseError
from collection.intake import REGISTER, write_intake
from collection.keys import read_key
from collection.pseudonyms import ledger
from collection.pseudonyms.naming import naming
from collection.register import Role, write_register
from collection.release import read_release
from collection.releases import release_names, work_folder
from collection.schema import Split
from tests.factories import silence
from tests.intakes import ON, Class, add_recording, files, make_class, voice, without_commit


def config(made: Class, out: Path, **changes: object) -> BuildConfig:
    given = {"name": "autumn", "on": ON, "workers": 0, **changes}
    return BuildConfig(importer="folder", intake=str(made.folder), out=str(out), key=str(made.key), **given)


def rows(out: Path) -> list[dict]:
    release = read_release(out)
    return [row for split in Split for row in release.rows(split)]


def test_every_reading_is_kept_or_counted(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=4, each=2, refusing=(1,))
    add_recording(made, "pupil-0", "bad-empty", b"")
    add_recording(made, "pupil-0", "bad-absent", None)
    add_recording(made, "pupil-2", "bad-text", b"this is no sound at all, only a note " * 20)
    soundfile.write(tmp_path / "mute.wav", silence(1.0), 16_000)
    add_recording(made, "pupil-3", "mute", (tmp_path / "mute.wav").read_bytes())
    facts = build(config(made, tmp_path / "out")).release.manifest
    assert facts["kept"]["rows"] == 6
    assert facts["dropped"]["no_consent"] == 2
    assert facts["dropped"]["audio_empty_file"] == 1
    assert facts["dropped"]["audio_missing_file"] == 1
    assert sum(facts["dropped"].values()) + facts["kept"]["rows"] == 4 * 2 + 4
    assert sum(count for reason, count in facts["dropped"].items() if reason.startswith("audio_")) == 3


def test_a_row_says_what_the_recording_was(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=5, each=1)
    build(config(made, tmp_path / "out", k=5))
    names = naming(read_key(made.key), "autumn", "class")
    row = next(row for row in rows(tmp_path / "out") if row["speaker_id"] == names.speaker("pupil-3"))
    assert row["utterance_id"] == names.utterance("tape-3-0", 0)
    assert row["text"] == "see the cat"
    assert [word["text"] for word in row["words"]] == ["see", "the", "cat"]
    assert [(phone["canonical"], phone["word_index"]) for phone in row["phones"]][:2] == [("S", 0), ("IY", 0)]
    assert row["phones"][0]["accuracy"] is None
    assert row["duration"] == pytest.approx(0.9)
    assert row["speaker"]["age_band"] == "9-11"  # born in April 2083, recorded in October 2094
    assert row["consent"]["record"] == names.consent("record-pupil-3")
    assert row["consent"]["purposes"] == ["evaluation", "training"]
    # Everybody signed on 1 September 2094 for a year; the day is brought forward to the first of its month.
    assert row["consent"]["expires"] == "2095-09-01"
    assert row["device"] == "phone"
    original, _ = soundfile.read(made.folder / "audio" / "pupil-3-0.wav", dtype="int16")
    (tmp_path / "row.flac").write_bytes(row["audio"]["bytes"])
    stored, rate = soundfile.read(tmp_path / "row.flac", dtype="int16")
    assert rate == 16_000
    assert np.array_equal(stored, original)


def test_nobody_who_refused_is_anywhere(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=6, each=2, refusing=(2, 4))
    seen: dict[str, bytes] = {}

    def spy(step: str, done: int, total: int) -> None:
        seen.update(files(tmp_path / "out.work"))

    build(config(made, tmp_path / "out"), spy)
    names = naming(read_key(made.key), "autumn", "class")
    everything = b"".join([*files(tmp_path / "out").values(), *seen.values(), *map(str.encode, seen)])
    assert seen
    for refused in ("pupil-2", "pupil-4"):
        assert names.speaker(refused).encode() not in everything
        assert names.consent(f"record-{refused}").encode() not in everything
    for number in (2, 4):
        assert all(names.recording(f"tape-{number}-{take}").encode() not in everything for take in range(2))
    assert names.speaker("pupil-1").encode() in everything
    personal = ("pupil-", "tape-", "Martin", "Moulin", "iPhone", "record-", str(tmp_path), made.key.name)
    assert not [word for word in personal if word.encode() in everything]


def test_files_of_those_who_refused_are_never_opened(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, refusing=(1,))
    for take in (0, 1):  # of another length than a classmate's, it cannot be a copy of theirs
        soundfile.write(made.folder / "audio" / f"pupil-1-{take}.wav", voice(9, 0.7 + take), 16_000, subtype="PCM_16")
    opened: set[str] = set()
    watching = True

    def hook(event: str, arguments: tuple) -> None:
        if watching and event == "open":
            opened.add(str(arguments[0]))

    sys.addaudithook(hook)
    build(config(made, tmp_path / "out"))
    watching = False
    assert any("pupil-0" in path for path in opened)
    assert not any("pupil-1" in path for path in opened)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=6, refusing=(3,))
    build(config(made, tmp_path / "one"))
    build(config(made, tmp_path / "two", workers=2))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    shuffled = replace(made.intake, recordings=tuple(reversed(made.intake.recordings)))
    write_intake(made.folder, shuffled)
    build(config(made, tmp_path / "three"))
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_two_releases_share_no_identifier_but_every_split(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=6)
    build(config(made, tmp_path / "one"))
    build(config(made, tmp_path / "two", name="winter"))
    key = read_key(made.key)

    def identifiers(out: Path) -> set[str]:
        found = {value for row in rows(out) for name, value in row.items() if name.endswith("_id")}
        return found | {row["consent"]["record"] for row in rows(out)}

    def splits(out: Path, name: str) -> dict[str, str]:
        pupil = {naming(key, name, "class").speaker(learner): learner for learner in made.intake.learners}
        return {pupil[row["speaker_id"]]: split for split in Split for row in read_release(out).rows(split)}

    assert len(identifiers(tmp_path / "one")) == 6 + 12 + 1 + 6
    assert not identifiers(tmp_path / "one") & identifiers(tmp_path / "two")
    assert splits(tmp_path / "one", "autumn") == splits(tmp_path / "two", "winter")
    settled = ledger.read(Path(f"{made.key}.splits.jsonl"))
    assert sorted(settled.values()) == sorted(splits(tmp_path / "one", "autumn").values())
    assert "pupil" not in Path(f"{made.key}.splits.jsonl").read_text()


def test_a_second_run_does_nothing_and_another_is_refused(tmp_path: Path) -> None:
    made = make_class(tmp_path)
    out = tmp_path / "out"
    assert build(config(made, out)).made
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not build(config(made, out)).made
    assert not build(config(made, out, on=None)).made  # the date a release was made on stands in it
    with pytest.raises(ReleaseError, match="built with other config"):
        build(config(made, out, k=2))
    made.sign("pupil-0", yes=False)
    with pytest.raises(ReleaseError, match=r"built with other inputs.*choose another out"):
        build(config(made, out))
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert not (tmp_path / "out.work").exists()


def test_consent_is_asked_again_before_the_release_is_put_together(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=4, each=1)

    def withdraw(step: str, done: int, total: int) -> None:
        if step == "recordings" and done == total:
            made.sign("pupil-2", yes=False)

    facts = build(config(made, tmp_path / "out"), withdraw).release.manifest
    assert facts["kept"]["speakers"] == 3
    assert facts["dropped"] == {"no_consent": 1}
    gone = naming(read_key(made.key), "autumn", "class").speaker("pupil-2").encode()
    assert gone not in b"".join(files(tmp_path / "out").values())


def test_work_of_who_withdrew_is_removed_before_the_release_is_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_class(tmp_path, learners=3, each=1)

    def withdraw(step: str, done: int, total: int) -> None:
        if step == "recordings" and done == total:
            made.sign("pupil-2", yes=False)

    monkeypatch.setattr("collection.build.assemble", stop)
    with pytest.raises(KeyboardInterrupt):
        build(config(made, tmp_path / "out"), withdraw)
    names = naming(read_key(made.key), "autumn", "class")
    left = {path.name.split("-")[0] for path in done_in(tmp_path / "out")}
    assert left == {names.recording("tape-0-0"), names.recording("tape-1-0")}


def test_a_sound_file_that_changes_is_worked_on_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("collection.build.assemble", stop)
        with pytest.raises(KeyboardInterrupt):
            build(config(made, out))
    soundfile.write(made.folder / "audio" / "pupil-0-0.wav", voice(9, 0.7), 16_000, subtype="PCM_16")
    build(config(made, out))
    assert sorted(round(row["duration"], 2) for row in rows(out)) == [0.9, 1.1]
    soundfile.write(made.folder / "audio" / "pupil-0-0.wav", voice(9, 0.6), 16_000, subtype="PCM_16")
    with pytest.raises(ReleaseError, match="built with other inputs"):
        build(config(made, out))


def test_a_past_day_brings_nobody_back(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    for learner_id, record in made.records.items():
        signed = tuple(replace(signature, signed_on=date(2019, 9, 1)) for signature in record.signatures)
        made.records[learner_id] = replace(record, birth_date=None, signatures=signed)
    write_register(made.folder / REGISTER, made.records.values())
    with pytest.raises(ReleaseError, match=r"nothing could be kept.*expired 2"):
        build(config(made, tmp_path / "out", on="2019-12-01"))


def test_the_same_command_on_a_later_day_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_class(tmp_path)
    out = tmp_path / "out"
    monkeypatch.setattr("collection.consent.today", lambda: date(2095, 2, 1))
    facts = build(config(made, out)).release.manifest
    assert facts["on"] == "2095-02-01"
    monkeypatch.setattr("collection.consent.today", lambda: date(2095, 3, 1))
    assert not build(config(made, out)).made
    assert not build(config(made, out, on=None)).made
    with pytest.raises(ReleaseError, match="built with other on"):
        build(config(made, out, on="2095-02-02"))


def test_one_sound_under_two_learners_is_kept_for_neither(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=2)
    audio = made.folder / "audio"
    add_recording(made, "pupil-1", "copied", (audio / "pupil-0-0.wav").read_bytes())
    add_recording(made, "pupil-2", "again", (audio / "pupil-2-1.wav").read_bytes())
    add_recording(made, "pupil-0", "empty-0", b"")
    add_recording(made, "pupil-1", "empty-1", b"")
    facts = build(config(made, tmp_path / "out")).release.manifest
    assert facts["dropped"] == {"audio_empty_file": 2, "same_sound_under_two_learners": 2}
    assert facts["kept"]["rows"] == 6  # of the first six one is set aside; a learner may send a file twice
    assert not build(config(made, tmp_path / "out")).made


@pytest.mark.parametrize("consenting_first", [True, False])
def test_the_sound_of_who_refused_does_not_come_in_under_another_name(tmp_path: Path, consenting_first: bool) -> None:
    made = make_class(tmp_path, learners=3, each=1, refusing=(1,))
    add_recording(made, "pupil-0", "borrowed", (made.folder / "audio" / "pupil-1-0.wav").read_bytes())
    if consenting_first:
        made.intake = replace(made.intake, recordings=tuple(reversed(made.intake.recordings)))
        write_intake(made.folder, made.intake)
    report = build(config(made, tmp_path / "out"))
    assert report.dropped == {"learner_refused": 1, "same_sound_under_two_learners": 1}
    assert report.release.manifest["kept"]["rows"] == 2


def test_birth_dates_that_disagree_are_no_consent(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=1)
    grown = made.records["pupil-1"]
    alone = tuple(signature for signature in grown.signatures if signature.role is Role.LEARNER)
    made.records["pupil-1"] = replace(grown, birth_date=date(2060, 1, 3), signatures=alone)
    made.records["pupil-2"] = replace(made.records["pupil-2"], birth_date=None)
    write_register(made.folder / REGISTER, made.records.values())
    report = build(config(made, tmp_path / "out"))
    assert report.dropped == {"birth_dates_disagree": 1}
    assert report.release.manifest["kept"]["speakers"] == 2


def test_the_release_of_a_killed_assembly_is_removed_first(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    work_folder.open_folder(tmp_path / "out.work")
    left = tmp_path / "out.work" / "release" / "data" / "train-0.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"rows of a learner who has withdrawn since")
    seen: list[bool] = []
    build(config(made, tmp_path / "out"), lambda step, done, total: seen.append(left.exists()))
    assert seen
    assert not any(seen)


def test_reasons_of_consent_are_published_as_one_sum(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=4, each=2, refusing=(0,))
    made.records.pop("pupil-1")
    write_register(made.folder / REGISTER, made.records.values())
    add_recording(made, "pupil-2", "bad-empty", b"")
    out = tmp_path / "out"
    report = build(config(made, out))
    assert report.release.manifest["dropped"] == {"audio_empty_file": 1, "no_consent": 4}
    assert report.dropped == {"learner_refused": 2, "no_record": 2, "audio_empty_file": 1}
    assert build(config(made, out)).dropped == report.dropped
    published = b"".join(files(out).values())
    assert b"no_consent 4" in published
    assert not [reason for reason in (b"learner_refused", b"no_record") if reason in published]


def test_a_name_serves_one_release(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=1)
    build(config(made, tmp_path / "one"))
    build(config(made, tmp_path / "copy", on="2095-01-16"))  # the same but for the day
    with pytest.raises(ReleaseError, match=r"name autumn was given.*Choose another name"):
        build(config(made, tmp_path / "two", k=1))
    assert not (tmp_path / "two").exists()
    build(config(made, tmp_path / "two", k=1, name="winter"))
    names = Path(f"{made.key}.releases.jsonl")
    assert release_names.read(names).keys() == {"autumn", "winter"}
    names.write_text('{"name": 3')
    with pytest.raises(IntakeError, match="restore it from a copy"):
        build(config(made, tmp_path / "three", name="spring"))


def test_what_joins_releases_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    old = os.umask(0)
    try:
        build(config(made, tmp_path / "out"))
    finally:
        os.umask(old)
    beside = [path for path in tmp_path.iterdir() if path.name.startswith("parlure.key")]
    assert {"parlure.key.splits.jsonl", "parlure.key.releases.jsonl"} < {path.name for path in beside}
    assert {path.stat().st_mode & 0o777 for path in beside} == {0o600}


def test_key_and_ledger_among_the_data_are_refused(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    out = tmp_path / "out"
    for place in (made.folder / "audio", out, tmp_path / "out.work"):
        with pytest.raises(KeyFileError, match=r"split ledger .* is not used"):
            build(config(made, out, split_ledger=str(place / "splits.jsonl")))
    build(config(made, out))
    for place in (made.folder, out / "data"):
        inside = place / "parlure.key"
        inside.write_bytes(made.key.read_bytes())
        inside.chmod(0o600)
        with pytest.raises(KeyFileError, match=r"key .* is not used.*holds data"):
            build(replace(config(made, tmp_path / "other", name="winter"), key=str(inside)))
        inside.unlink()


def test_nothing_kept_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, refusing=(0, 1))
    with pytest.raises(ReleaseError, match=r"nothing could be kept.*learner_refused 4"):
        build(config(made, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.work").exists()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2)
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(ReleaseError, match="holds no release"):
        build(config(made, out))
    (tmp_path / "other.work").mkdir()
    (tmp_path / "other.work" / "thesis.txt").write_text("mine")
    with pytest.raises(ReleaseError, match="holds something else"):
        build(config(made, tmp_path / "other"))
    assert (out / "thesis.txt").read_text() == (tmp_path / "other.work" / "thesis.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match="within each other"):
        build(config(made, made.folder / "release"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"purposes": ["fun"]}, "purposes are research"), ({"on": "soon"}, "ISO date"), ({"purposes": []}, "empty")],
)
def test_impossible_settings_are_explained(tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(config(make_class(tmp_path, learners=1), tmp_path / "out", **changes))


def arguments(made: Class, out: Path, *more: str) -> list[str]:
    given = [f"intake={made.folder}", f"out={out}", f"key={made.key}", "name=autumn", f"on={ON}"]
    return ["source=folder", *given, *more]


def test_killed_at_any_moment_the_same_command_ends_with_the_same_bytes(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=10, each=4, refusing=(1,))
    build(config(made, tmp_path / "calm"))
    calm = without_commit(files(tmp_path / "calm"))
    moments = random.Random(7)
    for attempt in range(12):
        out = tmp_path / f"out-{attempt // 3}"
        # A fork builds here and now; its moment of death is counted in finished recordings, not in time.
        process = multiprocessing.get_context("fork").Process(target=build, args=(config(made, out),))
        process.start()
        wait_for(process.is_alive, out, len(done_in(out)) + moments.randint(0, 20))
        process.kill()
        process.join()
        if attempt % 3 == 2:
            build(config(made, out))
            assert without_commit(files(out)) == calm
            assert not out.with_name(f"{out.name}.work").exists()


def test_the_verb_killed_with_its_workers_goes_on_too(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=8, each=4)
    build(config(made, tmp_path / "calm"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "collection.build", *arguments(made, out, "workers=2")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(lambda: process.poll() is None, out, 3)
    process.kill()
    process.wait()
    build(config(made, out))
    assert without_commit(files(out)) == without_commit(files(tmp_path / "calm"))


def wait_for(alive: Callable[[], bool], out: Path, recordings: int) -> None:
    while alive() and len(done_in(out)) < recordings:
        time.sleep(0.001)


def done_in(out: Path) -> list[Path]:
    return list(out.with_name(f"{out.name}.work").glob("recordings/*.arrow"))


@pytest.mark.parametrize("where", ["assemble", "finish", "settle", "close_folder"])
def test_a_build_that_stops_while_it_assembles_goes_on(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_class(tmp_path, learners=3)
    build(config(made, tmp_path / "calm"))
    out = tmp_path / "out"
    module = {"assemble": "collection.build", "finish": "collection.release", "settle": "collection.pseudonyms.ledger"}
    with monkeypatch.context() as patch:
        patch.setattr(f"{module.get(where, 'collection.releases.work_folder')}.{where}", stop)
        with pytest.raises(KeyboardInterrupt):
            build(config(made, out))
    build(config(made, out))
    assert files(out) == files(tmp_path / "calm")
    assert not (tmp_path / "out.work").exists()


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_stale_and_damaged_work_is_done_again(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3)
    build(config(made, tmp_path / "calm"))
    out = tmp_path / "out"
    recordings = work_folder.open_folder(tmp_path / "out.work")
    (recordings / "rec_0123456789abcdef-0123456789abcdef.arrow").write_bytes(b"of a learner who withdrew")
    (recordings / ".half.partial").write_bytes(b"half")
    build(config(made, out))
    assert files(out) == files(tmp_path / "calm")
    with pytest.raises(ReleaseError, match="run the same command again"):
        (tmp_path / "bad.arrow").write_bytes(b"no arrow file")
        work.read(tmp_path / "bad.arrow")


def test_official_splits_are_obeyed_and_the_rest_is_held_out_of_train(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=12, each=1)
    recordings = tuple(
        replace(recording, split=Split.TEST) if number < 4 else recording
        for number, recording in enumerate(made.intake.recordings)
    )
    write_intake(made.folder, replace(made.intake, recordings=recordings))
    facts = build(config(made, tmp_path / "out")).release.manifest
    # Eight learners are left for train and validation, 7 : 1.
    assert {split: part["speakers"] for split, part in facts["splits"].items()} == {
        "test": 4,
        "train": 7,
        "validation": 1,
    }


def test_the_manifest_describes_the_release_and_nobody(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=6)
    out = tmp_path / "out"
    facts = build(config(made, out)).release.manifest
    assert facts == manifest.read(out)
    assert set(facts["files"]) == {name for name in files(out) if name != "manifest.json"}
    assert facts["inventory"].keys() == {"en-US"}
    assert len(facts["inventory"]["en-US"]) == 39
    assert facts["key_id"] == read_key(made.key).id
    assert read_key(made.key).secret.hex() not in json.dumps(facts)
    assert facts["on"] == ON
    assert facts["config"]["k"] == 5
    assert not {"out", "key", "intake", "workers", "runner"} & facts["config"].keys()
    read_release(out).verify()


def test_the_verb_explains_itself_and_its_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_class(tmp_path, learners=3, refusing=(0,))
    given = arguments(made, tmp_path / "out", "workers=0")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*overrides: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["collection.build", *overrides])
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return int(str(code)), " ".join((said.out + said.err).split())

    code, said = call(*given)
    assert code == 0
    assert all(word in said for word in ("learner_refused", "removed", "roster.name", "Release autumn"))
    code, said = call(*given)
    assert (code, "Nothing to do" in said) == (0, True)
    code, said = call(*given, "shard_byte=3")
    assert (code, "shard_byte" in said) == (1, True)
    code, said = call(*given, "k=many")
    assert (code, "'many'" in said) == (1, True)
    code, said = call(*(argument for argument in given if not argument.startswith("key=")))
    assert (code, "key is required" in said) == (2, True)
    code, said = call(*given, "k=3")
    assert (code, "choose another out" in said) == (1, True)
    code, said = call("source=nowhere", *given[1:])
    assert (code, "speechocean762" in said) == (1, True)
    assert not Path("outputs").exists()


def test_a_text_that_names_a_learner_reaches_no_file_of_the_release(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=1)
    first, *rest = made.intake.recordings
    named = replace(first, prompts=("see the book of Zoe and Martin0",))
    made.intake = replace(made.intake, recordings=(named, *rest))
    write_intake(made.folder, made.intake)
    facts = build(config(made, tmp_path / "out", k=1)).release.manifest
    assert facts["dropped"] == {"personal_data_in_text": 1}
    assert facts["kept"]["rows"] == 2
    everything = b"".join(files(tmp_path / "out").values()).lower()
    for name in ("Zoe", "Zoé", "Martin", "Jean Moulin"):
        assert name.lower().encode() not in everything
    with pytest.raises(ReleaseError, match="config"):
        changed = config(made, tmp_path / "out", k=1)
        changed.redaction.enabled = False
        build(changed)
