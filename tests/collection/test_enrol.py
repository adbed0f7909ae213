"""The verb that makes voiceprints: consenting learners only, once, and nobody who has withdrawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from collection.classes import voiceprints
from collection.enrol import EnrolConfig, enrol
from collection.errors import IntakeError
from collection.intake import write_intake
from collection.keys import read_key
from collection.phones import transcribe
from collection.synthetic.voices import Synthesiser, Voice
from collection.withdrawal import tombstones
from collection.withdrawal.tombstones import Kind
from tests.intakes import ON, Class, make_class

TEXT = "the quick brown fox jumps over the lazy dog while seven wild geese fly north over the quiet lake in autumn"
VOICES = (Voice("f2", 70, 40, 150, 1.2), Voice("m3", 35, 40, 150, 0.9), Voice("f4", 50, 40, 150, 1.0))


@pytest.fixture
def made(tmp_path: Path) -> Class:
    """Three learners, the last refusing, each with one recording of their own voice alone."""
    made = make_class(tmp_path, learners=3, each=1, refusing=(2,))
    recordings = []
    with Synthesiser() as synthesiser:
        for recording, voice in zip(made.intake.recordings, VOICES, strict=True):
            speech = synthesiser.speak(voice, [word.canonical for word in transcribe(TEXT, "en-US")])
            name = f"audio/{recording.learner_id}-voice.wav"
            soundfile.write(made.folder / name, np.tile(speech.samples, 2), speech.rate, subtype="PCM_16")
            recordings.append(replace(recording, path=Path(name), prompts=(), enrols=True, segmented=False))
    made.intake = replace(made.intake, recordings=tuple(recordings))
    write_intake(made.folder, made.intake)
    return made


def prints(made: Class) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (made.folder / voiceprints.FOLDER).glob("*.bin")}


def name_of(made: Class, learner: str) -> str:
    return voiceprints.path_of(made.folder, read_key(made.key), learner).name


def test_consenting_learners_are_enrolled_once(made: Class) -> None:
    config = EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON)
    outcomes = enrol(config)
    assert [reason is None for reason in outcomes.values()] == [True, True, False]
    first = prints(made)
    assert set(first) == {name_of(made, "pupil-0"), name_of(made, "pupil-1")}
    assert enrol(config) == outcomes
    assert prints(made) == first


def test_whoever_withdrew_is_not_enrolled_again_from_an_old_backup(made: Class) -> None:
    key, ledger = read_key(made.key), tombstones.beside(made.key)
    gone = tombstones.subject(key, made.intake.source, "pupil-1")
    tombstones.append(ledger, key, Kind.WITHDRAWN, gone, datetime(2026, 3, 1, tzinfo=UTC))
    enrol(EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON))
    assert set(prints(made)) == {name_of(made, "pupil-0")}


def test_who_withdraws_while_others_enrol_is_not_enrolled_after_all(
    made: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, ledger = read_key(made.key), tombstones.beside(made.key)
    enrol_one = voiceprints.enrol

    def then_another_withdraws(*given: object) -> object:
        gone = tombstones.subject(key, made.intake.source, "pupil-1")
        tombstones.append(ledger, key, Kind.WITHDRAWN, gone, datetime(2026, 3, 1, tzinfo=UTC))
        return enrol_one(*given)

    monkeypatch.setattr("collection.classes.voiceprints.enrol", then_another_withdraws)
    outcomes = enrol(EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON))
    assert "has withdrawn" in str(outcomes[name_of(made, "pupil-1").removesuffix(".bin")])
    assert set(prints(made)) == {name_of(made, "pupil-0")}


def test_a_voiceprint_goes_when_its_learner_refuses(made: Class) -> None:
    config = EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON)
    enrol(config)
    made.sign("pupil-1", yes=False)
    outcomes = enrol(config)
    assert "no live consent" in str(outcomes[name_of(made, "pupil-1").removesuffix(".bin")])
    assert set(prints(made)) == {name_of(made, "pupil-0")}


@pytest.mark.parametrize("what", ["birth dates", "too early", "a class"])
def test_without_a_consent_for_that_recording_nobody_is_enrolled(made: Class, what: str) -> None:
    learners, recordings = dict(made.intake.learners), list(made.intake.recordings)
    if what == "birth dates":
        learners["pupil-1"] = replace(learners["pupil-1"], birth_date=date(2080, 1, 1))
    elif what == "too early":
        recordings[1] = replace(recordings[1], recorded_on=date(2094, 8, 31))
    else:
        recordings[1] = replace(recordings[1], learner_id="*", prompts=("see",), readers=("pupil-1",))
    write_intake(made.folder, replace(made.intake, learners=learners, recordings=tuple(recordings)))
    said = list(enrol(EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON)).values())[1]
    assert {"birth dates": "two birth dates", "too early": "no consent yet", "a class": "no live"}[what] in str(said)
    assert set(prints(made)) == {name_of(made, "pupil-0")}


def test_an_intake_without_enrolments_says_what_to_mark(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=1, each=1)
    with pytest.raises(IntakeError, match='"enrols": true'):
        enrol(EnrolConfig(intake=str(made.folder), key=str(made.key), on=ON))
