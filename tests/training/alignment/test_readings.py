"""The likeliest reading of a text: equal to trying every combination of variants, and canonical where nothing tells."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.alignment.align import force, frames_needed
from training.alignment.readings import choose_reading

SYMBOLS = 4
variant = st.lists(st.integers(1, SYMBOLS - 1), min_size=1, max_size=3).map(tuple)
word = st.lists(variant, min_size=1, max_size=3, unique=True)


def likeliest_alignment(log_probs: torch.Tensor, reading: list[int]) -> float:
    """Return the log probability of the best CTC path through one reading, -inf where there is no room."""
    if frames_needed(reading) > len(log_probs):
        return -math.inf
    spans = force(log_probs, reading)
    path = [0] * len(log_probs)
    for symbol, span in zip(reading, spans, strict=True):
        path[span.start_frame : span.end_frame] = [symbol] * (span.end_frame - span.start_frame)
    return float(log_probs[range(len(path)), path].sum())


@settings(max_examples=60)
@given(words=st.lists(word, min_size=1, max_size=4), frames=st.integers(1, 12), seed=st.integers(0, 999))
def test_no_combination_of_variants_has_a_likelier_alignment(
    words: list[list[tuple[int, ...]]], frames: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    log_probs = (2 * torch.randn(frames, SYMBOLS, generator=random)).log_softmax(-1)
    found = choose_reading(log_probs, words)
    assert all(each in variants for each, variants in zip(found, words, strict=True))
    readings = [[symbol for each in reading for symbol in each] for reading in product(*words)]
    best = max(likeliest_alignment(log_probs, reading) for reading in readings)
    chosen = likeliest_alignment(log_probs, [symbol for each in found for symbol in each])
    assert chosen == pytest.approx(best, abs=1e-4)
    if best == -math.inf:
        assert found == [variants[0] for variants in words]


def test_without_evidence_the_canonical_pronunciation_stays() -> None:
    words = [[(1, 2, 3), (1, 3), (2,)], [(4,), (5,)]]
    even = torch.full((10, 6), -math.log(6))
    assert choose_reading(even, words) == [(1, 2, 3), (4,)]
    assert choose_reading(even[:1], words) == [(1, 2, 3), (4,)]
    assert choose_reading(even, []) == []


def test_words_are_weighed_together() -> None:
    """1 2 3 was said: one of the two words has the 2, not both and not none."""
    said = (8.0 * torch.nn.functional.one_hot(torch.tensor([1, 0, 2, 0, 3, 0]), 4)).log_softmax(-1)
    found = choose_reading(said, [[(1,), (1, 2)], [(3,), (2, 3)]])
    assert sum(found, ()) == (1, 2, 3)


def test_sixty_words_of_two_variants_each() -> None:
    said = [1 if number % 3 else 2 for number in range(60)]
    frames = torch.tensor([symbol for each in said for symbol in (each, each, 0)])
    log_probs = (8.0 * torch.nn.functional.one_hot(frames, 3)).log_softmax(-1)
    assert choose_reading(log_probs, [[(1,), (2,)]] * 60) == [(each,) for each in said]
