"""Human raters among themselves: what one expert's agreement with the others is, the ceiling beside a model's.

Each rater in turn is left out and compared with the mean of those others who scored the same thing; Pearson's r,
pooled over all things as the model's is, is averaged over the raters. A model is compared with a label that all raters
made together, which is steadier than the mean of all but one: it may rise above this ceiling without hearing better.

Beside it stand two figures that also count a rater's being stricter than the others: intraclass correlation and
weighted kappa. All follow from sums of each speaker, so their intervals are drawn as those of a model are; the plain
figures of ``collection.agreement``, which the portal shows while experts still rate, have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collection.agreement import left_out
from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes, Interval, Statistic
from eval.metrics import Floats, Value
from eval.predictions import UTTERANCE_SCORES, WORD_SCORES, encode, floats

FEWEST_RATERS = 2
LEVELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "phones": ("phone", ("accuracy",)),
    "words": ("word", WORD_SCORES),
    "utterances": ("utterance", UTTERANCE_SCORES),
}
"""What raters score: the unit, and its scores."""


def ratings(raters: pa.Table, level: str, score: str) -> tuple[Floats, Codes]:
    """Return what each of R raters gave each of N things, (N, R), NaN for nothing, and the speaker of each, (N,).

    ``level`` is ``phones``, ``words`` or ``utterances``; ``score`` a field of the scores of that level.
    """
    speakers, _ = encode(raters.column("speaker_id").to_pylist())
    utterances, _ = encode(raters.column("utterance_id").to_pylist())
    names, all_names = encode(raters.column("rater").to_pylist())
    if level == "utterances":
        rows, values = np.arange(len(raters)), floats(raters, "scores", score)
    else:
        lists = raters.column(level).combine_chunks()
        rows = np.asarray(pc.list_parent_indices(lists))
        flat = pc.list_flatten(lists)
        values = np.asarray(pc.struct_field(flat, score) if level == "words" else flat, dtype=np.float64)
    # The place in its list says which word or phone of the utterance a score is for.
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    things, items = np.unique(np.stack([utterances[rows], places]), axis=1, return_inverse=True)
    table = np.full((things.shape[1], len(all_names)), np.nan)
    table[items.ravel(), names[rows]] = values
    owners = np.zeros(things.shape[1], dtype=np.intp)
    owners[items.ravel()] = speakers[rows]
    return table, owners


def among_themselves(raters: pa.Table, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return one row a level and score: each rater against the others, intraclass correlation, weighted kappa."""
    return [
        {
            "level": level,
            "score": score,
            "one_against_the_others": one_against_the_others(raters, level, score, config, unit),
            **_beyond_correlation(*_ratings_or_none(raters, level, score), unit, config),
        }
        for level, (unit, scores) in LEVELS.items()
        for score in scores
    ]


def one_against_the_others(
    raters: pa.Table, level: str, score: str, config: BootstrapConfig, unit: str
) -> dict[str, Any]:
    """Return the mean correlation of a rater with the others, its interval over speakers, and how many there were."""
    table, owners = _ratings_or_none(raters, level, score)
    pairs = [(column[both], others[both], owners[both]) for column, others, both in left_out(table)]
    compared = [(*pair, metrics.pearson(pair[0], pair[1], unit)) for pair in pairs if len(pair[0])]
    known = [pair for pair in compared if pair[3].value is not None]
    if not known:
        why = "the scores of every rater are all the same" if compared else f"no {unit} was scored by two raters"
        value = Value(None, why)
        interval = Interval(None, None, value.reason)
    else:
        value = Value(float(np.mean([pair[3].value for pair in known])))
        count = int(owners.max()) + 1
        moments = [bootstrap.speaker_sums(codes, bootstrap.moments(x, y), count) for x, y, codes, _ in known]
        interval = bootstrap.interval(np.concatenate(moments, axis=1), _mean_correlation, config)
    return {
        "value": value.value,
        "reason": value.reason,
        "low": interval.low,
        "high": interval.high,
        "interval_reason": interval.reason,
        "raters": len(known),
        "items": _shared(table),
    }


def intraclass_statistic(sums: Floats, raters: int, *, of_mean: bool) -> Floats:
    """Return ICC(2,1), or ICC(2,k) ``of_mean`` of all k raters, of (B, 3 + k) sums: n, x of each rater, r^2, x^2.

    Two-way random effects, absolute agreement (Shrout & Fleiss, 1979): rows are things, r their sums over the raters.
    """
    n, columns, rows, squares = sums[:, 0], sums[:, 1:-2], sums[:, -2], sums[:, -1]
    enough = np.where(n > 1, n, np.nan)
    middle = columns.sum(1) ** 2 / (enough * raters)
    between_rows, between_raters = rows / raters - middle, (columns**2).sum(1) / enough - middle
    left = squares - middle - between_rows - between_raters
    row, rater = between_rows / (enough - 1), between_raters / (raters - 1)
    error = left / ((enough - 1) * (raters - 1))
    spread = (
        row + (rater - error) / enough if of_mean else row + (raters - 1) * error + raters * (rater - error) / enough
    )
    return bootstrap.divide(row - error, spread)


def _beyond_correlation(table: Floats, owners: Codes, unit: str, config: BootstrapConfig) -> dict[str, Any]:
    """Return the intraclass correlations of one rater and of the mean of all, and the weighted kappa."""
    whole = np.isfinite(table).all(1) if table.shape[1] >= FEWEST_RATERS else np.zeros(len(table), dtype=bool)
    speakers = int(owners.max()) + 1 if len(owners) else 0
    x = table[whole] - (table[whole].mean() if whole.any() else 0.0)
    rows = np.concatenate([np.ones((len(x), 1)), x, x.sum(1, keepdims=True) ** 2, (x**2).sum(1, keepdims=True)], axis=1)
    sums = bootstrap.speaker_sums(owners[whole], rows, speakers)
    none = f"no {unit} was scored by two raters" if not _shared(table) else f"no {unit} was scored by every rater"
    found = {
        name: _figure(
            sums, partial(intraclass_statistic, raters=table.shape[1], of_mean=of_mean), none, bool(whole.any()), config
        )
        for name, of_mean in (("icc", False), ("icc_of_mean", True))
    }
    moments = []
    for pair in combinations(range(table.shape[1]), 2):
        if (both := np.isfinite(table[:, pair]).all(1)).any():
            shared = bootstrap.joint_moments(*table[both][:, pair].T)
            moments.append(bootstrap.speaker_sums(owners[both], shared, speakers))
    kappa_sums = np.concatenate(moments or [np.zeros((speakers, 6))], axis=1)
    kappa = _figure(kappa_sums, _mean_concordance, none, bool(moments), config)
    return {**found, "kappa": kappa, "whole": int(whole.sum())}


def _figure(sums: Floats, statistic: Statistic, none: str, known: bool, config: BootstrapConfig) -> dict[str, Any]:
    found = float(statistic(sums.sum(0, keepdims=True))[0]) if known else np.nan
    reason = None if np.isfinite(found) else "the scores of the raters are all the same" if known else none
    ends = Interval(None, None, reason) if reason else bootstrap.interval(sums, statistic, config)
    value = None if reason else found
    return {"value": value, "reason": reason, "low": ends.low, "high": ends.high, "interval_reason": ends.reason}


def _ratings_or_none(raters: pa.Table, level: str, score: str) -> tuple[Floats, Codes]:
    return ratings(raters, level, score) if len(raters) else (np.empty((0, 0)), np.empty(0, dtype=np.intp))


def _shared(table: Floats) -> int:
    """Count the things that two raters scored."""
    return int((np.isfinite(table).sum(1) >= FEWEST_RATERS).sum())


def _mean_correlation(sums: Floats) -> Floats:
    """Return the mean over R raters of Pearson's r of (B, 6 R) summed moments."""
    each = [bootstrap.pearson_statistic(sums[:, start : start + 6]) for start in range(0, sums.shape[1], 6)]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)


def _mean_concordance(sums: Floats) -> Floats:
    """Return the mean over P pairs of raters of Cohen's kappa with quadratic weights, of (B, 6 P) summed moments.

    With these weights kappa is Lin's concordance of the two (Cohen, 1968; Fleiss & Cohen, 1973).
    """
    each = [bootstrap.concordance_statistic(sums[:, start : start + 6]) for start in range(0, sums.shape[1], 6)]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)
