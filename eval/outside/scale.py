"""Scores of words and utterances in any range -> 0-10, by the mapping that brings phones to the human scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from collection.schema import Scores, WordScores
from eval import metrics
from eval.metrics import Mapping
from eval.predictions import UtterancePrediction, WordPrediction

Row = TypeVar("Row", WordPrediction, UtterancePrediction)
Told = TypeVar("Told", WordScores, Scores)
TIMES = 5
"""Human scores of phones end at 2, those of words and utterances at 10."""


def to_human(rows: Sequence[Row], calibration: str) -> list[Row]:
    """Return the rows with their ``predicted`` scores on the human scale, as the ``calibration`` split maps them.

    A score without rated rows of that split to map it by is taken out: on a scale of its own it means nothing.
    """
    names = [each.name for each in fields(type(rows[0].predicted))] if rows else []
    known = [row for row in rows if row.split == calibration]
    mappings = {name: _fit(known, name) for name in names}
    return [replace(row, predicted=_mapped(row.predicted, mappings)) for row in rows]


def _fit(rows: Sequence[Row], name: str) -> Mapping | None:
    pairs = [(getattr(row.predicted, name), getattr(row.human, name)) for row in rows]
    both = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
    return metrics.fit_mapping(both[:, 0], both[:, 1] / TIMES)


def _mapped(scores: Told, mappings: dict[str, Mapping | None]) -> Told:
    return replace(scores, **{name: _apply(mapping, getattr(scores, name)) for name, mapping in mappings.items()})


def _apply(mapping: Mapping | None, value: float | None) -> float | None:
    return None if mapping is None or value is None else TIMES * float(mapping(np.array([value]))[0])
