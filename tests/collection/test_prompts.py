"""Prompts are paired in reading order or left to a person."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.prompts import Doubt, MatchConfig, match


@dataclass(frozen=True)
class Span:
    start: float
    end: float


def spans(*lengths: float) -> list[Span]:
    found, now = [], 0.0
    for length in lengths:
        found.append(Span(now, now + length))
        now += length + 1.0
    return found


PROMPTS = ["ten letters", "twenty letters is just", "ten letters"]
"""10, 19 and 10 letters."""


def test_equal_counts_are_paired_in_order_of_time() -> None:
    first, second, third = spans(1.0, 2.0, 1.0)
    matching = match([third, first, second], PROMPTS)
    assert matching.assignments == ((0, first), (1, second), (2, third))
    assert matching.flagged is None
    assert not matching.doubtful


@pytest.mark.parametrize(
    ("lengths", "prompts", "reason"),
    [
        ((1.0, 2.0), PROMPTS, Doubt.FEWER_READINGS_THAN_PROMPTS),
        ((1.0, 2.0, 1.0, 1.0), PROMPTS, Doubt.MORE_READINGS_THAN_PROMPTS),
        ((), PROMPTS, Doubt.NO_SPEECH),
        ((1.0,), [], Doubt.NO_PROMPTS),
        ((), [], Doubt.NO_PROMPTS),
    ],
)
def test_other_counts_are_flagged_and_nothing_is_assigned(
    lengths: tuple[float, ...], prompts: list[str], reason: Doubt
) -> None:
    matching = match(spans(*lengths), prompts)
    assert matching.flagged is reason
    assert matching.assignments == ()


def test_one_reading_out_of_pace_is_set_aside_alone() -> None:
    # 10, 9.5 and 3.3 letters a second: the third is three times slower than the median.
    first, second, third = spans(1.0, 2.0, 3.0)
    matching = match([first, second, third], PROMPTS)
    assert matching.assignments == ((0, first), (1, second))
    assert matching.doubtful == {2: Doubt.TOO_SLOW_FOR_PROMPT}
    assert matching.flagged is None


def test_a_shifted_order_with_equal_counts_is_flagged() -> None:
    # Read: the long prompt cut in two, and the last one skipped; 4, 4 and 20 letters' time for 4, 20 and 4 letters.
    prompts = ["four", "a longer prompt of twenty", "four", "a longer prompt of twenty"]
    matching = match(spans(0.4, 0.4, 2.0, 2.0), prompts)
    assert matching.flagged is Doubt.ORDER_DOUBTFUL
    assert matching.assignments == ()
    assert matching.doubtful == {1: Doubt.TOO_FAST_FOR_PROMPT, 2: Doubt.TOO_SLOW_FOR_PROMPT}


@pytest.mark.parametrize(
    ("length", "doubt"),
    [(12.0, Doubt.TOO_SLOW_FOR_PROMPT), (0.3, Doubt.TOO_FAST_FOR_PROMPT), (0.0, Doubt.TOO_FAST_FOR_PROMPT)],
)
def test_a_single_reading_is_held_to_the_absolute_band(length: float, doubt: Doubt) -> None:
    assert match(spans(length), ["ten letters"]).doubtful == {0: doubt}


def test_two_readings_are_not_compared_with_each_other() -> None:
    assert len(match(spans(1.0, 5.0), ["ten letters", "ten letters"]).assignments) == 2


def test_the_band_is_a_setting() -> None:
    assert match(spans(12.0), ["ten letters"], MatchConfig(slowest=0.5)).assignments


@given(
    st.lists(st.floats(0.0, 30.0), max_size=8),
    st.lists(st.text("abcdef 12", max_size=40), max_size=8),
)
def test_no_prompt_is_given_twice_and_counts_never_mix(lengths: list[float], prompts: list[str]) -> None:
    intervals = spans(*lengths)
    matching = match(intervals, prompts)
    indexes = [index for index, _ in matching.assignments]
    assert indexes == sorted(set(indexes))
    assert all(interval is intervals[index] for index, interval in matching.assignments)
    assert not set(indexes) & set(matching.doubtful)
    if matching.flagged is None:
        assert len(lengths) == len(prompts) == len(indexes) + len(matching.doubtful)
    else:
        assert not indexes
