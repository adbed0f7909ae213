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
from eval.metrics import EditCounts
from eval.predictions import Predictions, encode, floats

NOT_STATED = "not stated"


def by_group(
    part: Predictions, threshold: float | None, columns: Sequence[str], fewest: int, config: BootstrapConfig
) -> list[dict[str, Any]]:
    """Return phone error rate and false rejections (at one threshold for all) by group, in order of column and name.

    Groups of fewer than ``fewest`` speakers are named but not shown; further groups are hidden, the smallest first,
    until those hidden together are ``fewest`` again: else the total minus the groups shown would give them away.
    """
    found: list[dict[str, Any]] = []
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
                    **_false_rejections(part, utterances, threshold),
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


def _false_rejections(part: Predictions, utterances: pa.Table, threshold: float | None) -> dict[str, Any]:
    phones = part.phones.filter(
        pc.is_in(part.phones.column("utterance_id"), utterances.column("utterance_id").combine_chunks())
    )
    gop, accuracy = floats(phones, "gop"), floats(phones, "accuracy")
    good = np.isfinite(gop) & (accuracy >= metrics.MISPRONOUNCED_BELOW)
    if threshold is None or not good.any():
        return {"correct_phones": int(good.sum()), "correct_flagged": None, "frr": None}
    flagged = int(np.sum(gop[good] < threshold))
    return {"correct_phones": int(good.sum()), "correct_flagged": flagged, "frr": flagged / int(good.sum())}
