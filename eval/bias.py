"""Does a model score children harder, or softer, than adults? The signed error of phone accuracy by age.

Base rates differ by age: a model can learn "child means good" and keep its correlation. The signed error shows that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Interval
from eval.figures import Calibration, mean_interval, pearson_interval, rated_phones
from eval.groups import NOT_STATED, hidden_groups
from eval.predictions import Predictions, encode

ADULT_FROM = 18
CHILDREN, ADULTS, EVERYBODY = "children", "adults", "all"
TOLD_BY_BAND = "told by age band; here it would give a hidden band away"


def age_group(band: str | None) -> str:
    """Return children for a band that begins below 18 (6-8, 15-17), adults for 18+, or that none is stated."""
    first = re.match(r"\d+", band or "")
    if first is None:
        return NOT_STATED
    return CHILDREN if int(first.group()) < ADULT_FROM else ADULTS


def bias_by_age(
    part: Predictions,
    calibration: Calibration,
    predicted: bool,
    fewest: int,
    config: BootstrapConfig,
    bands: bool = False,
) -> list[dict[str, Any]]:
    """Return signed and squared error (model minus human, 0-2), correlation, recall, false rejections of each group.

    The groups are children, adults, not stated, all; they are hidden as in ``eval.groups``. Where that table goes by
    age band too (``bands``), false rejections, which both tell, are told here only if no hidden band can be had by
    subtraction.
    """
    rows = part.utterances.select(["utterance_id", "speaker_id", "age_band"]).to_pylist()
    groups = {row["utterance_id"]: age_group(row["age_band"]) for row in rows}
    speakers: dict[str, set[str]] = {}
    for row in rows:
        speakers.setdefault(groups[row["utterance_id"]], set()).add(row["speaker_id"])
    order = [name for name in (CHILDREN, ADULTS, NOT_STATED) if name in speakers]
    hidden = hidden_groups({name: len(speakers[name]) for name in order}, fewest)
    secret = _in_hidden_bands(rows, groups, fewest) if bands else {}
    apart = [secret.get(name, 0) for name in order if name not in hidden]
    apart.append(sum(secret.values()) - sum(apart))
    told = all(count == 0 or count >= fewest for count in apart)
    found = [{"group": EVERYBODY, "hidden": False, **_figures(part.phones, calibration, predicted, config)}]
    for name in order:
        shown: dict[str, Any] = {"group": name, "hidden": name in hidden}
        if name not in hidden:
            own = pa.array([utterance for utterance, group in groups.items() if group == name], pa.string())
            phones = part.phones.filter(pc.is_in(part.phones.column("utterance_id"), value_set=own))
            shown |= _figures(phones, calibration, predicted, config)
            if not told:
                shown |= {"frr": None, "frr_low": None, "frr_high": None, "frr_reason": TOLD_BY_BAND}
        found.append(shown)
    return found


def _in_hidden_bands(rows: Sequence[dict[str, Any]], groups: dict[str, str], fewest: int) -> dict[str, int]:
    """Count the speakers of each group whose age band is hidden in the table by age band."""
    bands: dict[str, set[str]] = {}
    for row in rows:
        bands.setdefault(row["age_band"] or NOT_STATED, set()).add(row["speaker_id"])
    hidden = hidden_groups({name: len(own) for name, own in bands.items()}, fewest)
    found: dict[str, set[str]] = {}
    for row in rows:
        if (row["age_band"] or NOT_STATED) in hidden:
            found.setdefault(groups[row["utterance_id"]], set()).add(row["speaker_id"])
    return {name: len(own) for name, own in found.items()}


def _figures(phones: pa.Table, calibration: Calibration, predicted: bool, config: BootstrapConfig) -> dict[str, Any]:
    rated, _ = rated_phones(phones, predicted=predicted)
    scores = calibration.scores(rated.gop) if len(rated.gop) else None
    owners = (rated.codes, len(rated.speakers))
    errors = None if scores is None else scores - rated.accuracy
    bias, correlation = (
        mean_interval(errors, *owners, config),
        pearson_interval(scores, rated.accuracy, *owners, config),
    )
    why = calibration.why_no_scores if len(rated.gop) else "no rated phone"
    pcc = metrics.Value(None, why) if scores is None else metrics.pearson(scores, rated.accuracy)
    if pcc.value is None:
        correlation = Interval(None, None, pcc.reason)
    threshold, bad = calibration.threshold.value, rated.bad
    flagged = None if threshold is None or not len(bad) else metrics.detection_counts(rated.gop, bad, threshold)
    squares = mean_interval(None if errors is None else errors**2, *owners, config)
    no_threshold = calibration.reason or calibration.threshold.reason or "no rated phone"
    frr = metrics.Value(None, no_threshold) if flagged is None else flagged.rates()["frr"]
    rejections = Interval(None, None, frr.reason)
    if frr.value is not None and threshold is not None:
        cells = bootstrap.flag_cells(rated.gop < threshold, bad)
        sums = bootstrap.speaker_sums(rated.codes, cells, len(rated.speakers))
        rejections = bootstrap.interval(sums, bootstrap.FLAG_STATISTICS["frr"], config)
    return {
        "speakers": len(encode(phones.column("speaker_id").to_pylist())[1]),
        "phones": len(rated.gop),
        "mean_human": float(rated.accuracy.mean()) if len(bad) else None,
        "mean_model": None if scores is None else float(scores.mean()),
        "bias": None if errors is None else float(errors.mean()),
        "reason": why if errors is None else None,
        "low": bias.low,
        "high": bias.high,
        "interval_reason": bias.reason,
        "pcc": {
            "value": pcc.value,
            "reason": pcc.reason,
            "low": correlation.low,
            "high": correlation.high,
            "interval_reason": correlation.reason,
        },
        "mse": None if errors is None else float(np.mean(errors**2)),
        "mse_low": squares.low,
        "mse_high": squares.high,
        "frr": frr.value,
        "frr_low": rejections.low,
        "frr_high": rejections.high,
        "frr_reason": frr.reason,
        "mispronounced": int(bad.sum()),
        "recall": None if flagged is None else flagged.rates()["recall"].value,
    }
