"""Figures of one split, each with its interval and its baseline, ready for ``metrics.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes, Interval
from eval.metrics import NOTHING, EditCounts, Flags, Floats, Value
from eval.predictions import encode, floats

CONSTANT = "the mean accuracy of the calibration split, for every phone"
COIN = "a coin that flags as often as the model"
DETECTION = {
    "f1": ("Mispronounced phones, F1", "higher"),
    "precision": ("Mispronounced phones, precision", "higher"),
    "recall": ("Mispronounced phones, recall", "higher"),
    "frr": ("Correct phones flagged (false rejection)", "lower"),
    "far": ("Mispronounced phones passed (false acceptance)", "lower"),
}


@dataclass(frozen=True, slots=True)
class Rated:
    """The phones of one split with both a human accuracy and a GOP: (N,) each; ``codes`` index ``speakers``."""

    gop: Floats
    accuracy: Floats
    codes: Codes
    speakers: tuple[str, ...]

    @property
    def bad(self) -> Flags:
        """Mispronounced phones."""
        return self.accuracy < metrics.MISPRONOUNCED_BELOW


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one split decides for another: mean accuracy, mapping of GOP to 0-2, threshold, or ``reason``."""

    mean: float | None = None
    mapping: metrics.Mapping | None = None
    threshold: Value = NOTHING
    reason: str | None = None


def rated_phones(phones: pa.Table) -> tuple[Rated, dict[str, int]]:
    """Return the phones that figures of agreement use, and the counts of those left out and why."""
    gop = floats(phones, "gop")
    accuracy = floats(phones, "accuracy")
    has_label, has_gop = np.isfinite(accuracy), np.isfinite(gop)
    used = has_label & has_gop
    codes, speakers = encode(phones.column("speaker_id").filter(pa.array(used)).to_pylist())
    rated = Rated(gop[used], accuracy[used], codes, speakers)
    return rated, {
        "phones": len(gop),
        "phones_rated": int(has_label.sum()),
        "phones_unrated": int((~has_label).sum()),
        "phones_rated_without_gop": int((has_label & ~has_gop).sum()),
        "phones_used": int(used.sum()),
        "phones_mispronounced": int(rated.bad.sum()),
    }


def calibrate(rated: Rated, split: str, calibration_split: str) -> Calibration:
    """Fit the mapping and choose the threshold on the rated phones of the calibration split."""
    if split == calibration_split:
        return Calibration(reason=f"the {split} split is evaluated itself, so nothing may be chosen on it")
    if not len(rated.gop):
        return Calibration(reason=f"no rated phone in the {calibration_split} split to calibrate on")
    return Calibration(
        float(rated.accuracy.mean()),
        metrics.fit_mapping(rated.gop, rated.accuracy),
        metrics.choose_threshold(rated.gop, rated.bad),
    )


def error_figures(
    utterances: pa.Table, edits: list[tuple[EditCounts, ...]], config: BootstrapConfig
) -> list[dict[str, Any]]:
    """Return the phone error rates against what was said and against the prompt."""
    codes, speakers = encode(utterances.column("speaker_id").to_pylist())
    found = []
    for index, (name, title) in enumerate(
        [("per", "Phone error rate, against what was said"), ("per_prompt", "Phone error rate, against the prompt")]
    ):
        counts = [pair[index] for pair in edits]
        table = np.array([(count.errors, count.reference) for count in counts], dtype=np.float64).reshape(-1, 2)
        sums = bootstrap.speaker_sums(codes, table, len(speakers))
        interval = bootstrap.interval(sums, bootstrap.rate_statistic, config)
        rate = sum(counts, EditCounts()).rate()
        silence = Value(1.0 if rate.value is not None else None)
        found.append(
            figure(name, title, rate, interval, silence, "a model that hears nothing", better="lower", percent=True)
        )
    return found


def agreement_figures(rated: Rated, calibration: Calibration, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return correlation, squared error, AUC and detection rates of the rated phones, each with its baseline."""
    gop, labels, bad, mapping = rated.gop, rated.accuracy, rated.bad, calibration.mapping
    mapped = None if mapping is None or not len(gop) else mapping(gop)
    missing = Value(
        None,
        "no rated phone" if not len(gop) else calibration.reason or "every GOP of the calibration split is the same",
    )
    mean = calibration.mean
    zero = Value(0.0 if len(gop) else None)
    constant_error = missing if mean is None else metrics.mean_squared_error(np.full_like(labels, mean), labels)
    found = [
        figure(
            "phone_pcc",
            "Phone accuracy, Pearson correlation",
            missing if mapped is None else metrics.pearson(mapped, labels),
            _pearson_interval(mapped, rated, config),
            zero,
            CONSTANT,
        ),
        figure(
            "phone_pcc_raw",
            "Phone accuracy, Pearson correlation of raw GOP",
            metrics.pearson(gop, labels),
            _pearson_interval(gop, rated, config),
            zero,
            CONSTANT,
        ),
        figure(
            "phone_mse",
            "Phone accuracy, mean squared error",
            missing if mapped is None else metrics.mean_squared_error(mapped, labels),
            _error_interval(mapped, rated, config),
            constant_error,
            CONSTANT,
            better="lower",
        ),
        figure(
            "auc",
            "Mispronounced phones, AUC of GOP",
            metrics.auc(gop, bad),
            bootstrap.auc_interval(rated.codes, gop, bad, len(rated.speakers), config),
            Value(0.5 if bad.any() and not bad.all() else None),
            "chance",
        ),
    ]
    return found + detection_figures(rated, calibration, config)


def detection_figures(rated: Rated, calibration: Calibration, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return precision, recall, F1, FRR and FAR at the threshold of the calibration split."""
    threshold = calibration.threshold.value
    reason = calibration.reason or calibration.threshold.reason
    if threshold is None or not len(rated.gop):
        missing = Value(None, "no rated phone" if not len(rated.gop) else reason)
        nothing = Interval(None, None, missing.reason)
        rates = dict.fromkeys(DETECTION, (missing, nothing, missing))
    else:
        counts = metrics.detection_counts(rated.gop, rated.bad, threshold)
        values, chance = counts.rates(), counts.chance_rates()
        flagged, bad = rated.gop < threshold, rated.bad
        cells = np.stack([flagged & bad, flagged & ~bad, ~flagged & bad, ~flagged & ~bad], axis=1).astype(np.float64)
        sums = bootstrap.speaker_sums(rated.codes, cells, len(rated.speakers))
        rates = {
            name: (values[name], bootstrap.interval(sums, lambda drawn, n=name: _rate(drawn, n), config), chance[name])  # type: ignore[misc]
            for name in DETECTION
        }
    return [
        figure(f"detection_{name}", title, *rates[name], COIN, better=better, percent=True)
        for name, (title, better) in DETECTION.items()
    ]


def figure(
    name: str,
    title: str,
    value: Value,
    interval: Interval,
    baseline: Value,
    baseline_is: str,
    *,
    better: str = "higher",
    percent: bool = False,
) -> dict[str, Any]:
    """Return one figure with its interval and baseline as it stands in ``metrics.json``."""
    if value.value is None:
        interval = Interval(None, None, value.reason)
    return {
        "name": name,
        "title": title,
        "value": value.value,
        "reason": value.reason,
        "low": interval.low,
        "high": interval.high,
        "interval_reason": interval.reason,
        "baseline": {"value": baseline.value, "what": baseline_is},
        "better": better,
        "percent": percent,
    }


def _pearson_interval(scores: Floats | None, rated: Rated, config: BootstrapConfig) -> Interval:
    if scores is None or not len(scores):
        return Interval(None, None)
    sums = bootstrap.speaker_sums(rated.codes, bootstrap.moments(scores, rated.accuracy), len(rated.speakers))
    return bootstrap.interval(sums, bootstrap.pearson_statistic, config)


def _error_interval(mapped: Floats | None, rated: Rated, config: BootstrapConfig) -> Interval:
    if mapped is None:
        return Interval(None, None)
    errors = (mapped - rated.accuracy) ** 2
    sums = bootstrap.speaker_sums(rated.codes, np.stack([errors, np.ones_like(errors)], axis=1), len(rated.speakers))
    return bootstrap.interval(sums, bootstrap.rate_statistic, config)


def _rate(cells: Floats, name: str) -> Floats:
    """Return one detection rate of (B, 4) counts: bad flagged, good flagged, bad passed, good passed."""
    hit, false_alarm, miss, passed = cells.T
    return {
        "f1": lambda: bootstrap.divide(2 * hit, 2 * hit + false_alarm + miss),
        "precision": lambda: bootstrap.divide(hit, hit + false_alarm),
        "recall": lambda: bootstrap.divide(hit, hit + miss),
        "frr": lambda: bootstrap.divide(false_alarm, false_alarm + passed),
        "far": lambda: bootstrap.divide(miss, hit + miss),
    }[name]()
