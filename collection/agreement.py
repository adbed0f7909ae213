"""How far human raters agree, counted from a table of what each gave each thing.

Tables are (N, R): N things (utterances, words or phones), R raters, NaN where a rater gave nothing. The portal and
``eval.agreement`` both count with this, so it knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Intraclass correlation of one rater and of the mean of ``raters``, how many there were a thing."""

    single: float
    mean: float
    raters: float


def left_out(table: Floats) -> list[tuple[Floats, Floats, Flags]]:
    """Return for each rater its scores (N,), the mean of the others' (N,), and where both exist."""
    given = np.isfinite(table)
    filled = np.where(given, table, 0.0)
    total, count = filled.sum(1), given.sum(1)
    found = []
    for rater in range(table.shape[1]):
        others = count - given[:, rater]
        mean = (total - filled[:, rater]) / np.maximum(others, 1)
        found.append((table[:, rater], mean, given[:, rater] & (others > 0)))
    return found


def correlation(table: Floats) -> float | None:
    """Return the mean over raters of Pearson's r with the mean of the others; ``None`` where nobody's is defined."""
    known = [r for own, others, both in left_out(table) if (r := _pearson(own[both], others[both])) is not None]
    return float(np.mean(known)) if known else None


def reliability(table: Floats) -> Reliability | None:
    """Return ICC(1,1) and ICC(1,k) of things that two raters or more scored: one-way, since raters differ by thing.

    Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability", Psychological Bulletin 86, 1979;
    for unequal numbers of raters with k0 of the unbalanced analysis of variance. ``None`` for fewer than two things,
    and when every score is the same.
    """
    given = np.isfinite(table)
    table, given = table[given.sum(1) >= 2], given[given.sum(1) >= 2]
    if len(table) < 2:
        return None
    count = given.sum(1).astype(np.float64)
    filled = np.where(given, table, 0.0)
    means = filled.sum(1) / count
    grand = filled.sum() / count.sum()
    between = float((count * (means - grand) ** 2).sum()) / (len(table) - 1)
    within = float((np.where(given, table - means[:, None], 0.0) ** 2).sum()) / float(count.sum() - len(table))
    usual = float(count.sum() - (count**2).sum() / count.sum()) / (len(table) - 1)
    if between == within == 0:
        return None
    # Of things that do not differ at all the mean would be minus infinity: -1 says as much.
    mean = max((between - within) / between, -1.0) if between > 0 else -1.0
    return Reliability((between - within) / (between + (usual - 1) * within), mean, usual)


def weighted_kappa(table: Floats) -> float | None:
    """Return Cohen's kappa with quadratic weights, the mean over pairs of raters weighted by what they share.

    Cohen, "Weighted kappa", Psychological Bulletin 70, 1968. Pairs that share fewer than two things, or that gave but
    one score, are left out; ``None`` when no pair is left.
    """
    found = []
    for one in range(table.shape[1]):
        for other in range(one + 1, table.shape[1]):
            both = np.isfinite(table[:, one]) & np.isfinite(table[:, other])
            x, y = table[both, one], table[both, other]
            # Quadratic weights need no table of counts: disagreement seen, and the one that margins alone would give.
            chance = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2) if len(x) > 1 else 0.0
            if chance > 0:
                found.append((1 - float(((x - y) ** 2).mean()) / chance, len(x)))
    return float(np.average([kappa for kappa, _ in found], weights=[n for _, n in found])) if found else None


def severity(table: Floats) -> list[tuple[Floats, Flags]]:
    """Return for each rater its score minus the mean of the others' (N,), and where it is known: above 0 is mild."""
    return [(np.where(both, own - others, 0.0), both) for own, others, both in left_out(table)]


def _pearson(x: Floats, y: Floats) -> float | None:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
