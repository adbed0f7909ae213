"""A simulated class hour: its truth agrees with its sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collection.synthetic.class_session import (
    Session,
    SessionConfig,
    Spoken,
    Voice,
    make_session,
    room_response,
    seconds_within,
)
from tests.factories import vowel

RATE = 16_000
PLAIN = SessionConfig(
    rounds=2, enrolment_seconds=2.0, taken_over=0, swapped=0, skipped=0, restarted=0, chatter=0, overlapped=0
)


def voices(count: int) -> list[Voice]:
    said = tuple((f"sentence {number}", vowel(1.0 + 0.1 * number, pitch=150.0)) for number in range(8))
    return [Voice(f"speaker-{number}", said) for number in range(count)]


def played(config: SessionConfig, seed: int = 0) -> Session:
    everyone = voices(5)
    return make_session(everyone[:2], everyone[2:4], everyone[4], config, seed)


def test_in_a_plain_class_everyone_reads_what_the_list_says() -> None:
    session = played(PLAIN)
    assert len(session.prompts) == len(session.readers) == len(session.spoken) == 8
    assert [one.speaker_id for one in session.spoken] == list(session.readers)
    assert [one.prompt for one in session.spoken] == list(range(8))
    assert set(session.enrolments) == {"speaker-0", "speaker-1"}
    assert all(len(samples) >= 2 * RATE for samples in session.enrolments.values())


def test_the_truth_is_where_the_sound_is() -> None:
    session = played(replace(PLAIN, pause=(1.0, 1.5), echo_seconds=0.2))
    for one in session.spoken:
        inside = session.samples[round(one.start * RATE) : round(one.end * RATE)]
        before = session.samples[round((one.start - 0.5) * RATE) : round(one.start * RATE)]
        assert np.sqrt(np.mean(inside**2)) > 4 * np.sqrt(np.mean(before**2))
    assert np.abs(session.samples).max() <= 1


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_lies_as_far_below_speech_as_asked(snr_db: float) -> None:
    session = played(replace(PLAIN, snr_db=snr_db, pause=(1.5, 1.6), echo_seconds=0.1))
    silent = session.samples[: round(session.spoken[0].start * RATE)]
    first = session.spoken[0]
    speech = session.samples[round(first.start * RATE) : round(first.end * RATE)]
    found = 10 * np.log10((np.mean(speech**2) - np.mean(silent**2)) / np.mean(silent**2))
    assert found == pytest.approx(snr_db, abs=2.5)


def test_the_same_seed_gives_the_same_class() -> None:
    np.testing.assert_array_equal(played(SessionConfig(), 3).samples, played(SessionConfig(), 3).samples)
    assert played(SessionConfig(), 3).spoken != played(SessionConfig(), 4).spoken


def test_turns_are_taken_over_by_those_who_do_not_consent() -> None:
    session = played(replace(PLAIN, taken_over=1.0))
    readers = {one.speaker_id for one in session.spoken if session.readers[one.prompt or 0] in session.enrolments}
    assert readers
    assert not readers & set(session.enrolments)


def test_who_breaks_off_reads_again_in_full() -> None:
    session = played(replace(PLAIN, restarted=1.0))
    assert [one.complete for one in session.spoken] == [False, True] * 8
    lengths = [one.end - one.start for one in session.spoken]
    assert all(part < whole for part, whole in zip(lengths[::2], lengths[1::2], strict=True))


def test_two_at_once_count_once() -> None:
    spoken = [Spoken("a", 0.0, 2.0), Spoken("b", 1.0, 3.0), Spoken("c", 5.0, 6.0)]
    assert seconds_within(spoken, 0.5, 5.5) == pytest.approx(3.0)
    assert seconds_within([], 0.0, 9.0) == 0


def test_an_echo_fades_by_60_db_and_has_its_level() -> None:
    response = room_response(np.random.default_rng(0), 0.5, 6.0)
    echo = response[1:]
    assert 10 * np.log10(1 / np.sum(echo**2)) == pytest.approx(6.0, abs=0.01)
    assert np.mean(echo[-400:] ** 2) < 1e-5 * np.mean(echo[400:800] ** 2)
