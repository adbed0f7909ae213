"""How well each phone's mispronunciations are found: an evaluator sees which sounds the model may speak about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Interval
from eval.figures import Calibration, rated_phones, used_mask
from eval.predictions import encode


def by_phone(phones: pa.Table, calibration: Calibration, fewest: int, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each canonical phone at the one threshold, most often mispronounced first.

    Phones said by fewer than ``fewest`` speakers are named and not shown.
    """
    rated, _ = rated_phones(phones)
    canonical = np.asarray(phones.column("canonical").to_pylist(), dtype=object)[used_mask(phones)]
    threshold = calibration.threshold.value
    why = calibration.reason or calibration.threshold.reason
    found: list[dict[str, Any]] = []
    for symbol in sorted(set(canonical)):
        own = canonical == symbol
        codes, speakers = encode(rated.codes[own])
        row: dict[str, Any] = {"phone": symbol, "hidden": len(speakers) < fewest}
        if not row["hidden"]:
            gop, bad = rated.gop[own], rated.bad[own]
            row |= {"speakers": len(speakers), "phones": len(gop), "mispronounced": int(bad.sum())}
            row |= _rates(gop, bad, codes, len(speakers), threshold, why, config)
        found.append(row)
    return sorted(found, key=lambda row: (row["hidden"], -row.get("mispronounced", 0), row["phone"]))


def _rates(
    gop: metrics.Floats,
    bad: metrics.Flags,
    codes: bootstrap.Codes,
    speakers: int,
    threshold: float | None,
    why: str | None,
    config: BootstrapConfig,
) -> dict[str, Any]:
    if threshold is None:
        nothing = dict.fromkeys(("flagged", "precision", "recall", "f1", "low", "high"))
        return {**nothing, "reason": why, "interval_reason": why}
    flagged = gop < threshold
    rates = metrics.flag_counts(flagged, bad).rates()
    ends = Interval(None, None, rates["f1"].reason)
    if rates["f1"].value is not None:
        sums = bootstrap.speaker_sums(codes, bootstrap.flag_cells(flagged, bad), speakers)
        ends = bootstrap.interval(sums, bootstrap.FLAG_STATISTICS["f1"], config)
    return {
        "flagged": int(flagged.sum()),
        **{name: rates[name].value for name in ("precision", "recall", "f1")},
        "low": ends.low,
        "high": ends.high,
        "reason": rates["f1"].reason,
        "interval_reason": ends.reason,
    }
