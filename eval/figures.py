"""Figures of one split, each with its interval and its baseline, ready for ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes, Interval
from eval.decoding import NOT_DECODED
from eval.metrics import NOTHING, EditCounts, Flags, Floats, Value
from eval.predictions import encode, floats

CONSTANT = "the mean accuracy of the calibration split, for every phone"
ISOTONIC, AS_PREDICTED = "isotonic", "as_predicted"
"""How a score is brought to the human scale: GOP by a fitted mapping, the accuracy of a scorer not at all."""
SILENT = "a model that hears nothing"
COIN = "a coin that flags as often as the model"
PHONES, WORDS, UTTERANCES, PROBABILITY = "phones", "words", "utterances", "probability"
"""What a figure is about."""
DETECTION = {
    "f1": ("Mispronounced phones, F1", "higher"),
    "f05": ("Mispronounced phones, F0.5 (a false alarm costs more than a miss)", "higher"),
    "precision": ("Mispronounced phones, precision", "higher"),
    "recall": ("Mispronounced phones, recall", "higher"),
    "frr": ("Correct phones flagged (false rejection)", "lower"),
    "far": ("Mispronounced phones passed (false acceptance)", "lower"),
}


@dataclass(frozen=True, slots=True)
class Rated:
    """The phones of one split with both a human accuracy and a GOP: (N,) each; ``codes`` index ``speakers``.

    ``gop`` is whatever is judged, low for bad; ``predicted`` tells that it is an accuracy on the human scale.
    """

    gop: Floats
    accuracy: Floats
    codes: Codes
    speakers: tuple[str, ...]
    predicted: bool = False

    @property
    def bad(self) -> Flags:
        """Mispronounced phones."""
        return self.accuracy < metrics.MISPRONOUNCED_BELOW


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one split decides for another: means, mapping of GOP to 0-2, threshold, or ``reason`` why nothing.

    ``share_bad`` is the share of mispronounced phones. Scores on the human scale already (``scale``) need no mapping.
    """

    mean: float | None = None
    mapping: metrics.Mapping | None = None
    threshold: Value = NOTHING
    reason: str | None = None
    share_bad: float | None = None
    scale: str = ISOTONIC

    def scores(self, gop: Floats) -> Floats | None:
        """Return what is judged (N,) on the human scale, ``None`` where nothing says how."""
        if self.scale == AS_PREDICTED:
            return gop
        return None if self.mapping is None else self.mapping(gop)

    @property
    def why_no_scores(self) -> str:
        """Why ``scores`` has nothing to return."""
        return self.reason or "every GOP of the calibration split is the same"


def rated_mask(phones: pa.Table) -> Flags:
    """Return which phones a human rated, (N,)."""
    return np.isfinite(floats(phones, "accuracy"))


def used_mask(phones: pa.Table, column: str = "gop") -> Flags:
    """Return which phones figures of agreement use, (N,): those with both a human accuracy and a judgement."""
    return rated_mask(phones) & np.isfinite(floats(phones, column))


def rated_phones(phones: pa.Table, column: str = "gop", predicted: bool = False) -> tuple[Rated, dict[str, int]]:
    """Return the phones that figures of agreement use, and the counts of those left out and why.

    ``column`` holds what is judged; ``predicted`` tells that this is an accuracy on the human scale.
    """
    gop = floats(phones, column)
    accuracy = floats(phones, "accuracy")
    has_label, has_gop = rated_mask(phones), np.isfinite(gop)
    used = used_mask(phones, column)
    codes, speakers = encode(phones.column("speaker_id").filter(pa.array(used)).to_pylist())
    rated = Rated(gop[used], accuracy[used], codes, speakers, predicted)
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
    scale = AS_PREDICTED if rated.predicted else ISOTONIC
    if split == calibration_split:
        return Calibration(reason=f"the {split} split is evaluated itself, so nothing may be chosen on it", scale=scale)
    if not len(rated.gop):
        return Calibration(reason=f"no rated phone in the {calibration_split} split to calibrate on", scale=scale)
    return Calibration(
        float(rated.accuracy.mean()),
        None if rated.predicted else metrics.fit_mapping(rated.gop, rated.accuracy),
        metrics.choose_threshold(rated.gop, rated.bad),
        share_bad=float(rated.bad.mean()),
        scale=scale,
    )


def error_figures(
    utterances: pa.Table, edits: list[tuple[EditCounts, ...]] | None, config: BootstrapConfig
) -> list[dict[str, Any]]:
    """Return the phone error rates against what was said and against the prompt; without ``edits``, why none."""
    codes, speakers = encode(utterances.column("speaker_id").to_pylist())
    found = []
    for index, (name, title) in enumerate(
        [("per", "Phone error rate, against what was said"), ("per_prompt", "Phone error rate, against the prompt")]
    ):
        counts = [pair[index] for pair in edits or ()]
        table = np.array([(count.errors, count.reference) for count in counts], dtype=np.float64).reshape(-1, 2)
        sums = bootstrap.speaker_sums(codes[: len(table)], table, len(speakers))
        interval = bootstrap.interval(sums, bootstrap.rate_statistic, config)
        rate = Value(None, NOT_DECODED) if edits is None else sum(counts, EditCounts()).rate()
        silence = Value(1.0 if rate.value is not None else None)
        found.append(figure(name, title, rate, interval, silence, SILENT, better="lower", percent=True))
    return found


def agreement_figures(
    rated: Rated, calibration: Calibration, config: BootstrapConfig, human: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return correlation, squared error, AUC and detection rates of the rated phones, each with its baseline.

    ``human`` is one rater's agreement with the others, beside the correlation.
    """
    gop, labels, bad = rated.gop, rated.accuracy, rated.bad
    owners = (rated.codes, len(rated.speakers))
    scores = calibration.scores(gop) if len(gop) else None
    missing = Value(None, calibration.why_no_scores if len(gop) else "no rated phone")
    mean = calibration.mean
    zero = Value(0.0 if len(gop) else None)
    constant_error = missing if mean is None else metrics.mean_squared_error(np.full_like(labels, mean), labels)
    raw = figure(
        "phone_pcc_raw",
        "Phone accuracy, Pearson correlation of raw GOP",
        metrics.pearson(gop, labels),
        pearson_interval(gop, labels, *owners, config),
        zero,
        CONSTANT,
    )
    found = [
        figure(
            "phone_pcc",
            "Phone accuracy, Pearson correlation (GOPT: all phones pooled)",
            missing if scores is None else metrics.pearson(scores, labels),
            pearson_interval(scores, labels, *owners, config),
            zero,
            CONSTANT,
            human=human,
        ),
        *([] if rated.predicted else [raw]),
        figure(
            "phone_mse",
            "Phone accuracy, mean squared error",
            missing if scores is None else metrics.mean_squared_error(scores, labels),
            mean_interval(None if scores is None else (scores - labels) ** 2, *owners, config),
            constant_error,
            CONSTANT,
            better="lower",
        ),
        figure(
            "auc",
            f"Mispronounced phones, AUC of {'the predicted accuracy' if rated.predicted else 'GOP'}",
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
    flagged = None if threshold is None else rated.gop < threshold
    return flag_figures("detection", flagged, rated.bad, rated.codes, len(rated.speakers), config, reason=reason)


def flag_figures(
    name: str,
    flagged: Flags | None,
    bad: Flags,
    codes: Codes,
    speakers: int,
    config: BootstrapConfig,
    *,
    reason: str | None = None,
    suffix: str = "",
    part: str = PHONES,
) -> list[dict[str, Any]]:
    """Return precision, recall, F1, FRR and FAR of flags (N,); ``reason`` says why there are none."""
    if flagged is None or not len(bad):
        missing = Value(None, "no rated phone" if not len(bad) else reason)
        nothing = Interval(None, None, missing.reason)
        rates = dict.fromkeys(DETECTION, (missing, nothing, missing))
    else:
        counts = metrics.flag_counts(flagged, bad)
        values, chance = counts.rates(), counts.chance_rates()
        sums = bootstrap.speaker_sums(codes, bootstrap.flag_cells(flagged, bad), speakers)
        rates = {
            rate: (values[rate], bootstrap.interval(sums, bootstrap.FLAG_STATISTICS[rate], config), chance[rate])
            for rate in DETECTION
        }
    return [
        figure(f"{name}_{rate}", title + suffix, *rates[rate], COIN, better=better, percent=True, part=part)
        for rate, (title, better) in DETECTION.items()
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
    part: str = PHONES,
    human: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one figure with its interval and baseline as it stands in ``metrics.json``.

    ``part`` is what it is about; ``human`` what one rater reaches against the others, where that can be compared.
    """
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
        "part": part,
        "human": None if human is None else dict(human),
    }


def pearson_interval(
    scores: Floats | None, labels: Floats, codes: Codes, speakers: int, config: BootstrapConfig
) -> Interval:
    """Return the interval of Pearson's r of (N,) scores and labels; none without scores."""
    if scores is None or not len(scores):
        return Interval(None, None)
    sums = bootstrap.speaker_sums(codes, bootstrap.moments(scores, labels), speakers)
    return bootstrap.interval(sums, bootstrap.pearson_statistic, config)


def mean_interval(values: Floats | None, codes: Codes, speakers: int, config: BootstrapConfig) -> Interval:
    """Return the interval of the mean of (N,) values; none without values."""
    if values is None or not len(values):
        return Interval(None, None)
    sums = bootstrap.speaker_sums(codes, np.stack([values, np.ones_like(values)], axis=1), speakers)
    return bootstrap.interval(sums, bootstrap.rate_statistic, config)
