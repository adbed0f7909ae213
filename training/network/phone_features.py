"""What a scorer is told of each canonical phone: how well it fits, its length and level, the encoder's states there.

Shapes: S canonical phones, T frames, V symbols (0 is blank), L encoder layers of width D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from collection.schema import SAMPLE_RATE, Seconds
from training.alignment.align import Times
from training.alignment.gop import GopFeatures

MEASURES = (
    "gop_sf",
    "rival_ratio",
    "gop_lp",
    "gop_lpr",
    "left_out_ratio",
    "inserted_before",
    "inserted_after",
    "expected_frames",
    "seconds",
    "gap",
    "level_db",
)
"""The single measures of a phone; the log-likelihood ratio to every symbol and its mean posterior follow them."""

LIMIT = 40.0
"""Logarithms end here on both sides: beyond, a phone is as bad as it can be."""
QUIET_DB = -60.0
"""Lowest level of a phone, relative to its utterance."""


@dataclass(frozen=True, slots=True)
class PhoneFeatures:
    """The phones of one utterance: ``targets`` (S,) symbol indices, ``words`` (S,) the word of each.

    ``measures`` (S, len(MEASURES) + 2 V) and ``states`` (S, L, D), the mean of each layer over the phone; float32.
    """

    targets: torch.Tensor
    words: torch.Tensor
    measures: torch.Tensor
    states: torch.Tensor


def width(symbols: int) -> int:
    """Return the number of measures of a phone for V symbols."""
    return len(MEASURES) + 2 * symbols


def describe(
    waveform: np.ndarray,
    log_probs: torch.Tensor,
    states: Sequence[torch.Tensor],
    targets: Sequence[int],
    words: Sequence[int],
    gop: GopFeatures,
    times: Sequence[Times],
    frame_seconds: Seconds,
) -> PhoneFeatures:
    """Return the features of one utterance: samples (N,) at 16 kHz, ``log_probs`` (T, V), L ``states`` (T, D).

    ``gop`` and ``times`` are of ``targets`` (S,) on the same posteriors. Gradients pass GOP by alignment, posteriors
    on the frames of the alignment, and the states.
    """
    table, exact = log_probs.float().cpu(), gop.exact
    ratios = exact.ratios.cpu()
    rows = torch.arange(len(targets))
    added = (exact.inserted[:, 1:].amax(-1) - exact.log_likelihood).cpu()
    single = [
        exact.gop.cpu(),
        ratios[rows, exact.competitors(targets).cpu()],
        gop.aligned.log_posterior.cpu(),
        gop.aligned.ratio.cpu(),
        ratios[:, 0],
        added[:-1],
        added[1:],
        exact.expected_frames.cpu(),
        torch.tensor([time.end - time.start for time in times]),
        torch.tensor([0.0] + [after.start - before.end for before, after in pairwise(times)]),
        torch.tensor(levels(waveform, times)),
    ]
    frames = torch.tensor([[time.start, time.end] for time in times]) / frame_seconds
    over = inside(frames, len(table))
    measures = torch.cat(
        [torch.stack([each.double() for each in single], 1), ratios, over.double() @ table.exp().double()], 1
    )
    bounded = measures.nan_to_num(0.0, LIMIT, -LIMIT)
    bounded[:, : len(MEASURES) + table.shape[1]].clamp_(-LIMIT, LIMIT)
    bounded[:, MEASURES.index("level_db")] = single[-1]
    pooled = torch.stack([over.to(layer) @ layer for layer in states], 1) if states else torch.empty(len(over), 0, 0)
    return PhoneFeatures(torch.tensor(list(targets)), torch.tensor(list(words)), bounded.float(), pooled.float().cpu())


def inside(frames: torch.Tensor, total: int) -> torch.Tensor:
    """Return (S, T) weights that average the frames of each phone, given first and end (S, 2) in frames, not whole."""
    first = frames[:, 0].round().clamp(max=total - 1)
    end = torch.maximum(frames[:, 1].round(), first + 1)
    position = torch.arange(total)
    chosen = ((position >= first[:, None]) & (position < end[:, None])).float()
    return chosen / chosen.sum(1, keepdim=True)


def levels(waveform: np.ndarray, times: Sequence[Times]) -> list[float]:
    """Return the level of each phone relative to the whole utterance, dB."""
    whole = float(waveform @ waveform) / max(len(waveform), 1)
    found = []
    for time in times:
        first, end = (min(int(second * SAMPLE_RATE), len(waveform)) for second in (time.start, time.end))
        part = waveform[first:end]
        ratio = float(part @ part) / max(len(part), 1) / whole if whole > 0 else 0.0
        found.append(max(QUIET_DB, 10 * float(np.log10(ratio))) if ratio > 0 else QUIET_DB)
    return found
