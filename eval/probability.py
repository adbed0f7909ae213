"""Is the probability of a mispronunciation to be believed, and does the model know when it does not know?

``mispronounced`` and ``flagged`` are what a checkpoint with a scorer says of itself: nothing is chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes
from eval.figures import PROBABILITY, Calibration, figure, flag_figures, mean_interval, rated_mask
from eval.metrics import Flags, Floats, Value
from eval.predictions import encode, floats

BINS = 10
BIN_RULE = f"{BINS} bins of equally many phones, in order of probability; equal probabilities share a bin"
"""Equal width would put nearly every phone into the first bin, since mispronunciations are rare."""
STEPS = 100
"""Points of the coverage-risk curve at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """Rated phones with a probability: it, the flag, what humans found, (N,) each; ``codes`` index the speakers."""

    probability: Floats
    flagged: Flags
    bad: Flags
    codes: Codes
    speakers: int


def told(phones: pa.Table) -> Told | None:
    """Return the rated phones that the model gave a probability; ``None`` when it gives none at all."""
    probability, flags = floats(phones, "mispronounced"), floats(phones, "flagged")
    known = np.isfinite(probability) & np.isfinite(flags)
    if not known.any():
        return None
    used = known & rated_mask(phones)
    codes, speakers = encode(phones.column("speaker_id").filter(pa.array(used)).to_pylist())
    bad = floats(phones, "accuracy")[used] < metrics.MISPRONOUNCED_BELOW
    return Told(probability[used], flags[used] > 0, bad, codes, len(speakers))


def probability_figures(said: Told, calibration: Calibration, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return detection by the checkpoint's own flag, AUC, Brier score and calibration error."""
    p, bad = said.probability, said.bad
    base = calibration.share_bad
    errors, constant = (p - bad) ** 2, None if base is None else (base - bad) ** 2
    none = "no rated phone"
    brier = metrics.ratio(float(errors.sum()), len(errors), none)
    cells = _cell_sums(said, equal_cells(p, BINS), p, bad)
    off = Value(float(calibration_error(cells.sum(0, keepdims=True))[0])) if len(p) else Value(None, none)
    what = "the share of mispronounced phones of the calibration split, for every phone"
    even = None if base is None or not len(p) else abs(base - float(bad.mean()))
    both = bad.any() and not bad.all()
    return [
        *flag_figures(
            "flag",
            said.flagged,
            bad,
            said.codes,
            said.speakers,
            config,
            suffix=", by the model's own flag",
            part=PROBABILITY,
        ),
        figure(
            "auc_probability",
            "Mispronounced phones, AUC of the probability",
            metrics.auc(-p, bad),
            bootstrap.auc_interval(said.codes, -p, bad, said.speakers, config),
            Value(0.5 if both else None),
            "chance",
            part=PROBABILITY,
        ),
        figure(
            "brier",
            "Probability of a mispronunciation, Brier score",
            brier,
            mean_interval(errors, said.codes, said.speakers, config),
            Value(None if constant is None or not len(p) else float(constant.mean())),
            what,
            better="lower",
            part=PROBABILITY,
        ),
        figure(
            "calibration_error",
            "Probability of a mispronunciation, expected calibration error",
            off,
            bootstrap.interval(cells, calibration_error, config),
            Value(even),
            what,
            better="lower",
            part=PROBABILITY,
        ),
    ]


def reliability(said: Told) -> dict[str, Any]:
    """Return the bins of the calibration error: phones, mean probability, share mispronounced."""
    cells = _cell_sums(said, equal_cells(said.probability, BINS), said.probability, said.bad).sum(0).reshape(-1, 3)
    return {
        "rule": BIN_RULE,
        "bins": [
            {"phones": int(n), "mean_probability": p / n, "mispronounced": int(bad), "share_mispronounced": bad / n}
            for n, p, bad in cells.tolist()
        ],
    }


def coverage_risk(said: Told, config: BootstrapConfig) -> dict[str, Any]:
    """Return how often the flag errs on the phones that the model is surest of, by the share of phones kept.

    Sureness is the probability that the flag is right: p where it flags, 1 - p where it does not. Below the curve lies
    ``area`` (El-Yaniv & Wiener 2010; lower is better); keeping phones at random leaves the error of all of them
    (``random``), and ``best`` is that of an order that keeps every wrong one for the end.
    """
    sure = np.where(said.flagged, said.probability, 1 - said.probability)
    wrong = said.flagged != said.bad
    cells = _cell_sums(said, equal_cells(-sure, STEPS), wrong)
    total = cells.sum(0)
    area = Value(float(area_under_risk(total[None])[0])) if len(sure) else Value(None, "no rated phone")
    interval = bootstrap.interval(cells, area_under_risk, config)
    kept, errors = np.cumsum(total[0::2]), np.cumsum(total[1::2])
    # Ranks that put every wrong phone last, no two the same.
    best = _cell_sums(
        said, equal_cells(np.argsort(np.argsort(wrong, kind="stable")).astype(np.float64), STEPS), wrong
    ).sum(0)
    return {
        "sureness": "p of flagged phones, 1 - p of the others",
        "area": area.value,
        "low": interval.low if area.value is not None else None,
        "high": interval.high if area.value is not None else None,
        "reason": area.reason or interval.reason,
        "random": float(wrong.mean()) if len(sure) else None,
        "best": float(area_under_risk(best[None])[0]) if len(sure) else None,
        "points": [
            {"kept": int(n), "wrong": int(w), "coverage": float(n / kept[-1]), "error": float(w / n)}
            for n, w in zip(kept, errors, strict=True)
        ],
    }


def equal_cells(values: Floats | Codes, count: int) -> NDArray[np.intp]:
    """Return the cell of each of N values, (N,): at most ``count`` of about equally many, ascending; ties share one."""
    if not len(values):
        return np.empty(0, dtype=np.intp)
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(sizes) - sizes
    _, cells = np.unique((before * count // len(values))[place], return_inverse=True)
    return np.asarray(cells, dtype=np.intp)


def calibration_error(sums: Floats) -> Floats:
    """Return the expected calibration error (B,) of (B, 3 K) sums: phones, probability, mispronounced of each bin.

    The mean gap between probability and share, weighted by the bin's phones (Naeini et al. 2015).
    """
    gaps = np.abs(sums[:, 1::3] - sums[:, 2::3]).sum(1)
    return bootstrap.divide(gaps, sums[:, 0::3].sum(1))


def area_under_risk(sums: Floats) -> Floats:
    """Return the area (B,) under error by coverage of (B, 2 K) sums: phones and wrong ones of each cell, surest first.

    Before the end of the first cell the error is taken as constant, between cells as a straight line.
    """
    kept, wrong = np.cumsum(sums[:, 0::2], axis=1), np.cumsum(sums[:, 1::2], axis=1)
    risk = bootstrap.divide(wrong, kept)
    # A resample may draw nobody from the first cells: its curve then starts later, at the first error there is.
    first = np.argmax(kept > 0, axis=1)
    risk = np.where(np.isnan(risk), risk[np.arange(len(risk)), first][:, None], risk)
    before = np.concatenate([risk[:, :1], risk[:, :-1]], axis=1)
    return bootstrap.divide((sums[:, 0::2] * (risk + before) / 2).sum(1), kept[:, -1])


def _cell_sums(said: Told, cells: NDArray[np.intp], *values: Floats | Flags) -> Floats:
    """Sum one and each of the values (N,) by speaker and cell: (speakers, K (1 + values)), cell by cell."""
    count = int(cells.max()) + 1 if len(cells) else 0
    columns = np.stack([np.ones(len(cells)), *values], axis=1)
    sums = np.zeros((said.speakers, count, columns.shape[1]))
    np.add.at(sums, (said.codes, cells), columns)
    return sums.reshape(said.speakers, count * columns.shape[1])
