"""The same figures by group of learners, with small cells hidden so that no learner can be read off them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig
from eval.decoding import was_decoded
from eval.figures import AS_PREDICTED, Calibration, mean_interval, rated_phones
from eval.metrics import EditCounts
from eval.predictions import Predictions, encode

NOT_STATED = "not stated"


OWN_TABLE = "age_band"
"""Signed errors by age stand in ``eval.bias``, by wider groups: told here too, they would give hidden bands away."""


def snr_band(snr_db: float | None) -> str | None:
    """Return the band of a signal-to-noise ratio (dB): below 10, 10 to 20, 20 and more; ``None`` when not measured."""
    if snr_db is None:
        return None
    return next(
        (name for edge, name in ((10.0, "below 10 dB"), (20.0, "10 to 20 dB")) if snr_db < edge), "20 dB and more"
    )


def by_group(
    part: Predictions, calibration: Calibration, columns: Sequence[str], fewest: int, config: BootstrapConfig
) -> list[dict[str, Any]]:
    """Return phone error rate, false rejections (at one threshold for all), signed and squared error by group.

    Signed errors (model minus human) are told on the 0-2 scale and in standard deviations of all human scores.

    Groups of fewer than ``fewest`` speakers are named but not shown; further groups are hidden, the smallest first,
    until those hidden together are ``fewest`` again: else the total minus the groups shown would give them away.
    """
    found: list[dict[str, Any]] = []
    rated, _ = rated_phones(part.phones, predicted=calibration.scale == AS_PREDICTED)
    spread = float(rated.accuracy.std()) if len(rated.accuracy) else 0.0
    for column in columns:
        names = np.array([value or NOT_STATED for value in part.utterances.column(column).to_pylist()], dtype=object)
        speakers = np.array(part.utterances.column("speaker_id").to_pylist(), dtype=object)
        sizes = {str(name): len(set(speakers[names == name])) for name in sorted(set(names), key=_order)}
        hidden = hidden_groups(sizes, fewest)
        for name, size in sizes.items():
            row: dict[str, Any] = {"by": column, "group": name, "hidden": name in hidden}
            if name not in hidden:
                utterances = part.utterances.filter(pa.array(names == name))
                row |= {
                    "speakers": size,
                    **_error_rate(utterances, config),
                    **_of_phones(part, utterances, calibration, spread if column != OWN_TABLE else None, config),
                }
            found.append(row)
    return found


def hidden_groups(sizes: dict[str, int], fewest: int) -> frozenset[str]:
    """Return the groups to hide, given the number of speakers in each."""
    small = {name for name, size in sizes.items() if size < fewest}
    # "Not stated" also holds those whom k-anonymity suppressed: a difference would give them away like any other.
    hidden = set(small)
    for name in sorted(sizes.keys() - small, key=lambda name: (sizes[name], name)):
        if not hidden or sum(sizes[other] for other in hidden) >= fewest:
            break
        hidden.add(name)
    return frozenset(hidden)


def _order(name: str) -> tuple[bool, float, str]:
    """Sort bands by their first number, names by letter, and those not stated last."""
    digits = re.match(r"\d+", name)
    return name == NOT_STATED, float(digits.group()) if digits else math.inf, name


def _error_rate(utterances: pa.Table, config: BootstrapConfig) -> dict[str, Any]:
    rows = utterances.select(["spoken", "decoded"]).to_pylist()
    if not was_decoded(utterances):
        nothing = dict.fromkeys(("errors", "per", "low", "high"))
        return {"utterances": len(rows), "reference_phones": sum(len(row["spoken"]) for row in rows), **nothing}
    edits = [metrics.count_edits(row["spoken"], row["decoded"]) for row in rows]
    codes, speakers = encode(utterances.column("speaker_id").to_pylist())
    table = np.array([(count.errors, count.reference) for count in edits], dtype=np.float64)
    sums = bootstrap.speaker_sums(codes, table, len(speakers))
    interval = bootstrap.interval(sums, bootstrap.rate_statistic, config)
    total = sum(edits, EditCounts())
    return {
        "utterances": len(edits),
        "reference_phones": total.reference,
        "errors": total.errors,
        "per": total.rate().value,
        "low": interval.low,
        "high": interval.high,
    }


def _of_phones(
    part: Predictions, utterances: pa.Table, calibration: Calibration, spread: float | None, config: BootstrapConfig
) -> dict[str, Any]:
    """Return false rejections of a group's phones and, given the ``spread`` of human scores, its errors."""
    phones = part.phones.filter(
        pc.is_in(part.phones.column("utterance_id"), utterances.column("utterance_id").combine_chunks())
    )
    rated, _ = rated_phones(phones, predicted=calibration.scale == AS_PREDICTED)
    threshold, good = calibration.threshold.value, ~rated.bad
    found: dict[str, Any] = {"correct_phones": int(good.sum()), "correct_flagged": None, "frr": None}
    owners = (rated.codes, len(rated.speakers))
    if threshold is not None and good.any():
        flagged = rated.gop < threshold
        ends = mean_interval(flagged[good].astype(np.float64), rated.codes[good], len(rated.speakers), config)
        found |= {"correct_flagged": int(flagged[good].sum()), "frr": float(flagged[good].mean())}
        found |= {"frr_low": ends.low, "frr_high": ends.high}
    scores = calibration.scores(rated.gop) if len(rated.gop) else None
    if spread is not None and scores is not None:
        errors = scores - rated.accuracy
        ends = mean_interval(errors, *owners, config)
        found |= {
            "bias": float(errors.mean()),
            "bias_low": ends.low,
            "bias_high": ends.high,
            "bias_standardised": float(errors.mean()) / spread if spread else None,
            "mse": float(np.mean(errors**2)),
        }
    return found


def gaps(groups: Sequence[dict[str, Any]], bias: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the widest gap between two groups that are shown: of false rejections and of signed errors, or why none.

    ``bias`` holds the figures of children and adults. Fairness is judged by its worst case: a headline figure. Of
    groups too small for an interval, and of those who stated nothing, no gap is told.
    """
    rows = [*groups, *({**row, "by": "age"} for row in bias if row["group"] != "all")]
    known = [
        row
        for row in rows
        if not row["hidden"] and row["group"] != NOT_STATED and row.get("speakers", 0) >= bootstrap.FEWEST_SPEAKERS
    ]
    return [
        {"figure": "frr", "title": "Correct phones flagged", **_widest(known, "frr")},
        {"figure": "bias", "title": "Signed error of phone accuracy", **_widest(known, "bias")},
    ]


def _widest(rows: Sequence[dict[str, Any]], figure: str) -> dict[str, Any]:
    by: dict[str, list[tuple[float, str]]] = {}
    for row in rows:
        if row.get(figure) is not None:
            by.setdefault(row["by"], []).append((row[figure], row["group"]))
    found = [
        (max(told)[0] - min(told)[0], column, max(told)[1], min(told)[1])
        for column, told in by.items()
        if len(told) > 1
    ]
    if not found:
        return {
            "gap": None,
            "reason": f"no column has two groups of {bootstrap.FEWEST_SPEAKERS} speakers that are shown",
        }
    gap, column, most, least = max(found)
    return {"gap": gap, "reason": None, "by": column, "most": most, "least": least}
