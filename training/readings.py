"""Which accepted pronunciation of each word of a text was read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch

from training.align import BLANK


def choose_reading(
    log_probs: torch.Tensor, words: Sequence[Sequence[tuple[int, ...]]], max_readings: int
) -> list[tuple[int, ...]]:
    """Return one variant a word: the reading of the text that the sound makes likeliest (CTC likelihood).

    ``log_probs`` (T, V); ``words`` holds the accepted variants of each word as symbol indices, the first one canonical.
    All combinations are compared while they are at most ``max_readings``; beyond, each word in turn takes its best
    variant given the words as they stand. Equally likely, or with too few frames for any, the canonical one stays.
    """
    chosen = [variants[0] for variants in words]
    if math.prod(len(variants) for variants in words) <= max_readings:
        return _likeliest(log_probs, [list(reading) for reading in product(*words)])
    for place, variants in enumerate(words):
        if len(variants) > 1:
            readings = [[*chosen[:place], variant, *chosen[place + 1 :]] for variant in variants]
            chosen = _likeliest(log_probs, readings)
    return chosen


def _likeliest(log_probs: torch.Tensor, readings: list[list[tuple[int, ...]]]) -> list[tuple[int, ...]]:
    """Return the reading with the highest CTC likelihood, the first of equals."""
    if len(readings) == 1 or not len(log_probs):
        return readings[0]
    flat = [[target for variant in reading for target in variant] for reading in readings]
    lengths = torch.tensor([len(targets) for targets in flat])
    labels = torch.tensor([target for targets in flat for target in targets], dtype=torch.long)
    table = log_probs.detach().to("cpu", torch.float64)[:, None].expand(-1, len(flat), -1)
    frames = torch.full((len(flat),), len(log_probs))
    losses = torch.nn.functional.ctc_loss(table, labels, frames, lengths, blank=BLANK, reduction="none")
    return readings[min(range(len(readings)), key=losses.tolist().__getitem__)]
