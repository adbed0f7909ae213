"""Words placed in a reading, and none where that is not sure."""

from __future__ import annotations

import numpy as np
import pytest

from collection.hearing.listening import spell
from collection.redaction import word_times
from collection.segment import Interval
from tests.collection.class_listener import STEP, joined, posteriors, told

WORDS = ("my", "name", "is", "Anna", "today")
PHONES = spell(WORDS, "en-US")


def placed(*parts: tuple[str, ...]) -> list[tuple[float, float] | None]:
    """Place the words in a reading in which these phones are heard, a second each part."""
    heard = joined([posteriors(part, Interval(float(at), at + 1.0)) for at, part in enumerate(parts)])
    return word_times.place(heard, PHONES, float(len(parts)))


def test_a_word_reaches_from_the_word_before_to_the_word_after() -> None:
    times = placed(*PHONES)
    assert all(times)
    assert times[0][0] == 0.0
    assert times[-1][1] == 5.0
    start, end = times[3]
    # The phones of "is" are heard at 2.25 and 2.75, the first of "today" at 4.1, of two frames at most.
    assert start == pytest.approx(2.75 + STEP, abs=2 * STEP)
    assert end == pytest.approx(4.1, abs=2 * STEP)


def test_a_false_start_of_a_word_lies_in_its_time() -> None:
    times = placed(*PHONES[:3], PHONES[3][:2], PHONES[3], PHONES[4])
    start, end = times[3]
    assert start < 3.1
    assert end > 5.0


def test_a_word_that_was_not_heard_has_no_time_nor_have_its_neighbours() -> None:
    times = placed(PHONES[0], PHONES[1], PHONES[2], ("ZH", "UH"), PHONES[4])
    assert times[2:] == [None, None, None]
    assert times[0] is not None


@pytest.mark.parametrize("at", [0, 2, 5])
def test_speech_outside_the_text_leaves_nothing_placed(at: int) -> None:
    parts = [*PHONES]
    parts.insert(at, ("B", "EH", "N", "ZH"))
    assert placed(*parts) == [None] * 5


def test_nothing_heard_is_nothing_placed() -> None:
    assert placed(()) == [None] * 5


def test_an_aligner_takes_sound() -> None:
    times = word_times.align(told("my name"), np.zeros(32_000, np.float32), ["my", "name"], "en-US")
    assert times[0][0] == 0.0
    assert times[1][1] == 2.0
    assert times[0][1] > times[1][0]  # both take the pause between them
