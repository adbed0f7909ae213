"""Forced alignment against brute force over every path, and times by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.alignment import align
from training.alignment.align import Span, Times
from training.errors import AlignmentError, Misfit


def posteriors(frames: int, symbols: int, seed: int, sharpness: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(frames, symbols, generator=generator)).log_softmax(-1)


def collapse(path: tuple[int, ...]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]


def brute_force(log_probs: torch.Tensor, targets: list[int]) -> tuple[float, list[tuple[int, int]]] | None:
    """The best path of all symbols^frames that collapses to the targets: its score and the spans of its phones."""
    frames, symbols = log_probs.shape
    paths = [p for p in itertools.product(range(symbols), repeat=frames) if collapse(p) == targets]
    if not paths:
        return None
    score, path = max((sum(float(log_probs[t, s]) for t, s in enumerate(p)), p) for p in paths)
    spans, t = [], 0
    for symbol, run in itertools.groupby(path):
        length = len(list(run))
        if symbol != 0:
            spans.append((t, t + length))
        t += length
    return score, spans


@settings(max_examples=80)
@given(frames=st.integers(1, 6), symbols=st.integers(2, 4), seed=st.integers(0, 10_000), data=st.data())
def test_it_is_the_best_path_of_all(frames: int, symbols: int, seed: int, data: st.DataObject) -> None:
    targets = data.draw(st.lists(st.integers(1, symbols - 1), min_size=1, max_size=4))
    log_probs = posteriors(frames, symbols, seed)
    expected = brute_force(log_probs, targets)
    assert (expected is not None) == (frames >= align.frames_needed(targets))
    if expected is None:
        with pytest.raises(AlignmentError) as caught:
            align.force(log_probs, targets)
        assert caught.value.reason is Misfit.TOO_FEW_FRAMES
        return
    spans = align.force(log_probs, targets)
    assert [(span.start_frame, span.end_frame) for span in spans] == expected[1]
    for span, target in zip(spans, targets, strict=True):
        assert span.score == pytest.approx(float(log_probs[span.start_frame : span.end_frame, target].mean()), abs=1e-5)


def test_a_repeated_phone_keeps_two_spans() -> None:
    sure = torch.tensor([[0, 9, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9.0]]).log_softmax(-1)
    spans = align.force(sure, [1, 1, 2])
    assert [(s.start_frame, s.end_frame) for s in spans] == [(0, 1), (2, 3), (3, 4)]
    assert spans[0].score == pytest.approx(9 - math.log(math.e**9 + 2), abs=1e-5)


@pytest.mark.parametrize(
    ("frames", "targets", "reason"),
    [
        (5, [], Misfit.NO_PHONES),
        (5, [3], Misfit.UNKNOWN_INDEX),
        (5, [0], Misfit.UNKNOWN_INDEX),
        (0, [1], Misfit.TOO_FEW_FRAMES),
        (2, [1, 1], Misfit.TOO_FEW_FRAMES),
    ],
)
def test_what_cannot_be_aligned_says_why(frames: int, targets: list[int], reason: Misfit) -> None:
    with pytest.raises(AlignmentError) as caught:
        align.force(posteriors(frames, 3, 0), targets)
    assert caught.value.reason is reason


def test_nan_and_impossible_phones_never_become_scores() -> None:
    damaged = posteriors(6, 3, 0)
    damaged[2, 1] = float("nan")
    never = posteriors(6, 3, 0)
    never[:, 1] = float("-inf")
    for log_probs in (damaged, never):
        with pytest.raises(AlignmentError) as caught:
            align.force(log_probs, [1])
        assert caught.value.reason is Misfit.NOT_FINITE


def test_half_precision_and_double_are_accepted() -> None:
    log_probs = posteriors(12, 4, 3, sharpness=4)
    expected = [(s.start_frame, s.end_frame) for s in align.force(log_probs, [1, 2])]
    for kind in (torch.float64, torch.bfloat16):
        assert [(s.start_frame, s.end_frame) for s in align.force(log_probs.to(kind), [1, 2])] == expected


def test_greedy_merges_repeats_and_drops_blanks() -> None:
    best = [0, 2, 2, 0, 2, 1, 1, 0]
    assert align.greedy(torch.nn.functional.one_hot(torch.tensor(best), 3).float()) == [2, 2, 1]
    assert align.greedy(torch.empty(0, 3)) == []


def test_a_short_gap_is_halved_and_a_long_one_is_a_pause() -> None:
    spans = [Span(10, 11, 0.0), Span(13, 15, 0.0), Span(40, 41, 0.0)]
    times = align.phone_times(spans, frames=43, frame_seconds=0.1, reach=0.5)
    expected = [(0.5, 1.2), (1.2, 2.0), (3.5, 4.3)]  # reach is 5 frames; the last is cut by the end of the sound
    assert [(t.start, t.end) for t in times] == [pytest.approx(pair) for pair in expected]
    assert align.phone_times([], 10, 0.02) == []


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), targets=st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_times_are_ordered_inside_the_utterance_and_cover_the_spans(seed: int, targets: list[int]) -> None:
    frames = 40
    spans = align.force(posteriors(frames, 4, seed, sharpness=3), targets)
    times = align.phone_times(spans, frames, 0.02)
    edges = [0.0, *itertools.chain.from_iterable((t.start, t.end) for t in times), frames * 0.02]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(edges))
    for span, time in zip(spans, times, strict=True):
        assert time.start <= span.start_frame * 0.02 + 1e-9
        assert time.end >= span.end_frame * 0.02 - 1e-9


def test_a_word_runs_from_its_first_phone_to_its_last() -> None:
    phones = [Times(0.1, 0.2), Times(0.2, 0.4), Times(0.9, 1.0)]
    assert align.word_times(phones, [0, 0, 2], 3) == [Times(0.1, 0.4), None, Times(0.9, 1.0)]
