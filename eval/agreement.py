"""Human raters among themselves: what one expert's agreement with the others is, the ceiling beside a model's.

Each rater in turn is left out and compared with the mean of those others who scored the same thing; Pearson's r, pooled
over all things as the model's is, is averaged over the raters. A model is compared with a label that all raters made
together, which is steadier than the mean of all but one: it may rise above this ceiling without hearing better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collection.agreement import left_out
from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes, Interval
from eval.metrics import Floats, Value
from eval.predictions import encode, floats

FEWEST_RATERS = 2


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


def one_against_the_others(
    raters: pa.Table, level: str, score: str, config: BootstrapConfig, unit: str
) -> dict[str, Any]:
    """Return the mean correlation of a rater with the others, its interval over speakers, and how many there were."""
    table, owners = ratings(raters, level, score) if len(raters) else (np.empty((0, 0)), np.empty(0, dtype=np.intp))
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
        "items": int((np.isfinite(table).sum(1) >= FEWEST_RATERS).sum()),
    }


def _mean_correlation(sums: Floats) -> Floats:
    """Return the mean over R raters of Pearson's r of (B, 6 R) summed moments."""
    each = [bootstrap.pearson_statistic(sums[:, start : start + 6]) for start in range(0, sums.shape[1], 6)]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)
