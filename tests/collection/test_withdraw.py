"""Withdrawal on the intake side: previewed, confirmed, safe to kill at any step, and stronger than a backup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from collection.build import build, main
from collection.classes import voiceprints
from collection.classes.voiceprints import Voiceprint
from collection.config import BuildConfig
from collection.consent import ConsentPolicy, Reason, decide
from collection.errors import ConfigError, IntakeError, KeyFileError, ParlureError, ReleaseError
from collection.intake import CLASS, REGISTER, Annotation, read_intake, write_intake
from collection.keys import create_key, read_key
from collection.pseudonyms import ledger
from collection.pseudonyms.naming import ledger_id, naming
from collection.register import EventState, Role, read_register, write_register
from collection.release import read_release
from collection.releases import publications, work_folder
from collection.releases.publications import Publication, State
from collection.schema import Purpose, Scores, Split, Word
from collection.withdraw import Report, WithdrawConfig, withdraw
from collection.withdrawal import tombstones, withdrawn
from collection.withdrawal.tombstones import Kind, LedgerError
from tests.intakes import ON, Class, add_recording, files, make_class

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GONE = "pupil-1"
WORDS = tuple(Word(text) for text in ("see", "the", "cat"))


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """A class with ratings and a release; in a second build, never finished, lies everybody's work."""
    rated = tuple(Annotation(f"tape-{n}-0", 0, WORDS, (), Scores(total=7.0)) for n in range(3))
    made = make_class(tmp_path_factory.mktemp("school"), learners=4, each=2, annotations=rated)
    build(built(made, "autumn"))
    for seed, learner_id in enumerate((GONE, "pupil-2")):
        vector = np.random.default_rng(seed).standard_normal(256).astype(np.float32)
        print_ = Voiceprint(vector, 10.0, f"record-{learner_id}", f"sound-{seed}")
        voiceprints.store(made.folder, read_key(made.key), learner_id, print_)
    recordings = work_folder.open_folder(made.folder.parent / "winter.work")
    (recordings / "rec_0-1.arrow").write_bytes(b"a voice")
    (made.folder / ".recordings.jsonl.77.partial").write_text('{"learner_id": "pupil-1"')
    return made


@pytest.fixture
def copy(school: Class, tmp_path: Path) -> Class:
    """The same school in a folder of its own."""
    return copied(school, tmp_path / "school")


def copied(school: Class, root: Path) -> Class:
    shutil.copytree(school.folder.parent, root)
    return Class(root / "intake", root / "parlure.key", school.intake, dict(school.records))


def built(made: Class, name: str) -> BuildConfig:
    root = made.folder.parent
    given = {"intake": str(made.folder), "out": str(root / name), "key": str(made.key), "name": name}
    return BuildConfig(importer="folder", on=ON, workers=0, **given)


def asked(made: Class, **changes: object) -> WithdrawConfig:
    root = made.folder.parent
    releases = [str(root / "autumn"), str(root / "winter")]
    given = {"learner": GONE, "releases": releases, **changes}
    return WithdrawConfig(intake=str(made.folder), key=str(made.key), **given)


def confirmed(made: Class, **changes: object) -> Report:
    return withdraw(asked(made, confirm="class", **changes), now=NOW)


def speakers(folder: Path) -> set[str]:
    release = read_release(folder)
    return {row["speaker_id"] for split in release.files for row in release.rows(split, ["speaker_id"])}


def without_locks(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in files(folder).items() if not name.endswith("lock")}


def test_a_preview_says_what_will_be_done_and_writes_nothing(copy: Class) -> None:
    root = copy.folder.parent
    before = files(root)
    report = withdraw(asked(copy), now=NOW)
    (found,) = report.withdrawals
    assert not report.done
    assert [path.name for path in found.sounds] == ["pupil-1-0.wav", "pupil-1-1.wav"]
    assert (len(found.recordings), len(found.ratings), found.enrolled, found.on_roster) == (2, 1, True, True)
    assert found.event is not None
    assert (found.event.state, found.event.role, found.event.at) == (EventState.WITHDRAWN, Role.LEARNER, NOW)
    assert found.unfinished == (root / "winter.work",)
    (past,) = found.releases
    speaker = naming(read_key(copy.key), "autumn", "class").speaker(GONE)
    assert (past.name, past.speaker, past.rows, past.doomed) == ("autumn", speaker, 2, ())
    assert files(root) == before


def test_a_confirmed_withdrawal_destroys_marks_and_notes(copy: Class) -> None:
    root, key = copy.folder.parent, read_key(copy.key)
    before, release = files(root), files(root / "autumn")
    report = confirmed(copy)
    after = files(root)
    assert report.done
    intake = read_intake(copy.folder)
    assert list(intake.learners) == ["pupil-0", "pupil-2", "pupil-3"]
    assert {recording.learner_id for recording in intake.recordings} == set(intake.learners)
    assert list(intake.annotations) == [("tape-0-0", 0), ("tape-2-0", 0)]
    gone = {name for name in before if name not in after}
    sounds = {f"intake/audio/pupil-1-{take}.wav" for take in (0, 1)}
    unfinished = {"winter.work/recordings/rec_0-1.arrow"}
    voiceprint = {str(voiceprints.path_of(copy.folder, key, GONE).relative_to(root))}
    assert gone == sounds | voiceprint | unfinished | {"intake/.recordings.jsonl.77.partial"}
    assert voiceprints.read(copy.folder, key, "pupil-2") is not None
    # Everybody else's lines stay byte for byte.
    for name in ("roster.jsonl", "recordings.jsonl", "ratings.jsonl"):
        kept = [
            line for line in before[f"intake/{name}"].splitlines() if b"pupil-1" not in line and b"tape-1" not in line
        ]
        assert after[f"intake/{name}"].splitlines() == kept
    record = read_register(copy.folder / REGISTER)[GONE]
    assert [(event.state, event.at, event.entity) for event in record.events] == [
        (EventState.WITHDRAWN, NOW, "learner-pupil-1")
    ]
    assert ledger_id(key, "class", GONE) not in ledger.read(root / "parlure.key.splits.jsonl")
    assert len(ledger.read(root / "parlure.key.splits.jsonl")) == 3
    # The release's own files are what they were; the marker says which rows nobody may use.
    marker = json.loads((root / "autumn" / withdrawn.NAME).read_text("utf-8"))
    speaker = naming(key, "autumn", "class").speaker(GONE)
    assert {name: data for name, data in files(root / "autumn").items() if name != withdrawn.NAME} == release
    assert marker.pop("duty").startswith("Delete every row whose speaker_id is in speakers")
    assert marker == {
        "schema": "parlure-withdrawn-1",
        "status": "superseded",
        "date": "2026-03-01",
        "count": 1,
        "speakers": [speaker],
        "destroyed": False,
    }
    opened = read_release(root / "autumn")
    opened.verify()
    assert opened.withdrawn == {speaker}
    assert speaker not in speakers(root / "autumn")
    assert sum(opened.count_withdrawn(split) for split in opened.files) == 2
    assert sum(opened.count(split) for split in opened.files) == 8
    written = tombstones.read_verified(tombstones.beside(copy.key), key)
    assert [entry.kind for entry in written.of(tombstones.subject(key, "class", GONE))] == [Kind.WITHDRAWN, Kind.DONE]
    assert report.head == written.head


def named(copy: Class) -> None:
    """Give the learner who will withdraw a name of their own, and a classmate a sentence that holds it, misspelt."""
    learners = dict(copy.intake.learners)
    learners[GONE] = replace(learners[GONE], name="Xanthippe Quillfeather")
    rated, other, *rest = copy.intake.recordings
    assert GONE not in (rated.learner_id, other.learner_id)
    other = replace(other, prompts=("ask Quilfeather please",))
    copy.intake = replace(copy.intake, learners=learners, recordings=(rated, other, *rest))
    write_intake(copy.folder, copy.intake)


def test_the_name_of_who_withdrew_is_still_taken_out_of_what_others_read(copy: Class) -> None:
    named(copy)
    root = copy.folder.parent
    confirmed(copy)
    for name, data in files(root).items():
        assert b"xanthippe" not in data.lower(), name
        assert b"quillf" not in data.lower(), name
    facts = build(built(copy, "spring")).release.manifest
    assert facts["dropped"] == {"personal_data_in_text": 1}
    assert facts["kept"]["rows"] == 5
    assert not any(b"quilf" in data.lower() for data in files(root / "spring").values())


def test_a_name_that_is_to_be_forgotten_is_not_looked_for(copy: Class) -> None:
    named(copy)
    confirmed(copy, forget_name=True)
    ledger_file = tombstones.read_verified(tombstones.beside(copy.key), read_key(copy.key))
    assert not any(entry.names for entry in ledger_file.entries)
    facts = build(built(copy, "spring")).release.manifest
    assert (facts["dropped"], facts["kept"]["rows"]) == ({}, 6)


def test_a_second_run_finds_nothing_to_do(copy: Class) -> None:
    confirmed(copy)
    before = files(copy.folder.parent)
    for config in (asked(copy, confirm="class"), asked(copy, learner=None, confirm="class"), asked(copy)):
        assert withdraw(config, now=NOW).withdrawals == ()
    assert files(copy.folder.parent) == before


def test_whoever_was_sent_a_release_is_named(copy: Class) -> None:
    path = publications.beside(copy.key)
    for name, place in {"autumn": "hf://datasets/academy/autumn", "winter": "s3://bucket/winter"}.items():
        publications.append(path, Publication(name, "ab" * 32, place, State.STARTED, NOW, True, True))
    assert withdraw(asked(copy), now=NOW).holders == (("autumn", "hf://datasets/academy/autumn"),)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def killer(step: int) -> Callable[[str], None]:
    """Return a callback that dies before step number ``step``."""
    seen: list[str] = []

    def on_step(name: str) -> None:
        if len(seen) == step:
            raise Killed
        seen.append(name)

    return on_step


def test_killed_between_any_two_steps_the_same_command_ends_in_the_same_state(school: Class, tmp_path: Path) -> None:
    names: list[str] = []
    whole = copied(school, tmp_path / "whole")
    config = {"confirm": "class", "destroy": True}
    withdraw(asked(whole, **config), names.append, NOW)
    expected = without_locks(tmp_path / "whole")
    assert names[0] == "tombstone"
    assert names[-1] == "done"
    assert set(names) >= {"register", "release marked", "recording", "voiceprint", "unfinished build", "roster"}
    for step in range(len(names)):
        made = copied(school, tmp_path / f"killed-{step}")
        with pytest.raises(Killed):
            withdraw(asked(made, **config), killer(step), NOW)
        if step in (1, len(names) - 1):
            # Whatever was left undone, the learner is in no build from the first step on.
            assert speakers_of_next(made).isdisjoint({naming(read_key(made.key), "next", "class").speaker(GONE)})
        withdraw(asked(made, **config), now=NOW)
        found = {name: data for name, data in without_locks(made.folder.parent).items() if not name.startswith("next")}
        for name in ("parlure.key.splits.jsonl", "parlure.key.releases.jsonl"):  # the build in between wrote there
            assert set(expected[name].splitlines()) <= set(found.pop(name).splitlines())
        assert found.keys() == expected.keys() - {"parlure.key.splits.jsonl", "parlure.key.releases.jsonl"}, names[step]
        assert all(found[name] == expected[name] for name in found), names[step]


def speakers_of_next(made: Class) -> set[str]:
    report = build(built(made, "next"))
    return speakers(report.release.path)


def test_a_restored_backup_brings_nobody_back(copy: Class, tmp_path: Path) -> None:
    shutil.copytree(copy.folder, tmp_path / "backup")
    confirmed(copy)
    fresh = build(built(copy, "spring"))
    assert fresh.removed_again == 0
    shutil.rmtree(copy.folder)
    shutil.copytree(tmp_path / "backup", copy.folder)
    assert GONE in read_intake(copy.folder).learners
    # The same release stands, byte for byte, and another one has no row of the learner.
    again = build(built(copy, "spring"))
    assert (again.made, again.removed_again, again.dropped) == (False, 1, fresh.dropped)
    other = build(built(copy, "summer"))
    assert other.removed_again == 1
    assert other.release.manifest["kept"]["speakers"] == 3
    assert naming(read_key(copy.key), "summer", "class").speaker(GONE) not in speakers(other.release.path)
    # Without a learner the verb is about whoever is back.
    (found,) = withdraw(asked(copy, learner=None), now=NOW).withdrawals
    assert len(found.sounds) == 2
    later = datetime(2026, 4, 1, tzinfo=UTC)
    withdraw(asked(copy, learner=None, confirm="class"), now=later)
    assert GONE not in read_intake(copy.folder).learners
    assert not list(copy.folder.glob("audio/pupil-1-*"))
    # Who had withdrawn is not known from an old register, only that the consent has ended since.
    (event,) = read_register(copy.folder / REGISTER)[GONE].events
    assert (event.state, event.role, event.at) == (EventState.EXPIRED, Role.CONTROLLER, NOW)
    kinds = [entry.kind for entry in tombstones.read_verified(tombstones.beside(copy.key), read_key(copy.key)).entries]
    assert kinds == [Kind.WITHDRAWN, Kind.DONE] * 2
    assert build(built(copy, "summer")).removed_again == 0


def test_the_register_says_no_from_then_on(copy: Class) -> None:
    record = copy.records[GONE]
    past = tuple(replace(signature, signed_on=date(2025, 9, 1)) for signature in record.signatures)
    copy.records[GONE] = replace(record, birth_date=date(2012, 1, 3), signatures=past)
    write_register(copy.folder / REGISTER, copy.records.values())
    day, policy = date(2026, 3, 2), ConsentPolicy()
    assert decide(copy.records[GONE], Purpose.TRAINING, day, policy).keep
    confirmed(copy)
    after = read_register(copy.folder / REGISTER)[GONE]
    assert decide(after, Purpose.TRAINING, day, policy).reason is Reason.WITHDRAWN
    assert after.birth_date == date(2012, 1, 3)


def test_a_guardian_withdraws_under_their_own_id(copy: Class) -> None:
    confirmed(copy, by="guardian")
    (event,) = read_register(copy.folder / REGISTER)[GONE].events
    assert (event.role, event.entity) == (Role.GUARDIAN, "guardian-pupil-1")
    with pytest.raises(ConfigError, match=r"learner, guardian or controller"):
        withdraw(asked(copy, learner="pupil-2", by="teacher"))
    with pytest.raises(ConfigError, match=r"is someone else in record"):
        withdraw(asked(copy, learner="pupil-2", by="guardian", entity="learner-pupil-2"))


def test_two_learners_share_a_marker_and_an_old_copy_can_be_destroyed(copy: Class) -> None:
    out = copy.folder.parent / "autumn"
    confirmed(copy)
    confirmed(copy, learner="pupil-2")
    marker = withdrawn.read(out)
    assert marker is not None
    assert marker.count == 2
    assert len(speakers(out)) == 2
    whole = files(out)
    confirmed(copy, destroy=True)
    assert any(name.endswith(".parquet") for name in whole)
    assert set(files(out)) == {"manifest.json", withdrawn.NAME}
    with pytest.raises(ReleaseError, match="rows of release autumn were destroyed after a withdrawal"):
        read_release(out)
    assert withdraw(asked(copy, destroy=True), now=NOW).withdrawals == ()
    assert confirmed(copy, learner="pupil-3").withdrawals[0].releases == ()


def test_models_are_found_by_the_pseudonym_even_without_the_release(copy: Class, tmp_path: Path) -> None:
    speaker = naming(read_key(copy.key), "lost", "class").speaker(GONE)
    for name, heard in {"knows": [speaker, "spk_2"], "does-not": ["spk_2"]}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        facts = {"encoder": "e", "code_version": "0", "releases": [{"name": "lost", "speakers": heard}]}
        (tmp_path / "runs" / name / "lineage.json").write_text(json.dumps(facts))
    report = withdraw(asked(copy, runs=[str(tmp_path / "runs")], releases=[]), now=NOW)
    assert [(model.folder.name, model.speaker, model.marked) for model in report.models] == [("knows", speaker, False)]
    assert report.not_given == ("autumn",)
    (tmp_path / "runs" / "knows" / "lineage.json").write_text("{}")
    with pytest.raises(ReleaseError, match="cannot be read"):
        withdraw(asked(copy, runs=[str(tmp_path / "runs")]), now=NOW)


def edit_ledger(made: Class) -> None:
    confirmed(made, learner="pupil-2")
    path = tombstones.beside(made.key)
    path.write_bytes(path.read_bytes().replace(b"withdrawn", b"done"))


def roll_ledger_back(made: Class) -> None:
    confirmed(made, learner="pupil-2")
    path = tombstones.beside(made.key)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def change_key(made: Class) -> None:
    made.key.unlink()
    create_key(made.key)


def change_key_without_voiceprints(made: Class) -> None:
    shutil.rmtree(made.folder / voiceprints.FOLDER)
    change_key(made)


def change_key_after_a_withdrawal(made: Class) -> None:
    confirmed(made, learner="pupil-2")
    change_key_without_voiceprints(made)


def nothing(made: Class) -> None:
    pass


def damage_marker(made: Class) -> None:
    (made.folder.parent / "autumn" / withdrawn.NAME).write_text('{"speakers": []}')


@pytest.mark.parametrize(
    ("prepare", "changes", "error", "message"),
    [
        (nothing, {"learner": "pupil-9"}, IntakeError, "neither the roster nor the register"),
        (nothing, {"learner": "Pupil-1"}, IntakeError, "letter by letter"),
        (nothing, {"confirm": "classe"}, ConfigError, "confirm=classe is not the name of this dataset"),
        (nothing, {"releases": ["no/such/folder"]}, ReleaseError, "holds no release"),
        (nothing, {"entity": "someone-new"}, ConfigError, "is someone else in record record-pupil-1"),
        (damage_marker, {}, ReleaseError, "is damaged"),
        (edit_ledger, {}, LedgerError, "chain of the ledger of withdrawals breaks at line 2"),
        (roll_ledger_back, {}, LedgerError, "lines are missing at the end"),
        (change_key, {}, KeyFileError, "voiceprints in .* were made with key"),
        (change_key_without_voiceprints, {}, KeyFileError, "release autumn was made with key"),
        (change_key_after_a_withdrawal, {}, KeyFileError, "was written with another key"),
    ],
)
def test_what_cannot_be_right_stops_before_anything_is_written(
    copy: Class, prepare: Callable[[Class], None], changes: dict[str, object], error: type[ParlureError], message: str
) -> None:
    prepare(copy)
    before = without_locks(copy.folder.parent)
    with pytest.raises(error, match=message) as caught:
        withdraw(asked(copy, **{"confirm": "class", **changes}), now=NOW)
    assert "Martin" not in str(caught.value)
    assert without_locks(copy.folder.parent) == before


def test_a_running_build_is_waited_for(copy: Class) -> None:
    before = without_locks(copy.folder.parent)
    with (
        FileLock(copy.folder.parent / "winter.work" / "lock"),
        pytest.raises(ReleaseError, match="a build is writing into"),
    ):
        confirmed(copy)
    assert without_locks(copy.folder.parent) == before


def heard_in_class(copy: Class) -> None:
    """Add the recording of a class in which two learners, and somebody else, read and were rated."""
    intake = copy.intake
    lesson = replace(intake.recordings[0], recording_id="hour", learner_id=CLASS, segmented=False)
    readers = ("pupil-0", GONE, None, GONE)
    lesson = replace(lesson, path=Path("audio/hour.wav"), readers=readers, prompts=("see the cat",) * 4)
    rated = {("hour", n): Annotation("hour", n, WORDS, ()) for n in range(4)}
    write_intake(copy.folder, replace(intake, recordings=(*intake.recordings, lesson), annotations=rated))
    (copy.folder / "audio" / "hour.wav").write_bytes(b"everybody")


def test_in_the_recording_of_a_class_they_become_nobody(copy: Class) -> None:
    heard_in_class(copy)
    (found,) = confirmed(copy).withdrawals
    assert found.classes == {"hour"}
    after = read_intake(copy.folder)
    assert after.recordings[-1].readers == ("pupil-0", None, None, None)
    assert list(after.annotations) == [("hour", 0), ("hour", 2)]
    assert (copy.folder / "audio" / "hour.wav").read_bytes() == b"everybody"
    assert confirmed(copy).withdrawals == ()


def test_the_recording_of_a_class_goes_whole_when_that_is_asked(copy: Class) -> None:
    heard_in_class(copy)
    before = read_intake(copy.folder)
    (found,) = confirmed(copy, destroy_classes=True).withdrawals
    assert (found.classes, "hour" in found.recordings) == (frozenset(), True)
    after = read_intake(copy.folder)
    assert not (copy.folder / "audio" / "hour.wav").exists()
    kept = [one for one in before.recordings if one.learner_id not in (GONE, CLASS)]
    assert list(after.recordings) == kept
    assert not after.annotations
    assert confirmed(copy, destroy_classes=True).withdrawals == ()


def test_who_withdraws_while_a_build_runs_is_not_in_its_release(copy: Class) -> None:
    def withdraw_at_the_last(step: str, done: int, total: int) -> None:
        if step == "recordings" and done == total:
            confirmed(copy, releases=[])

    with pytest.raises(ReleaseError, match="a learner withdrew while the release was being built"):
        build(built(copy, "spring"), withdraw_at_the_last)
    assert not list(copy.folder.parent.glob("spring*"))
    release = build(built(copy, "spring")).release
    assert release.manifest["kept"]["speakers"] == 3
    assert naming(read_key(copy.key), "spring", "class").speaker(GONE) not in speakers(release.path)


def test_a_tampered_ledger_stops_every_build(copy: Class) -> None:
    roll_ledger_back(copy)
    with pytest.raises(LedgerError, match="no release is built"):
        build(built(copy, "spring"))
    assert not (copy.folder.parent / "spring").exists()


def test_a_head_kept_elsewhere_shows_a_whole_rollback(copy: Class, tmp_path: Path) -> None:
    head = tombstones.head_of(tombstones.beside(copy.key))
    confirmed(copy)
    shutil.copy(head, tmp_path / "head.json")
    assert withdraw(asked(copy, head=str(tmp_path / "head.json"))).withdrawals == ()
    head.unlink()
    tombstones.beside(copy.key).unlink()
    with pytest.raises(LedgerError, match="lines are missing at the end"):
        withdraw(asked(copy, head=str(tmp_path / "head.json")))


def test_the_verb_previews_confirms_and_says_what_is_left(
    copy: Class, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from collection import withdraw as verb

    root = copy.folder.parent
    given = [f"intake={copy.folder}", f"key={copy.key}", "learner=pupil-1", f"releases=[{root / 'autumn'}]"]
    monkeypatch.setenv("COLUMNS", "200")

    def say(*more: str) -> str:
        monkeypatch.setattr("sys.argv", ["withdraw", *given, *more])
        verb.main()
        return capsys.readouterr().out

    assert "Nothing was written." in say()
    done = say("confirm=class")
    assert f"python -m training.lineage release={root / 'autumn'} runs=[FOLDER,…] mark=true" in done
    assert "Keep a copy of it elsewhere" in done
    assert "Nothing to do" in say("confirm=class")
    assert "Martin" not in done
    add_recording(copy, GONE, "tape-back", b"sound")  # writes the old lists again
    given = [f"intake={copy.folder}", f"key={copy.key}", f"out={root / 'may'}", "name=may", f"on={ON}", "workers=0"]
    monkeypatch.setattr("sys.argv", ["build", "source=folder", *given])
    main()
    assert "1 learner(s) who have withdrawn stand in the intake again" in capsys.readouterr().out
    assert Split.TRAIN in read_release(root / "may").files
