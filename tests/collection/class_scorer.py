"""A scorer for tests: every prompt is spoken at a peak of its own, and told by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collection.reading_order import Scorer

PEAKS = {"see the cat": 0.1, "we all go home now": 0.2, "the sun is up today": 0.4, "a dog ran away": 0.8}


def scorer(model: str | None) -> Scorer:
    """Return the scorer."""
    return score


def score(samples: np.ndarray, prompts: Sequence[str], language: str) -> list[float]:
    """Score 2 for the prompt of this peak, -2 for the others."""
    peak = float(np.abs(samples).max())
    return [2.0 if abs(peak / PEAKS[prompt] - 1) < 0.1 else -2.0 for prompt in prompts]
