"""Metrics -> the rows of the page's tables; a cell says its figure, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.agreement import LEVELS
from eval.bootstrap import FEWEST_SPEAKERS
from eval.groups import NOT_STATED, OWN_TABLE
from eval.page.published import printed
from eval.page.scorer import bias_ends, human_text
from eval.text import NONE, figure_text, interval_text, plain, signed_text

PARTS = ("phones", "words", "utterances", "probability")
"""What figures are about; those of older runs are about phones."""
HEADLINE = (
    *("per", "phone_pcc", "phone_mse", "detection_f1", "detection_precision", "detection_recall", "detection_frr"),
    *("calibration_error", "word_total_pcc", "utterance_total_pcc"),
)
"""Figures that a reader sees first, in this order."""
TOP = 15
"""Confusions in the table."""


def figure_rows(runs: Sequence[dict[str, Any]], part: str) -> dict[str, Any]:
    """Return the figures about one part, in the order of the first run that has them, one cell a run.

    ``human`` tells whether any of them has a human beside it.
    """
    by_name = [{each["name"]: each for each in run["figures"] if each.get("part", PARTS[0]) == part} for run in runs]
    first = {name: figure for figures in reversed(by_name) for name, figure in figures.items()}
    rows = []
    for name in dict.fromkeys(name for figures in by_name for name in figures):
        figure = first[name]
        cells = [_figure_cell(figures.get(name)) for figures in by_name]
        rows.append(
            {**figure, "better": plain(figure["better"]), "baseline_is": figure["baseline"]["what"], "cells": cells}
        )
    return {"rows": rows, "human": any(cell.get("human") for row in rows for cell in row["cells"])}


def headline_rows(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the few figures of ``HEADLINE``, one cell a run, each beside what others printed of the same corpus."""
    rows = {row["name"]: row for part in PARTS for row in figure_rows(runs, part)["rows"]}
    return [{**rows[name], "printed": printed(runs, name)} for name in HEADLINE if name in rows]


def group_rows(runs: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (column, rows of its groups), each row with one cell a run."""
    keys = dict.fromkeys((row["by"], row["group"]) for run in runs for row in run["groups"])
    by_key = [{(row["by"], row["group"]): row for row in run["groups"]} for run in runs]
    found: dict[str, list[dict[str, Any]]] = {}
    for by, group in keys:
        cells = [
            _group_cell(rows.get((by, group)), run["protocol"]["fewest_speakers"])
            for rows, run in zip(by_key, runs, strict=True)
        ]
        found.setdefault(plain(by), []).append({"group": group, "cells": cells})
    return list(found.items())


def top_confusions(confusions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the most frequent pairs that differ, with their share of the canonical phone (none for insertions)."""
    totals: dict[str, int] = {}
    for row in confusions:
        totals[row["canonical"]] = totals.get(row["canonical"], 0) + row["count"]
    wrong = [row for row in confusions if row["canonical"] != row["heard"]][:TOP]
    return [
        {**row, "share": figure_text(row["count"] / totals[row["canonical"]] if row["canonical"] else None, True)}
        for row in wrong
    ]


def raters_rows(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the raters were among themselves; empty for a run of before that was told."""
    rows = []
    for row in run.get("raters", ()):
        unit = LEVELS[row["level"]][0]
        one = row["one_against_the_others"]
        figures = [one, row["icc"], row["icc_of_mean"], row["kappa"]]
        size = f"{one['raters']} raters, {one['items']:,} {unit}s" if one["items"] else ""
        cells = [_rater_cell(figure) for figure in figures]
        rows.append({"title": f"{unit.capitalize()} {row['score']}", "size": size, "cells": cells})
    return rows


def phone_rows(run: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of each phone shown, and the names of the phones hidden."""
    rows = run.get("per_phone", ())
    shown = [
        {
            **row,
            "precision": figure_text(row["precision"], True),
            "recall": figure_text(row["recall"], True),
            "f1": figure_text(row["f1"], True),
            "interval": interval_text({**row, "percent": True}),
        }
        for row in rows
        if not row["hidden"]
    ]
    return {"rows": shown, "hidden": [row["phone"] for row in rows if row["hidden"]]}


def bin_rows(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return squared and signed error and concordance by bin of human accuracy; empty where there are none."""
    cells = (run["score_by_label"] or {}).get("cells", ())
    return [
        {
            "label": cell["label"],
            "phones": cell["phones"],
            "mse": figure_text(cell["mse"]),
            "bias": signed_text(cell["bias"]),
            "ccc": figure_text(cell["ccc"]),
            "why": cell["ccc_reason"],
        }
        for cell in cells
        if cell.get("mse") is not None
    ]


def not_stated(
    groups: Sequence[tuple[str, list[dict[str, Any]]]],
) -> tuple[list[tuple[str, list[dict[str, Any]]]], list[str]]:
    """Part the columns with groups from those that nobody stated."""
    empty = [by for by, rows in groups if [row["group"] for row in rows] == [NOT_STATED]]
    return [(by, rows) for by, rows in groups if by not in empty], empty


def _rater_cell(figure: dict[str, Any]) -> dict[str, str]:
    if figure["value"] is None:
        return {"value": NONE, "interval": str(figure["reason"])}
    return {"value": figure_text(figure["value"]), "interval": interval_text({**figure, "percent": False})}


def _figure_cell(figure: dict[str, Any] | None) -> dict[str, Any]:
    if figure is None or figure["value"] is None:
        return {"value": NONE, "reason": figure["reason"] if figure else "not measured in this run"}
    interval = interval_text(figure) if figure["low"] is not None else f"no interval: {figure['interval_reason']}"
    return {
        "value": figure_text(figure["value"], figure["percent"]),
        "reason": None,
        "interval": interval,
        "baseline": figure_text(figure["baseline"]["value"], figure["percent"]),
        "human": human_text(figure.get("human")),
        "no_human": (figure.get("human") or {}).get("reason"),
    }


def _group_cell(row: dict[str, Any] | None, fewest: int) -> dict[str, Any]:
    if row is None:
        return {"shown": False, "why": "not in this data"}
    if row["hidden"]:
        return {"shown": False, "why": f"hidden: fewer than {fewest} speakers, or would reveal such a group"}
    return {
        "shown": True,
        "per": figure_text(row["per"], True),
        "interval": _few(row) if row["low"] is None else interval_text({**row, "percent": True}),
        "size": f"{row['speakers']} speakers, {row['reference_phones']:,} phones",
        "frr": figure_text(row["frr"], True),
        "frr_interval": _few(row) if row.get("frr_low") is None else interval_text(_ends(row, "frr")),
        "bias": None if row.get("bias") is None else signed_text(row["bias"]),
        "no_bias": "told for children and adults only" if row["by"] == OWN_TABLE else "no score on the human scale",
        "bias_interval": bias_ends(row),
        "standardised": signed_text(row.get("bias_standardised")),
        "mse": figure_text(row.get("mse")),
    }


def _few(row: dict[str, Any]) -> str:
    return f"no interval: {row['speakers']} speakers" if row["speakers"] < FEWEST_SPEAKERS else ""


def _ends(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {"low": row[f"{name}_low"], "high": row[f"{name}_high"], "percent": True}
