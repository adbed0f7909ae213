"""Further figures of phones, each a named convention: rounded correlation, rare low scores, ranking, diagnosis.

They stand beside the pooled correlation and squared error of ``eval.figures``, which other papers print otherwise, and
which the many good phones decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.metrics import average_precision_score

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Interval
from eval.figures import CONSTANT, Calibration, Rated, figure, pearson_interval
from eval.metrics import Flags, Floats, Value
from eval.predictions import encode, floats

LABEL_EDGES = (0.0, 0.5, 1.0, 1.5, 2.0)
LABEL_NAMES = ("0 to 0.5", "0.5 to 1", "1 to 1.5", "1.5 to 2", "2")
"""Bins of human accuracy, each including its lower edge."""
ROWS = 128
"""Resamples whose rankings are counted at once: 128 x 50,000 phones are 50 MB."""


def label_bins(accuracy: Floats) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the bin of each human accuracy, (N,), 0 to 4."""
    return np.asarray(np.digitize(accuracy, LABEL_EDGES) - 1, dtype=np.intp)


def rounded(scores: Floats) -> Floats:
    """Return scores as Kaldi's recipe for this corpus has them: the nearest of 0, 1, 2, halves to the even one."""
    return np.rint(np.clip(scores, *metrics.LABEL_RANGE))


def concordance(x: Floats, y: Floats) -> Value:
    """Return Lin's concordance correlation coefficient (Lin, 1989) of two (N,) arrays: 1 only where they are equal."""
    found = metrics.pearson(x, y)
    if found.value is None:
        return found
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return Value(float(2 * np.mean((x - x.mean()) * (y - y.mean())) / spread))


def macro_error(errors: Floats, bins: np.ndarray[Any, np.dtype[np.intp]]) -> Value:
    """Return the mean over the bins of human accuracy of each bin's mean error (N,): rare low scores count alike."""
    if not len(errors):
        return Value(None, "no rated phone")
    return Value(float(np.mean([errors[bins == one].mean() for one in np.unique(bins)])))


def average_precision(gop: Floats, bad: Flags) -> Value:
    """Return the mean precision over the mispronounced phones in order of GOP, lowest first, without interpolation."""
    why = metrics.auc(gop, bad)
    return Value(float(average_precision_score(bad, -gop))) if why.value is not None else why


def convention_figures(rated: Rated, calibration: Calibration, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return the figures of phone accuracy and of ranking; without scores on the human scale, the reason."""
    gop, labels, bad = rated.gop, rated.accuracy, rated.bad
    owners = (rated.codes, len(rated.speakers))
    scores = calibration.scores(gop) if len(gop) else None
    missing = Value(None, calibration.why_no_scores if len(gop) else "no rated phone")
    bins = label_bins(labels)
    errors = None if scores is None else (scores - labels) ** 2
    constant = None if calibration.mean is None else (calibration.mean - labels) ** 2
    zero = Value(0.0 if len(gop) else None)
    coarse = None if scores is None else rounded(scores)
    return [
        figure(
            "phone_pcc_rounded",
            "Phone accuracy rounded to 0, 1, 2 (Kaldi), Pearson correlation",
            missing if coarse is None else metrics.pearson(coarse, rounded(labels)),
            pearson_interval(coarse, rounded(labels), *owners, config),
            zero,
            CONSTANT,
        ),
        figure(
            "phone_ccc",
            "Phone accuracy, concordance correlation",
            missing if scores is None else concordance(scores, labels),
            _concordance_interval(scores, labels, *owners, config),
            zero,
            CONSTANT,
        ),
        figure(
            "phone_macro_mse",
            "Phone accuracy, mean squared error averaged over bins of human accuracy",
            missing if errors is None else macro_error(errors, bins),
            _macro_interval(errors, bins, *owners, config),
            missing if constant is None else macro_error(constant, bins),
            CONSTANT,
            better="lower",
        ),
        figure(
            "average_precision",
            "Mispronounced phones, average precision",
            average_precision(gop, bad),
            ranking_interval(gop, bad, *owners, config),
            Value(float(bad.mean()) if bad.any() and not bad.all() else None),
            "a random order",
        ),
    ]


def diagnosis_figure(phones: pa.Table, threshold: float | None, config: BootstrapConfig) -> dict[str, Any]:
    """Return the diagnosis error rate: of mispronunciations found, how often another phone was heard than was said.

    Only where annotators wrote down what was said; ``threshold`` is that of detection.
    """
    gop, accuracy = floats(phones, "gop"), floats(phones, "accuracy")
    realised, heard = phones.column("realised").to_pylist(), phones.column("heard").to_pylist()
    canonical = phones.column("canonical").to_pylist()
    known = np.array([said is not None for said in realised], dtype=bool) & np.isfinite(gop)
    wrong_phone = np.array(
        [said is not None and said != wanted for said, wanted in zip(realised, canonical, strict=True)]
    )
    bad = known & np.where(np.isfinite(accuracy), accuracy < metrics.MISPRONOUNCED_BELOW, wrong_phone.astype(bool))
    found = bad & (gop < threshold) if threshold is not None else np.zeros(len(gop), dtype=bool)
    off = np.array([said != was for said, was in zip(realised, heard, strict=True)], dtype=bool)
    why = "nobody wrote down what was said in place of the mispronounced phones"
    reason = why if not bad.any() else "no threshold" if threshold is None else "no mispronunciation was found"
    value = metrics.ratio(int((found & off).sum()), int(found.sum()), reason)
    codes, speakers = encode(phones.column("speaker_id").to_pylist())
    sums = bootstrap.speaker_sums(codes, np.stack([found & off, found], axis=1).astype(np.float64), len(speakers))
    return figure(
        "diagnosis_error",
        "Mispronunciations found, but another phone heard than was said (diagnosis error)",
        value,
        bootstrap.interval(sums, bootstrap.rate_statistic, config),
        Value(1.0 if value.value is not None else None),
        "a model that never hears what was said",
        better="lower",
        percent=True,
    )


def ranking_interval(
    gop: Floats, bad: Flags, codes: bootstrap.Codes, speakers: int, config: BootstrapConfig
) -> Interval:
    """Return the interval of the average precision of GOP (N,) for ``bad`` (N,) phones."""
    order = np.argsort(gop, kind="stable")
    last = np.append(np.flatnonzero(np.diff(gop[order])), len(gop) - 1) if len(gop) else np.zeros(0, dtype=np.intp)
    bads, owners = bad[order].astype(np.float64), codes[order]

    def figure_of(weights: Floats) -> Floats:
        parts = []
        for start in range(0, len(weights), ROWS):
            drawn = weights[start : start + ROWS][:, owners]  # (b, N)
            hits = np.cumsum(drawn * bads, axis=1)[:, last]
            flagged = np.cumsum(drawn, axis=1)[:, last]
            precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
            gained = np.diff(hits, axis=1, prepend=0.0)
            goods = flagged[:, -1] - hits[:, -1]
            total = np.where(goods > 0, hits[:, -1], 0.0)
            parts.append(bootstrap.divide((gained * precision).sum(1), total))
        return np.concatenate(parts)

    return bootstrap.weighted_interval(speakers, figure_of, config)


def _concordance_interval(
    scores: Floats | None, labels: Floats, codes: bootstrap.Codes, speakers: int, config: BootstrapConfig
) -> Interval:
    if scores is None or not len(scores):
        return Interval(None, None)
    # Both are centred on one value, which leaves the difference of their means as it is.
    x, y = scores - labels.mean(), labels - labels.mean()
    rows = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def statistic(sums: Floats) -> Floats:
        n, sx, sy, sxx, syy, sxy = sums.T
        cov = n * sxy - sx * sy
        spread = np.clip(n * sxx - sx * sx, 0, None) + np.clip(n * syy - sy * sy, 0, None) + (sx - sy) ** 2
        return bootstrap.divide(2 * cov, spread)

    return bootstrap.interval(bootstrap.speaker_sums(codes, rows, speakers), statistic, config)


def _macro_interval(
    errors: Floats | None,
    bins: np.ndarray[Any, np.dtype[np.intp]],
    codes: bootstrap.Codes,
    speakers: int,
    config: BootstrapConfig,
) -> Interval:
    if errors is None or not len(errors):
        return Interval(None, None)
    inside = [(bins == one).astype(np.float64) for one in np.unique(bins)]
    rows = np.stack([part for each in inside for part in (errors * each, each)], axis=1)

    def statistic(sums: Floats) -> Floats:
        means = bootstrap.divide(sums[:, 0::2], sums[:, 1::2])
        return np.asarray(np.mean(means, axis=1))  # NaN when a bin is not drawn

    return bootstrap.interval(bootstrap.speaker_sums(codes, rows, speakers), statistic, config)
