"""Prompts along a recording: chatter between, skips, repeats, and nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection import reading_order
from collection.errors import ConfigError
from collection.reading_order import OrderConfig, follow, lay
from collection.segment import Interval

RATE = 16_000
PROMPTS = ("the cat sat here", "a dog ran away", "birds fly so high", "fish swim in water", "we like the rain")
CONFIG = OrderConfig(slowest=1.0)


def told(*said: int) -> tuple[np.ndarray, list[Interval]]:
    """Return two seconds of the number i + 1 for each prompt i read (0: chatter), two seconds of nothing between."""
    sound = np.zeros(4 * RATE * len(said), np.float32)
    intervals = []
    for at, prompt in enumerate(said):
        sound[4 * at * RATE : (4 * at + 2) * RATE] = prompt + 1
        intervals.append(Interval(4.0 * at, 4.0 * at + 2))
    return sound, intervals


def scorer(samples: np.ndarray, prompts: Sequence[str], language: str) -> list[float]:
    """Hear the number: what reads a prompt scores 2 for it, anything else -2."""
    heard = int(np.median(samples)) - 1
    return [2.0 if 0 <= heard < len(PROMPTS) and PROMPTS[heard] == prompt else -2.0 for prompt in prompts]


def heard(*said: int) -> dict[int, float]:
    sound, intervals = told(*said)
    return {each.prompt: each.interval.start for each in follow(sound, intervals, PROMPTS, "en-US", scorer, CONFIG)}


def test_readings_in_order_are_all_found() -> None:
    assert heard(0, 1, 2, 3, 4) == {0: 0.0, 1: 4.0, 2: 8.0, 3: 12.0, 4: 16.0}


def test_chatter_is_left_out_and_skips_are_jumped() -> None:
    assert heard(-1, 0, -1, -1, 3, -1) == {0: 4.0, 3: 16.0}


def test_the_last_complete_reading_of_a_repeat_wins() -> None:
    assert heard(0, 1, 1, -1, 1, 2) == {0: 0.0, 1: 16.0, 2: 20.0}


def test_a_prompt_out_of_order_does_not_break_the_order() -> None:
    assert heard(0, 4, 1, 2, 3) == {0: 0.0, 1: 8.0, 2: 12.0, 3: 16.0}


def test_nothing_heard_is_nothing_guessed() -> None:
    assert heard(-1, -1) == {}
    assert follow(np.zeros(10, np.float32), [], PROMPTS, "en-US", scorer) == []


def test_a_reading_broken_by_a_short_pause_is_one() -> None:
    parts = [Interval(0.0, 1.0), Interval(1.5, 2.5), Interval(6.0, 8.0)]

    def hears_the_whole(samples: np.ndarray, prompts: Sequence[str], language: str) -> list[float]:
        return [2.0 if len(samples) == 2.5 * RATE and prompt == PROMPTS[0] else -2.0 for prompt in prompts]

    found = follow(np.zeros(8 * RATE, np.float32), parts, PROMPTS, "en-US", hears_the_whole, CONFIG)
    assert [(each.prompt, each.interval) for each in found] == [(0, Interval(0.0, 2.5))]


def test_the_margin_is_over_the_next_best_of_another_text() -> None:
    def torn(samples: np.ndarray, prompts: Sequence[str], language: str) -> list[float]:
        return [{PROMPTS[0]: 1.0, PROMPTS[1]: 0.7}.get(prompt, -3.0) for prompt in prompts]

    sound, intervals = told(0)
    (reading,) = follow(sound, intervals, (*PROMPTS, PROMPTS[0]), "en-US", torn, CONFIG)
    assert reading.margin == pytest.approx(0.3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_layout_is_the_best_of_all_that_keep_the_order(rows: list[list[float]]) -> None:
    intervals = [Interval(2.0 * at, 2.0 * at + 1) for at in range(len(rows))]
    scores = {(at, at + 1): dict(enumerate(row)) for at, row in enumerate(rows)}
    found = lay(scores, intervals)
    assert [prompt for _, prompt in found] == sorted(prompt for _, prompt in found)

    def best(at: int, least: int) -> float:
        if at == len(rows):
            return 0.0
        return max([best(at + 1, least)] + [rows[at][prompt] + best(at + 1, prompt) for prompt in range(least, 3)])

    assert sum(scores[span][prompt] for span, prompt in found) == pytest.approx(best(0, 0))


def test_a_scorer_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="module:function"):
        reading_order.load("collection.nowhere:scorer", None)
    with pytest.raises(ConfigError):
        OrderConfig(reach=0)
