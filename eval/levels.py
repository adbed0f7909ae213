"""Scores of words and utterances beside human ones: what a model with a scorer says above the phone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from eval import agreement, metrics
from eval.bootstrap import BootstrapConfig
from eval.figures import UTTERANCES, WORDS, figure, mean_interval, pearson_interval
from eval.metrics import Floats, Value
from eval.predictions import UTTERANCE_SCORES, WORD_SCORES, Predictions, encode, floats

LEVELS = {WORDS: ("word", WORD_SCORES), UTTERANCES: ("utterance", UTTERANCE_SCORES)}


def level_figures(
    part: Predictions, calibration: Predictions | None, reason: str | None, config: BootstrapConfig
) -> list[dict[str, Any]]:
    """Return correlation and squared error (0-10) of every score of words and utterances; none without a scorer.

    The baseline is the mean human score of the ``calibration`` split; without it, ``reason`` stands in its place.
    """
    found: list[dict[str, Any]] = []
    for level, (unit, scores) in LEVELS.items():
        table = getattr(part, level)
        if any(np.isfinite(floats(table, "predicted", score)).any() for score in scores):
            known = None if calibration is None else getattr(calibration, level)
            for score in scores:
                ceiling = agreement.one_against_the_others(part.raters, level, score, config, unit)
                found += _figures(table, known, level, unit, score, ceiling, reason, config)
    return found


def level_counts(part: Predictions) -> dict[str, int]:
    """Count words and utterances, those with a human accuracy, and those with a predicted one beside it."""
    found: dict[str, int] = {}
    for level in (WORDS, UTTERANCES):
        table = getattr(part, level)
        human, predicted = (np.isfinite(floats(table, column, "accuracy")) for column in ("human", "predicted"))
        found |= {f"{level}_rated": int(human.sum()), f"{level}_used": int((human & predicted).sum())}
    return {"words": part.words.num_rows, **found}


def _figures(
    table: pa.Table,
    known: pa.Table | None,
    level: str,
    unit: str,
    score: str,
    ceiling: dict[str, Any],
    reason: str | None,
    config: BootstrapConfig,
) -> list[dict[str, Any]]:
    human, predicted = floats(table, "human", score), floats(table, "predicted", score)
    used = np.isfinite(human) & np.isfinite(predicted)
    codes, speakers = encode(table.column("speaker_id").filter(pa.array(used)).to_pylist())
    owners = (codes, len(speakers))
    x, y = predicted[used], human[used]
    silent = (
        Value(None, f"the model gives no {score} of a rated {unit}") if len(x) == 0 < np.isfinite(human).sum() else None
    )
    what = f"the mean {score} of the calibration split, for every {unit}"
    return [
        figure(
            f"{unit}_{score}_pcc",
            f"{unit.capitalize()} {score}, Pearson correlation",
            silent or metrics.pearson(x, y, unit),
            pearson_interval(x, y, *owners, config),
            Value(0.0 if len(x) else None),
            what,
            part=level,
            human=ceiling,
        ),
        figure(
            f"{unit}_{score}_mse",
            f"{unit.capitalize()} {score} (0 to 10), mean squared error",
            silent or metrics.mean_squared_error(x, y, unit),
            mean_interval((x - y) ** 2, *owners, config),
            _constant_error(y, known, score, unit, reason),
            what,
            better="lower",
            part=level,
        ),
    ]


def _constant_error(labels: Floats, known: pa.Table | None, score: str, unit: str, reason: str | None) -> Value:
    """Return the squared error of the calibration split's mean score."""
    if known is None or not len(labels):
        return Value(None, reason)
    given = floats(known, "human", score)
    given = given[np.isfinite(given)]
    if not len(given):
        return Value(None, f"no rated {unit} in the calibration split")
    return metrics.mean_squared_error(np.full_like(labels, given.mean()), labels, unit)
