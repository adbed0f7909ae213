"""Two models on the same utterances: the difference of each figure, with an interval from the same draws of speakers.

Speakers who are hard for one model are hard for the other, so the interval of a difference is narrower than two
intervals side by side suggest. Pure: prediction tables and metrics in, differences out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Statistic
from eval.decoding import NOT_DECODED
from eval.errors import ReportError
from eval.figures import AS_PREDICTED, ISOTONIC, Calibration, Rated, rated_phones
from eval.metrics import Floats, Value
from eval.predictions import Predictions, encode
from eval.summarise import utterance_edits
from eval.text import NONE, signed_text


@dataclass(frozen=True, slots=True)
class Scored:
    """One run: its name, the tables of the evaluated split, what its calibration split decided, the rated phones."""

    name: str
    part: Predictions
    calibration: Calibration
    rated: Rated


Sums = tuple[Floats, Statistic]
"""Sums of each speaker (speakers, K), and the figure of summed sums (B, K) -> (B,)."""


def scored(name: str, predictions: Predictions, run: dict[str, Any]) -> Scored:
    """Return a run from its tables and what ``metrics.json`` says of its calibration."""
    told = run["calibration"]
    mapping = told["mapping"] and metrics.Mapping(tuple(told["mapping"]["gop"]), tuple(told["mapping"]["accuracy"]))
    calibration = Calibration(
        told["mean_accuracy"],
        mapping,
        Value(told["threshold"], told["reason"]),
        told["reason"],
        None,
        told.get("scale", ISOTONIC),
    )
    part = predictions.only(run["protocol"]["split"])
    rated, _ = rated_phones(part.phones, predicted=calibration.scale == AS_PREDICTED)
    return Scored(name, part, calibration, rated)


def differences(first: Sequence[Scored], second: Sequence[Scored], config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return second minus first of every figure, each the mean over the runs (seeds) of its side.

    Raises ``ReportError`` when the runs were not scored on the same phones of the same speakers.
    """
    runs = [*first, *second]
    _check_same(runs)
    found = []
    for name, (title, better, percent, sums_of) in FIGURES.items():
        sides = [[sums_of(run) for run in side] for side in (first, second)]
        missing = next((one for side in sides for one in side if isinstance(one, str)), None)
        row: dict[str, Any] = {"name": name, "title": title, "better": better, "percent": percent}
        if missing is not None:
            found.append({**row, "value": None, "low": None, "high": None, "reason": missing})
            continue

        def difference(weights: Floats, sides: Any = sides) -> Floats:
            means = [np.mean([statistic(weights @ sums) for sums, statistic in side], axis=0) for side in sides]
            return np.asarray(means[1] - means[0])

        speakers = len(sides[0][0][0])
        interval = bootstrap.weighted_interval(speakers, difference, config)
        value = float(difference(np.ones((1, speakers)))[0])
        clear = interval.low is not None and interval.high is not None and not interval.low <= 0 <= interval.high
        found.append(
            {
                **row,
                "value": value,
                "low": interval.low,
                "high": interval.high,
                "reason": interval.reason,
                "clear": clear,
            }
        )
    return found


def difference_cells(row: dict[str, Any]) -> dict[str, str]:
    """Return a difference as text: title, value and interval (points of a share), and what it says of the second."""
    if row["value"] is None:
        return {"title": row["title"], "value": NONE, "interval": str(row["reason"]), "verdict": ""}
    scale = 100 if row["percent"] else 1
    ends = [signed_text(scale * row[end]) for end in ("low", "high") if row[end] is not None]
    good = (row["value"] > 0) == (row["better"] == "higher")
    return {
        "title": f"{row['title']}{', points' if row['percent'] else ''}",
        "value": signed_text(scale * row["value"]),
        "interval": " to ".join(ends) or str(row["reason"]),
        "verdict": ("better" if good else "worse") if row["clear"] else "not told apart",
    }


def _check_same(runs: Sequence[Scored]) -> None:
    keys = ["utterance_id", "slot", "accuracy"]
    wanted = runs[0].part.phones.select(keys)
    for run in runs[1:]:
        if not run.part.phones.select(keys).equals(wanted) or len(run.rated.gop) != len(runs[0].rated.gop):
            raise ReportError(
                f"{run.name} and {runs[0].name} were not scored on the same rated phones: score both on the same "
                "release, split and day, then compare."
            )


def _errors(run: Scored) -> Sums | str:
    found = utterance_edits(run.part.utterances)
    if found is None:
        return NOT_DECODED
    edits = [said for said, _ in found]
    codes, speakers = encode(run.part.utterances.column("speaker_id").to_pylist())
    table = np.array([(one.errors, one.reference) for one in edits], dtype=np.float64).reshape(-1, 2)
    return bootstrap.speaker_sums(codes, table, len(speakers)), bootstrap.rate_statistic


def _scores(build: Callable[[Floats, Rated], Sums]) -> Callable[[Scored], Sums | str]:
    def sums(run: Scored) -> Sums | str:
        rated = run.rated
        if not len(rated.gop):
            return "no rated phone"
        scores = run.calibration.scores(rated.gop)
        return run.calibration.why_no_scores if scores is None else build(scores, rated)

    return sums


def _moments(scores: Floats, rated: Rated) -> Sums:
    rows = bootstrap.moments(scores, rated.accuracy)
    return bootstrap.speaker_sums(rated.codes, rows, len(rated.speakers)), bootstrap.pearson_statistic


def _squares(scores: Floats, rated: Rated) -> Sums:
    rows = np.stack([(scores - rated.accuracy) ** 2, np.ones_like(scores)], axis=1)
    return bootstrap.speaker_sums(rated.codes, rows, len(rated.speakers)), bootstrap.rate_statistic


def _flags(rate: str) -> Callable[[Scored], Sums | str]:
    def sums(run: Scored) -> Sums | str:
        threshold, rated = run.calibration.threshold.value, run.rated
        if threshold is None:
            return run.calibration.reason or run.calibration.threshold.reason or "no threshold"
        cells = bootstrap.flag_cells(rated.gop < threshold, rated.bad)
        return bootstrap.speaker_sums(rated.codes, cells, len(rated.speakers)), bootstrap.FLAG_STATISTICS[rate]

    return sums


FIGURES: dict[str, tuple[str, str, bool, Callable[[Scored], Sums | str]]] = {
    "per": ("Phone error rate, against what was said", "lower", True, _errors),
    "phone_pcc": ("Phone accuracy, Pearson correlation", "higher", False, _scores(_moments)),
    "phone_mse": ("Phone accuracy, mean squared error", "lower", False, _scores(_squares)),
    "detection_f1": ("Mispronounced phones, F1", "higher", True, _flags("f1")),
    "detection_frr": ("Correct phones flagged (false rejection)", "lower", True, _flags("frr")),
}
"""Name, title, which way is better, whether it is a share, and the sums of each speaker it follows from."""
