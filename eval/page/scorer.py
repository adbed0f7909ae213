"""Metrics -> the rows of the report that stand beside a scorer: simpler judges, one human, children and adults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.text import NONE, figure_text, interval_text, plain, signed_text

Run = dict[str, Any]
COMPARED = {"phone_pcc": "correlation", "phone_mse": "squared error", "auc": "AUC", "detection_f1": "F1"}
"""Figures by which judges of phones are compared, and their headings."""


def human_text(human: Mapping[str, Any] | None) -> str:
    """Return what one human reaches against the others, with its interval; "" where that is not known."""
    if human is None or human["value"] is None:
        return ""
    interval = interval_text({**human, "percent": False})
    return figure_text(human["value"]) + ("" if interval == NONE else f" ({interval})")


def alone_rows(run: Run) -> list[dict[str, Any]]:
    """Return the scorer, each GOP by itself, a constant and one human, each with its figures of phones.

    Empty for a model without a scorer.
    """
    if not run.get("alone"):
        return []
    own = {figure["name"]: figure for figure in run["figures"]}
    rows = [{"judge": "the scorer", "cells": [_cell(own.get(name)) for name in COMPARED]}]
    for judge in run["alone"]:
        figures = {figure["name"]: figure for figure in judge["figures"]}
        rows.append({"judge": judge["what"], "cells": [_cell(figures.get(name)) for name in COMPARED]})
    base = [{"value": figure_text(own[name]["baseline"]["value"], own[name]["percent"])} for name in COMPARED]
    rows.append({"judge": "the mean, or a coin", "cells": [{**cell, "interval": ""} for cell in base]})
    human = own["phone_pcc"].get("human")
    said = _cell(human and {**human, "percent": False})
    if human and human["value"] is None:
        said["interval"] = human["reason"]
    return [*rows, {"judge": "one human against the others", "cells": [said, *[_cell(None)] * (len(COMPARED) - 1)]}]


def bias_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return one row a group of learners, one cell a run; empty where no run has a score on the human scale."""
    by_group = [{row["group"]: row for row in run.get("bias", ())} for run in runs]
    if not any(row.get("bias") is not None for rows in by_group for row in rows.values()):
        return []
    return [
        {
            "group": plain(group),
            "cells": [
                _bias_cell(rows.get(group), run["protocol"]["fewest_speakers"])
                for rows, run in zip(by_group, runs, strict=True)
            ],
        }
        for group in dict.fromkeys(group for rows in by_group for group in rows)
    ]


def bias_ends(row: Mapping[str, Any]) -> str:
    """Return the interval of a group's signed error as text, "" where there is none."""
    if row.get("bias_low") is None:
        return ""
    return f"{signed_text(row['bias_low'])} to {signed_text(row['bias_high'])}"


def gap_texts(run: Run) -> list[str]:
    """Return the widest gaps between groups of learners, a sentence each, or why there is none."""
    told = []
    for gap in run.get("gaps", ()):
        if gap["gap"] is None:
            told.append(f"{gap['title']}: no gap can be told, {gap['reason']}.")
        else:
            size = f"{100 * gap['gap']:.1f} points" if gap["figure"] == "frr" else f"{gap['gap']:.3f}"
            told.append(f"{gap['title']}: {size}, {plain(gap['by'])} {gap['most']} against {gap['least']}.")
    return told


def risk_texts(risk: Mapping[str, Any]) -> dict[str, str]:
    """Return the areas of a coverage-risk curve as text."""
    interval = f"no interval: {risk['reason']}" if risk["low"] is None else f"{risk['low']:.4f} to {risk['high']:.4f}"
    areas = {f"{name}_text": NONE if risk[name] is None else f"{risk[name]:.4f}" for name in ("area", "random", "best")}
    return {**areas, "interval_text": interval}


def _cell(figure: Mapping[str, Any] | None) -> dict[str, str]:
    if figure is None:
        return {"value": NONE, "interval": ""}
    value, interval = figure_text(figure["value"], figure["percent"]), interval_text(dict(figure))
    return {"value": value, "interval": "" if interval == NONE else interval}


def _bias_cell(row: Mapping[str, Any] | None, fewest: int) -> dict[str, Any]:
    if row is None:
        return {"shown": False, "why": "not in this data"}
    if row["hidden"]:
        return {"shown": False, "why": f"hidden: fewer than {fewest} speakers, or would reveal such a group"}
    if row["bias"] is None:
        return {"shown": False, "why": f"none: {row['reason']}"}
    low, high = (signed_text(row[end]) for end in ("low", "high"))
    return {
        "shown": True,
        "bias": signed_text(row["bias"]),
        "interval": f"no interval: {row['interval_reason']}" if row["low"] is None else f"{low} to {high}",
        "means": f"humans {figure_text(row['mean_human'])}, model {figure_text(row['mean_model'])}",
        "pcc": _cell({**row["pcc"], "percent": False}),
        "why_no_pcc": row["pcc"]["reason"],
        "recall": figure_text(row["recall"], True),
        "mse": figure_text(row["mse"]),
        "mse_interval": _percentless(row, "mse"),
        "frr": figure_text(row.get("frr"), True),
        "frr_interval": _percents(row) if row.get("frr") is not None else str(row.get("frr_reason") or ""),
        "size": f"{row['speakers']} speakers, {row['phones']:,} phones, {row['mispronounced']:,} mispronounced",
    }


def _percentless(row: Mapping[str, Any], name: str) -> str:
    ends = [row.get(f"{name}_{end}") for end in ("low", "high")]
    return "" if None in ends else interval_text({"low": ends[0], "high": ends[1], "percent": False})


def _percents(row: Mapping[str, Any]) -> str:
    if row["frr_low"] is None:
        return ""
    return interval_text({"low": row["frr_low"], "high": row["frr_high"], "percent": True})
