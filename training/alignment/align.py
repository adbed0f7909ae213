"""CTC forced alignment: posteriors and phones in, spans of frames and times in seconds out.

Everywhere CTC index 0 is blank, posteriors are natural logarithms and frame ``t`` lasts ``frame_seconds``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torchaudio.functional as audio_functional

from collection.schema import SAMPLE_RATE, Seconds
from training.errors import AlignmentError, Misfit

BLANK = 0

REACH: Seconds = 0.08
"""How far a phone's time may grow into the blank frames on either side of what the alignment gave it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The frames in which one phone is emitted: ``end_frame`` is exclusive, ``score`` the mean log posterior."""

    start_frame: int
    end_frame: int
    score: float


@dataclass(frozen=True, slots=True)
class Times:
    """A stretch of the utterance in seconds from its start."""

    start: Seconds
    end: Seconds


def frames_needed(targets: Sequence[int]) -> int:
    """Return the fewest frames that CTC can lay ``targets`` over: one each, and a blank between equal neighbours."""
    return len(targets) + sum(a == b for a, b in pairwise(targets))


def check(log_probs: torch.Tensor, targets: Sequence[int]) -> None:
    """Raise ``AlignmentError`` unless ``targets`` (S,) can be laid over ``log_probs`` (T, V)."""
    frames, symbols = log_probs.shape
    if not targets:
        raise AlignmentError(Misfit.NO_PHONES, "There are no phones to align: the text is empty or has no known word.")
    if not all(BLANK < target < symbols for target in targets):
        raise AlignmentError(
            Misfit.UNKNOWN_INDEX,
            f"A phone index lies outside 1..{symbols - 1}: were the phones encoded with another model's inventory?",
        )
    if (needed := frames_needed(targets)) > frames:
        raise AlignmentError(
            Misfit.TOO_FEW_FRAMES,
            f"{len(targets)} phones need at least {needed} frames, the recording has {frames}: it is too short "
            "for this text. Check that sound and text belong together, or record again.",
        )
    if bool(torch.isnan(log_probs).any()):
        raise AlignmentError(Misfit.NOT_FINITE, "The posteriors hold NaN: the model or its input is damaged.")


def force(log_probs: torch.Tensor, targets: Sequence[int]) -> list[Span]:
    """Return the span of each phone on the likeliest CTC path (Viterbi) through ``targets``.

    ``log_probs`` is (T, V), any device or float type; ``targets`` holds S indices from 1 to V-1. Raises
    ``AlignmentError`` where no path exists, T < S + equal neighbours included.
    """
    check(log_probs, targets)
    # A dynamic programme of T small steps: a GPU would only add one launch a frame.
    emissions = log_probs.detach().to("cpu", torch.float32)
    path, scores = audio_functional.forced_align(emissions[None], torch.tensor([list(targets)]), blank=BLANK)
    runs = audio_functional.merge_tokens(path[0], scores[0], blank=BLANK)
    spans = [Span(int(run.start), int(run.end), float(run.score)) for run in runs]
    if len(spans) != len(targets) or not all(math.isfinite(span.score) for span in spans):
        raise AlignmentError(Misfit.NOT_FINITE, "Every path through these phones has probability 0 under the model.")
    return spans


def greedy(log_probs: torch.Tensor) -> list[int]:
    """Return what the model hears without a text: the best symbol a frame, repeats merged, blanks dropped. (T, V)."""
    best = torch.unique_consecutive(log_probs.argmax(-1))
    return [int(symbol) for symbol in best if symbol != BLANK]


def phone_times(spans: Sequence[Span], frames: int, frame_seconds: Seconds, reach: Seconds = REACH) -> list[Times]:
    """Return the time of each phone, from spans in order over an utterance of ``frames`` frames.

    A CTC model emits a phone in one or two frames and blank around them, so a span marks where the phone is, not how
    long it lasts. The blank gap between two phones is shared at its midpoint, but a phone grows by ``reach`` seconds at
    most on either side: what remains of a long gap is a pause and belongs to nobody. Times never overlap.
    """
    cap = reach / frame_seconds
    starts = [max(0.0, spans[0].start_frame - cap)] if spans else []
    ends: list[float] = []
    for left, right in pairwise(spans):
        growth = min((right.start_frame - left.end_frame) / 2, cap)
        ends.append(left.end_frame + growth)
        starts.append(right.start_frame - growth)
    ends += [min(float(frames), spans[-1].end_frame + cap)] if spans else []
    return [Times(start * frame_seconds, end * frame_seconds) for start, end in zip(starts, ends, strict=True)]


def within(times: Sequence[Times], waveform: np.ndarray) -> list[Times]:
    """Return the times cut where the samples (N,) at 16 kHz end: the last frame may reach beyond."""
    end = len(waveform) / SAMPLE_RATE
    return [Times(min(time.start, end), min(time.end, end)) for time in times]


def word_times(phones: Sequence[Times], word_index: Sequence[int], words: int) -> list[Times | None]:
    """Return the time of each of ``words`` words: from its first phone to its last; ``None`` for one without phones."""
    times: list[Times | None] = [None] * words
    for phone, index in zip(phones, word_index, strict=True):
        known = times[index]
        times[index] = phone if known is None else Times(min(known.start, phone.start), max(known.end, phone.end))
    return times
