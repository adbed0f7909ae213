"""Further figures of phones, each a named convention: rounded correlation, rare low scores, ranking.

They stand beside the pooled correlation and squared error of ``eval.figures``, which other papers print otherwise, and
which the many good phones decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Interval
from eval.figures import CONSTANT, Calibration, Rated, figure, pearson_interval
from eval.metrics import Flags, Floats, Value

LABEL_EDGES = (0.0, 0.5, 1.0, 1.5, 2.0)
LABEL_NAMES = ("0 to 0.5", "0.5 to 1", "1 to 1.5", "1.5 to 2", "2")
"""Bins of human accuracy, each including its lower edge."""
ROWS = 512
"""Resamples whose rankings are counted at once: 512 x 2,500 mispronounced phones are 10 MB."""


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


def bin_figures(scores: Floats, labels: Floats) -> dict[str, Any]:
    """Return signed and squared error and concordance of the phones of one bin of human accuracy, (N,) each.

    Inside a bin human scores hardly differ, so the concordance is low; where all are the same there is none.
    """
    errors, found = scores - labels, concordance(scores, labels)
    return {
        "bias": float(errors.mean()),
        "mse": float(np.mean(errors**2)),
        "ccc": found.value,
        "ccc_reason": found.reason,
    }


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


def ranking_interval(
    gop: Floats, bad: Flags, codes: bootstrap.Codes, speakers: int, config: BootstrapConfig
) -> Interval:
    """Return the interval of the average precision of GOP (N,) for ``bad`` (N,) phones."""
    flagged, hits = _ranked(gop, bad, codes, speakers)  # (S, L)
    totals = np.stack([np.bincount(codes, weights=kind, minlength=speakers) for kind in (bad, ~bad)], axis=1)

    def figure_of(weights: Floats) -> Floats:
        bads, goods = (weights @ totals).T
        parts = []
        for start in range(0, len(weights), ROWS):
            drawn = weights[start : start + ROWS]
            found = drawn @ hits  # (b, L)
            precision = bootstrap.divide(found, drawn @ flagged)
            parts.append(np.nansum(np.diff(found, axis=1, prepend=0.0) * precision, axis=1))
        return bootstrap.divide(np.concatenate(parts), np.where(goods > 0, bads, 0.0))

    return bootstrap.weighted_interval(speakers, figure_of, config)


def _ranked(gop: Floats, bad: Flags, codes: bootstrap.Codes, speakers: int) -> tuple[Floats, Floats]:
    """Count each speaker's phones, and mispronounced ones, up to each of the L values a mispronounced phone has.

    Both are (S, L). Average precision rises at these values only, and a resample adds up its speakers.
    """
    levels = np.unique(gop[bad])  # (L,)
    places = np.searchsorted(levels, gop)  # the first level that a phone counts at; L for none
    counts = []
    for kind in (np.ones_like(bad), bad):
        cells = np.zeros((speakers, len(levels) + 1))
        np.add.at(cells, (codes[kind], places[kind]), 1.0)
        counts.append(np.cumsum(cells[:, :-1], axis=1))
    return counts[0], counts[1]


def _concordance_interval(
    scores: Floats | None, labels: Floats, codes: bootstrap.Codes, speakers: int, config: BootstrapConfig
) -> Interval:
    if scores is None or not len(scores):
        return Interval(None, None)
    sums = bootstrap.speaker_sums(codes, bootstrap.joint_moments(scores, labels), speakers)
    return bootstrap.interval(sums, bootstrap.concordance_statistic, config)


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
