"""Prediction tables -> every figure of ``metrics.json``: pure, so that anybody can recompute a run from its tables.

GOP is brought to the human scale, and the threshold of detection is chosen, on the calibration split (validation); the
figures are read off the evaluated split. Each figure stands beside its interval and its baseline. The accuracy that a
scorer predicts is on the human scale already: it is judged as predicted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from eval import agreement, metrics, probability
from eval.bias import bias_by_age
from eval.bootstrap import BootstrapConfig
from eval.boundaries import boundary_figures
from eval.conventions import LABEL_NAMES, bin_figures, convention_figures, label_bins
from eval.decoding import was_decoded
from eval.diagnosis import diagnosis_figures
from eval.figures import Calibration, Rated, agreement_figures, calibrate, error_figures, rated_phones
from eval.groups import OWN_TABLE, by_group, gaps
from eval.levels import level_counts, level_figures
from eval.metrics import EditCounts
from eval.per_phone import by_phone
from eval.predictions import Predictions, encode, floats

PREDICTED = "accuracy"
"""Kind of what is judged that is on the human scale already."""
ALONE = {"gop_sf": "segmentation-free GOP alone", "gop_lp": "alignment GOP alone"}
"""What stands beside a scorer: each by itself, mapped to the human scale as a model without a scorer is."""


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """Which split is evaluated, which calibrates, what the groups are, and the fewest speakers of a group shown."""

    split: str = "test"
    calibration: str = "validation"
    groups: tuple[str, ...] = ("age_band", "gender")
    fewest_speakers: int = 5
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)


def summarise(predictions: Predictions, options: SummaryOptions) -> dict[str, Any]:
    """Return figures, counts, groups, confusions and the data of the plots as JSON-like values."""
    part, other = predictions.only(options.split), predictions.only(options.calibration)
    predicted = predictions.gop_kind == PREDICTED
    rated, counts = rated_phones(part.phones, predicted=predicted)
    calibration_rated, calibration_counts = rated_phones(other.phones, predicted=predicted)
    calibration = calibrate(calibration_rated, options.split, options.calibration)
    edits = utterance_edits(part.utterances)
    ceiling = agreement.one_against_the_others(part.raters, "phones", "accuracy", options.bootstrap, "phone")
    said = probability.told(part.phones)
    bands = OWN_TABLE in options.groups
    bias = bias_by_age(part, calibration, predicted, options.fewest_speakers, options.bootstrap, bands)
    groups = by_group(part, calibration, options.groups, options.fewest_speakers, options.bootstrap)
    known = None if options.split == options.calibration else other
    return {
        "counts": {**counts, **_edit_totals(edits), **_size(part.utterances), **level_counts(part)},
        "calibration": {
            "split": options.calibration,
            **calibration_counts,
            "speakers": len(calibration_rated.speakers),
            "mean_accuracy": calibration.mean,
            "share_mispronounced": calibration.share_bad,
            "threshold": calibration.threshold.value,
            "scale": calibration.scale,
            "mapping": None if calibration.mapping is None else asdict(calibration.mapping),
            "reason": calibration.reason or calibration.threshold.reason,
        },
        "figures": [
            *error_figures(part.utterances, edits, options.bootstrap),
            *agreement_figures(rated, calibration, options.bootstrap, ceiling),
            *convention_figures(rated, calibration, options.bootstrap),
            *diagnosis_figures(part, calibration.threshold.value, options.bootstrap),
            *boundary_figures(part.phones, options.bootstrap),
            *([] if said is None else probability.probability_figures(said, calibration, options.bootstrap)),
            *level_figures(part, known, calibration.reason, options.bootstrap),
        ],
        "alone": alone(part, other, options) if predicted else [],
        "probability": said
        and {
            "reliability": probability.reliability(said),
            "coverage_risk": probability.coverage_risk(said, options.bootstrap),
        },
        "raters": agreement.among_themselves(part.raters, options.bootstrap),
        "per_phone": by_phone(part.phones, calibration, options.fewest_speakers, options.bootstrap),
        "bias": bias,
        "groups": groups,
        "gaps": gaps(groups, bias),
        "confusions": confusions(part.utterances),
        "score_by_label": score_by_label(rated, calibration),
    }


def alone(part: Predictions, other: Predictions, options: SummaryOptions) -> list[dict[str, Any]]:
    """Return the phone figures of each GOP by itself on the same phones, calibrated on the same split."""
    found = []
    for column, what in ALONE.items():
        rated, _ = rated_phones(part.phones, column)
        calibration = calibrate(rated_phones(other.phones, column)[0], options.split, options.calibration)
        found.append(
            {
                "gop": column,
                "what": what,
                "threshold": calibration.threshold.value,
                "figures": agreement_figures(rated, calibration, options.bootstrap),
            }
        )
    return found


def utterance_edits(utterances: pa.Table) -> list[tuple[EditCounts, ...]] | None:
    """Count the edits of each utterance's decoding against what was said and against the prompt.

    ``None`` for a system that does not decode.
    """
    if not was_decoded(utterances):
        return None
    rows = utterances.select(["spoken", "canonical", "decoded"]).to_pylist()
    return [tuple(metrics.count_edits(row[name], row["decoded"]) for name in ("spoken", "canonical")) for row in rows]


def confusions(utterances: pa.Table) -> list[dict[str, Any]]:
    """Return canonical phone x heard, most frequent first: heard "" is a deletion, canonical "" an insertion.

    Empty for a system that does not decode.
    """
    if not was_decoded(utterances):
        return []
    rows = utterances.select(["canonical", "decoded"]).to_pylist()
    pairs = (pair for row in rows for pair in metrics.edit_pairs(row["canonical"], row["decoded"]))
    counts = sorted(metrics.confusion_counts(pairs).items(), key=lambda item: (-item[1], item[0]))
    return [{"canonical": said, "heard": heard, "count": count} for (said, heard), count in counts]


def score_by_label(rated: Rated, calibration: Calibration) -> dict[str, Any] | None:
    """Return histograms of mapped score and of raw GOP by bin of human accuracy: what the report draws."""
    if not len(rated.gop):
        return None
    bins = label_bins(rated.accuracy)  # (N,)
    low = float(np.quantile(rated.gop, 0.01))
    edges = np.linspace(low, max(float(rated.gop.max()), low + 1e-6), 41)
    mapped = calibration.scores(rated.gop)
    cells = []
    for index, name in enumerate(LABEL_NAMES):
        inside = bins == index
        cell: dict[str, Any] = {"label": name, "phones": int(inside.sum())}
        if inside.any():
            cell["gop"] = np.histogram(np.clip(rated.gop[inside], edges[0], edges[-1]), edges)[0].tolist()
            cell["quartiles"] = np.quantile(rated.gop[inside], [0.25, 0.5, 0.75]).tolist()
            if mapped is not None:
                cell["mean_accuracy"] = float(rated.accuracy[inside].mean())
                cell["mean_mapped"] = float(mapped[inside].mean())
                cell |= bin_figures(mapped[inside], rated.accuracy[inside])
                cell["mapped"] = np.histogram(mapped[inside], np.linspace(*metrics.LABEL_RANGE, 21))[0].tolist()
        cells.append(cell)
    return {"gop_edges": edges.tolist(), "cells": cells}


def _edit_totals(edits: list[tuple[EditCounts, ...]] | None) -> dict[str, Any]:
    if edits is None:
        return {"edits_said": None, "edits_prompt": None}
    said, prompt = (sum((pair[index] for pair in edits), EditCounts()) for index in (0, 1))
    names = ("correct", "substitutions", "deletions", "insertions", "reference")
    return {
        "edits_said": {name: getattr(said, name) for name in names},
        "edits_prompt": {name: getattr(prompt, name) for name in names},
    }


def _size(utterances: pa.Table) -> dict[str, Any]:
    rows = utterances.select(["spoken", "canonical"]).to_pylist()
    prompt = sum((metrics.count_edits(row["spoken"], row["canonical"]) for row in rows), EditCounts())
    return {
        "utterances": utterances.num_rows,
        "speakers": len(encode(utterances.column("speaker_id").to_pylist())[1]),
        "seconds": round(float(np.sum(floats(utterances, "duration"))), 3),
        "edits_prompt_against_said": prompt.errors,
    }
