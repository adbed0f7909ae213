"""Speaker-level confidence intervals: speakers are drawn, not phones, because phones of one learner are alike.

A statistic that is a function of sums needs each speaker's sums only (sufficient statistics), so thousands of resamples
are one matrix product. Percentile intervals (Efron & Tibshirani, 1993, ch. 13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eval.metrics import Flags, Floats

Codes = NDArray[np.intp]
Statistic = Callable[[Floats], Floats]
"""Sums over a resample (B, K) -> the figure (B,); NaN where it is undefined."""

FEWEST_SPEAKERS = 5
"""With fewer speakers a percentile interval says nothing."""
UNDEFINED_SHARE = 0.05
"""Largest share of resamples without a figure (say, none with a mispronounced phone) under which an interval stands."""


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """How intervals are drawn."""

    resamples: int = 2000
    """Number of resamples of the speakers; 1000-10000. More narrows the noise of the interval's ends."""
    level: float = 0.95
    """Share of the resamples that lies inside the interval."""
    seed: int = 20_240
    """Seed of the draws; the same seed, speakers and predictions give the same interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of an interval, or ``None`` with the reason."""

    low: float | None
    high: float | None
    reason: str | None = None


def draw(speakers: int, config: BootstrapConfig) -> Floats:
    """Return how often each speaker is drawn: (B, speakers), rows summing to ``speakers``."""
    return _draw(speakers, config.resamples, config.seed)


@lru_cache(maxsize=8)
def _draw(speakers: int, resamples: int, seed: int) -> Floats:
    """Draw once for all the figures of a run; nobody writes into what they share."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples).astype(np.float64)
    drawn.flags.writeable = False
    return drawn


def speaker_sums(codes: Codes, values: Floats, speakers: int) -> Floats:
    """Sum (N, K) values by speaker code (N,): (speakers, K)."""
    columns = [np.bincount(codes, weights=column, minlength=speakers) for column in values.T]
    return np.stack(columns, axis=1)


def interval(sums: Floats, statistic: Statistic, config: BootstrapConfig) -> Interval:
    """Return the percentile interval of a statistic of per-speaker sums (speakers, K)."""
    return weighted_interval(len(sums), lambda weights: statistic(weights @ sums), config)


def auc_interval(codes: Codes, gop: Floats, bad: Flags, speakers: int, config: BootstrapConfig) -> Interval:
    """Return the interval of the AUC of GOP (N,) for ``bad`` (N,) phones.

    The AUC is a mean over (bad, good) pairs, so it is a bilinear form of how often each speaker is drawn.
    """
    wins = pair_wins(codes, gop, bad, speakers)  # (S, S)
    bads = np.bincount(codes, weights=bad, minlength=speakers)
    goods = np.bincount(codes, weights=~bad, minlength=speakers)

    def figure(weights: Floats) -> Floats:
        won = np.einsum("bs,bs->b", weights @ wins, weights)
        return divide(won, (weights @ bads) * (weights @ goods))

    return weighted_interval(speakers, figure, config)


def pair_wins(codes: Codes, gop: Floats, bad: Flags, speakers: int) -> Floats:
    """Count pairs (bad phone of speaker s, good of t) with the lower GOP on the bad one, ties half: (S, S)."""
    bad_gop, bad_codes = gop[bad], codes[bad]
    wins = np.zeros((speakers, speakers))
    for speaker in range(speakers):
        good = np.sort(gop[~bad & (codes == speaker)])
        higher = len(good) - np.searchsorted(good, bad_gop, side="right")
        ties = np.searchsorted(good, bad_gop, side="right") - np.searchsorted(good, bad_gop, side="left")
        wins[:, speaker] = np.bincount(bad_codes, weights=higher + 0.5 * ties, minlength=speakers)
    return wins


def divide(part: Floats, whole: Floats) -> Floats:
    """Divide elementwise; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full_like(part, np.nan, dtype=np.float64), where=whole > 0)


# Statistics of sums: (B, K) -> (B,)


def rate_statistic(sums: Floats) -> Floats:
    """Return part / whole of (B, 2) sums."""
    return divide(sums[:, 0], sums[:, 1])


def moments(x: Floats, y: Floats) -> Floats:
    """Return n, x, y, xx, yy, xy a phone, (N, 6), centred on the pooled means so that sums keep their precision."""
    dx, dy = x - x.mean(), y - y.mean()
    return np.stack([np.ones_like(dx), dx, dy, dx * dx, dy * dy, dx * dy], axis=1)


def joint_moments(x: Floats, y: Floats) -> Floats:
    """Return the same, (N, 6), both centred on the mean of ``y``, so that the difference of their means stays."""
    dx, dy = x - y.mean(), y - y.mean()
    return np.stack([np.ones_like(dx), dx, dy, dx * dx, dy * dy, dx * dy], axis=1)


def pearson_statistic(sums: Floats) -> Floats:
    """Return Pearson's r of (B, 6) summed moments."""
    n, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.clip(n * xx - x * x, 0, None) * np.clip(n * yy - y * y, 0, None))
    return divide(n * xy - x * y, spread)


def concordance_statistic(sums: Floats) -> Floats:
    """Return Lin's concordance correlation of (B, 6) summed ``joint_moments``."""
    n, x, y, xx, yy, xy = sums.T
    spread = np.clip(n * xx - x * x, 0, None) + np.clip(n * yy - y * y, 0, None) + (x - y) ** 2
    return divide(2 * (n * xy - x * y), spread)


def flag_cells(flagged: Flags, bad: Flags) -> Floats:
    """Return (N, 4): whether each phone is bad and flagged, good and flagged, bad and passed, good and passed."""
    return np.stack([flagged & bad, flagged & ~bad, ~flagged & bad, ~flagged & ~bad], axis=1).astype(np.float64)


def _flag_statistic(rate: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Statistic:
    return lambda cells: rate(*cells.T)


FLAG_STATISTICS: dict[str, Statistic] = {
    "f1": _flag_statistic(lambda hit, alarm, miss, _: divide(2 * hit, 2 * hit + alarm + miss)),
    "f05": _flag_statistic(lambda hit, alarm, miss, _: divide(1.25 * hit, 1.25 * hit + 0.25 * miss + alarm)),
    "precision": _flag_statistic(lambda hit, alarm, _, __: divide(hit, hit + alarm)),
    "recall": _flag_statistic(lambda hit, _, miss, __: divide(hit, hit + miss)),
    "frr": _flag_statistic(lambda _, alarm, __, passed: divide(alarm, alarm + passed)),
    "far": _flag_statistic(lambda hit, _, miss, __: divide(miss, hit + miss)),
}
"""Each detection rate of (B, 4) sums of ``flag_cells``."""


def weighted_interval(speakers: int, figure: Statistic, config: BootstrapConfig) -> Interval:
    """Return the percentile interval of a figure of how often each speaker is drawn: (B, speakers) -> (B,)."""
    if speakers < FEWEST_SPEAKERS:
        return Interval(None, None, f"only {speakers} speaker(s), an interval needs {FEWEST_SPEAKERS}")
    figures = figure(draw(speakers, config))  # (B,)
    undefined = float(np.mean(np.isnan(figures)))
    if undefined > UNDEFINED_SHARE:
        return Interval(None, None, f"undefined in {undefined:.0%} of the resamples: too few speakers carry it")
    tail = (1 - config.level) / 2
    low, high = np.nanquantile(figures, [tail, 1 - tail])
    return Interval(float(low), float(high))
