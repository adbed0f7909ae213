"""The search along a list, against every way there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.hearing.list_search import best_scores, relative, search

GAIN = 2.0


def paths(text: Sequence[int], frames: int) -> Iterator[tuple[int, ...]]:
    """Yield every CTC path of a text over so many frames that begins and ends with one of its phones."""
    for path in product(sorted({0, *text}), repeat=frames):
        merged = [symbol for at, symbol in enumerate(path) if at == 0 or symbol != path[at - 1]]
        if [symbol for symbol in merged if symbol] == list(text) and path[0] and path[-1]:
            yield path


def score(table: np.ndarray, text: Sequence[int], first: int, last: int) -> float:
    found = [
        sum(float(table[first + at, symbol]) for at, symbol in enumerate(path))
        for path in paths(text, last - first + 1)
    ]
    return max(found, default=-np.inf) + GAIN * len(text)


tables = st.integers(1, 5).flatmap(
    lambda frames: st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=frames, max_size=frames)
)
texts_ = st.lists(st.lists(st.integers(1, 2), max_size=3), min_size=1, max_size=3)


@settings(max_examples=150)
@given(tables, texts_, st.booleans())
def test_no_other_way_down_the_list_scores_more(rows: list[list[float]], texts: list[list[int]], again: bool) -> None:
    table = relative(np.log(np.array(rows, np.float32)), -20.0)

    @cache
    def best(at: int, least: int) -> float:
        """Return the most that frames from ``at`` and texts from ``least`` can score."""
        if at == len(table):
            return 0.0
        rest = [best(at + 1, least)]
        for text in range(least, len(texts)):
            if texts[text]:
                after = text if again else text + 1
                rest += [score(table, texts[text], at, last) + best(last + 1, after) for last in range(at, len(table))]
        return max(rest)

    found = search(table, np.zeros(len(table), bool), texts, GAIN, again)
    assert sum(each.score for each in found) == pytest.approx(best(0, 0), abs=1e-4)
    assert [each.text for each in found] == sorted(each.text for each in found)
    assert again or len({each.text for each in found}) == len(found)
    for before, after in pairwise(found):
        assert before.last < after.first
    for each in found:
        assert each.score == pytest.approx(score(table, texts[each.text], each.first, each.last), abs=1e-4)


@settings(max_examples=100)
@given(tables, texts_)
def test_the_best_score_of_a_text_is_the_best_of_all_stretches(rows: list[list[float]], texts: list[list[int]]) -> None:
    table = relative(np.log(np.array(rows, np.float32)), -20.0)
    frames = range(len(table))
    for text, found in zip(texts, best_scores(table, texts, GAIN), strict=True):
        every = [score(table, text, first, last) for first in frames for last in frames if first <= last and text]
        assert found == pytest.approx(max(every, default=-np.inf), abs=1e-4)


def sure(*symbols: int) -> np.ndarray:
    table = np.full((len(symbols), 4), 0.01, np.float32)
    table[np.arange(len(symbols)), symbols] = 0.97
    return relative(np.log(table), -8.0)


def test_a_text_is_found_between_what_is_on_no_list() -> None:
    (found,) = search(sure(3, 0, 1, 0, 2, 0, 3), np.zeros(7, bool), [[1, 2]], GAIN)
    assert (found.text, found.first, found.last, found.score) == (0, 2, 4, pytest.approx(2 * GAIN))


def test_the_same_phone_twice_needs_a_blank_between() -> None:
    assert [each.score for each in search(sure(1, 0, 1), np.zeros(3, bool), [[1, 1]], GAIN)] == [2 * GAIN]
    assert search(sure(1, 1), np.zeros(2, bool), [[1, 1]], 0.1) == []


def test_a_text_does_not_go_on_across_a_break() -> None:
    table = sure(1, 0, 2)
    assert search(table, np.array([False, False, True]), [[1, 2]], GAIN) == []


def test_empty_texts_and_no_frames_give_nothing() -> None:
    assert search(sure(1), np.zeros(1, bool), [[]], GAIN) == []
    assert search(sure(1)[:0], np.zeros(0, bool), [[1]], GAIN) == []
    assert search(sure(1), np.zeros(1, bool), [], GAIN) == []
