"""Voiceprints: encrypted, bound to learner, consent and key, erased with the learner."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from collection.classes import voiceprints
from collection.consent import ConsentPolicy
from collection.errors import KeyFileError, VoiceprintError
from collection.keys import Key, create_key, read_key
from tests.intakes import Class, make_class

ON = date(2095, 1, 15)
SPEECH = np.random.default_rng(0).standard_normal(8 * 16_000).astype(np.float32)


def embed(utterances: list[np.ndarray]) -> np.ndarray:
    """Return a unit vector that depends on the sound."""
    made = np.stack([np.abs(np.fft.rfft(samples[:510])) for samples in utterances]).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def made(tmp_path: Path) -> Class:
    return make_class(tmp_path, learners=3, each=1, refusing=(2,))


def enrol(made: Class, learner: str, samples: np.ndarray) -> voiceprints.Voiceprint:
    key = voiceprints_key(made)
    record = voiceprints.consenting(made.folder, key, learner, made.records[learner], ON, ConsentPolicy())
    return voiceprints.enrol(made.folder, key, learner, samples, record, embed)


def voiceprints_key(made: Class) -> Key:
    return read_key(made.key)


def test_what_was_enrolled_is_read_again(made: Class) -> None:
    print_ = enrol(made, "pupil-0", SPEECH)
    found = voiceprints.read(made.folder, voiceprints_key(made), "pupil-0")
    assert found is not None
    np.testing.assert_array_equal(found.vector, print_.vector)
    assert (found.seconds, found.record_id) == (8.0, "record-pupil-0")
    assert voiceprints.read(made.folder, voiceprints_key(made), "pupil-1") is None


def test_nothing_of_it_lies_open(made: Class) -> None:
    print_ = enrol(made, "pupil-0", SPEECH)
    (path,) = (made.folder / voiceprints.FOLDER).iterdir()
    content = path.read_bytes()
    assert "pupil" not in path.name
    assert path.stat().st_mode & 0o077 == 0
    for secret in (b"pupil-0", b"record-", print_.vector[:4].tobytes(), print_.sound.encode()):
        assert secret not in content


def test_a_refusing_learner_and_an_unknown_one_are_not_enrolled(made: Class) -> None:
    with pytest.raises(VoiceprintError, match="no live consent") as refused:
        enrol(made, "pupil-2", SPEECH)
    assert "Zoé" not in str(refused.value)
    with pytest.raises(VoiceprintError, match="no_record"):
        voiceprints.consenting(made.folder, voiceprints_key(made), "nobody", None, ON, ConsentPolicy())
    assert not (made.folder / voiceprints.FOLDER).exists()


def test_two_learners_with_one_enrolment_are_refused_and_nothing_is_written(made: Class) -> None:
    enrol(made, "pupil-0", SPEECH)
    with pytest.raises(VoiceprintError, match="have one enrolment"):
        enrol(made, "pupil-1", SPEECH)
    louder = SPEECH * np.float32(1.5)  # another file, the same voice
    with pytest.raises(VoiceprintError, match="have one enrolment"):
        enrol(made, "pupil-1", louder)
    assert voiceprints.read(made.folder, voiceprints_key(made), "pupil-1") is None
    enrol(made, "pupil-0", louder)  # a learner may enrol again


def test_too_little_speech_is_refused(made: Class) -> None:
    with pytest.raises(VoiceprintError, match=r"3\.0 s of speech"):
        enrol(made, "pupil-0", SPEECH[: 3 * 16_000])


def test_another_key_does_not_open_the_vault(made: Class, tmp_path: Path) -> None:
    enrol(made, "pupil-0", SPEECH)
    other = create_key(tmp_path / "other.key")
    with pytest.raises(KeyFileError, match="made with key"):
        voiceprints.read(made.folder, other, "pupil-0")
    assert not voiceprints.erase(made.folder, other, "pupil-0")


def test_a_damaged_print_and_one_under_another_name_do_not_open(made: Class) -> None:
    key = voiceprints_key(made)
    enrol(made, "pupil-0", SPEECH)
    path, stolen = (voiceprints.path_of(made.folder, key, name) for name in ("pupil-0", "pupil-1"))
    stolen.write_bytes(path.read_bytes())
    with pytest.raises(VoiceprintError, match="damaged"):
        voiceprints.read(made.folder, key, "pupil-1")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(VoiceprintError, match="damaged"):
        voiceprints.read(made.folder, key, "pupil-0")


def test_erasing_takes_one_learner_and_no_other(made: Class) -> None:
    key = voiceprints_key(made)
    enrol(made, "pupil-0", SPEECH)
    enrol(made, "pupil-1", np.cumsum(SPEECH).astype(np.float32))
    assert voiceprints.erase(made.folder, key, "pupil-0")
    assert not voiceprints.erase(made.folder, key, "pupil-0")
    assert voiceprints.read(made.folder, key, "pupil-0") is None
    assert voiceprints.read(made.folder, key, "pupil-1") is not None


def test_a_print_says_nothing_when_it_is_printed(made: Class) -> None:
    print_ = enrol(made, "pupil-0", SPEECH)
    assert "array" not in repr(replace(print_))
