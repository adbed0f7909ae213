"""Show the scores of one or several models on one self-contained HTML page.

    python -m eval.report runs=[runs/a-scores,runs/b-scores] out=report.html

Reads ``metrics.json`` of each run folder, of several also the tables, to compare them. The page loads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from collection import manifest
from collection.cli import console, existing, run_verb
from eval import plots, predictions
from eval.bootstrap import BootstrapConfig
from eval.errors import ReportError
from eval.model_index import model_index
from eval.paired import difference_cells, differences, scored
from eval.protocol import protocol_rows, warnings
from eval.report_scorer import alone_rows, bias_ends, bias_rows, gap_texts, human_text, risk_texts
from eval.run_folder import METRICS_FILE
from eval.text import NONE, figure_text, interval_text, plain, signed_text

READS_VERSION = "1"
"""Major version of ``metrics.json`` that this code reads."""
PARTS = ("phones", "words", "utterances", "probability")
"""What figures are about; those of older runs are about phones."""
TOP = 15
"""Confusions in the table."""


@dataclass
class ReportConfig:
    """Configuration of ``python -m eval.report``."""

    runs: list[str]
    """Folders that ``eval.score`` wrote, one a column, in this order."""
    out: str
    """The HTML file to write; an older one is replaced."""
    title: str = "Pronunciation scoring report"
    """Heading of the page."""
    model_index: str | None = None
    """Markdown file to write with the header of a Hub model card that holds the figures."""


def read_run(folder: Path) -> dict[str, Any]:
    """Return the metrics of a finished run, or an error that says what the folder lacks."""
    if manifest.read(folder) is None:
        raise ReportError(f"{folder} is no finished run. Finish it: python -m eval.score model=… data=… out={folder}")
    metrics: dict[str, Any] = json.loads((folder / METRICS_FILE).read_text("utf-8"))
    version = str(metrics.get("metrics_version"))
    if version.split(".")[0] != READS_VERSION:
        raise ReportError(
            f"{folder} holds metrics of version {version}, this Parlure reads {READS_VERSION}.x. Score it again."
        )
    return metrics


def render(runs: Sequence[dict[str, Any]], title: str, compared: Sequence[dict[str, Any]] = ()) -> str:
    """Return the page for the metrics of one or several runs; everything but our own SVG is escaped.

    ``compared`` holds, for each run but the first, its ``rows`` of differences to the first, or ``reason`` why none.
    """
    names = column_names(runs)
    environment = Environment(
        loader=PackageLoader("eval"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    level = f"{100 * runs[0]['protocol']['bootstrap']['level']:.0f} %"
    return environment.get_template("report.html.j2").render(
        title=title,
        lead=_lead(runs, names),
        level=level,
        warnings=warnings(runs, names),
        runs=[_run(run, name, f"r{place}") for place, (run, name) in enumerate(zip(runs, names, strict=True))],
        figures={part: figure_rows(runs, part) for part in PARTS},
        alone=[alone_rows(run) for run in runs],
        bias=bias_rows(runs),
        compared=[{**one, "name": name} for one, name in zip(compared, names[1:], strict=False)],
        groups=group_rows(runs),
        groups_note=_groups_note(runs),
        gaps=[gap_texts(run) for run in runs],
        protocol=protocol_rows(runs),
    )


def column_names(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Return the models' names, numbered where two are the same."""
    names = [str(run["model"]["name"]) for run in runs]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, start=1)]


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


def _run(run: dict[str, Any], name: str, prefix: str) -> dict[str, Any]:
    labels, probability = run["score_by_label"], run.get("probability")
    predicted = run["calibration"].get("scale") == "as_predicted"
    overall = next((figure["value"] for figure in run["figures"] if figure["name"] == "per"), None)
    drawn = {
        "violins": labels
        and plots.score_against_human(labels, f"{prefix}-violins", "predicted accuracy" if predicted else "GOP"),
        "mapped": labels and plots.mapped_against_human(labels, f"{prefix}-mapped"),
        "confusions": plots.confusion_map(run["confusions"], f"{prefix}-confusions"),
        "groups": plots.error_by_group(run["groups"], overall, f"{prefix}-groups"),
        "reliability": probability and plots.reliability(probability["reliability"], f"{prefix}-reliability"),
        "coverage": probability and plots.coverage_risk(probability["coverage_risk"], f"{prefix}-coverage"),
    }
    return {
        "name": name,
        "gop": run["protocol"]["gop"],
        "predicted": predicted,
        "probability": probability and {**probability, "coverage_risk": risk_texts(probability["coverage_risk"])},
        # Matplotlib escapes the text it writes, so its SVG is markup already.
        "plots": {key: svg and Markup(svg) for key, svg in drawn.items()},  # noqa: S704
        "confusions": top_confusions(run["confusions"]),
        "decoded": run["counts"].get("edits_said") is not None,
    }


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
    }


def _group_cell(row: dict[str, Any] | None, fewest: int) -> dict[str, Any]:
    if row is None:
        return {"shown": False, "why": "not in this data"}
    if row["hidden"]:
        return {"shown": False, "why": f"hidden: fewer than {fewest} speakers, or would reveal such a group"}
    return {
        "shown": True,
        "per": figure_text(row["per"], True),
        "interval": interval_text({**row, "percent": True}),
        "size": f"{row['speakers']} speakers, {row['reference_phones']:,} phones",
        "frr": figure_text(row["frr"], True),
        "bias": None if row.get("bias") is None else signed_text(row["bias"]),
        "bias_interval": bias_ends(row),
    }


def _lead(runs: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    run = runs[0]
    counts, seconds = run["counts"], run["counts"]["seconds"]
    on = f"the {run['protocol']['split']} split of {run['data']['name']}"
    size = f"{counts['speakers']:,} speakers, {counts['utterances']:,} utterances, {seconds / 60:.1f} minutes"
    return (
        f"{', '.join(names)} on {on}: {size}." if len(runs) == 1 else f"{len(runs)} models; the first on {on}: {size}."
    )


def _groups_note(runs: Sequence[dict[str, Any]]) -> str:
    fewest = runs[0]["protocol"]["fewest_speakers"]
    return (
        f"Against what was said. Groups of fewer than {fewest} speakers are hidden. Groups that read other texts, or "
        "live with other noise, differ for more reasons than the one in their name."
    )


def compared_with_first(folders: Sequence[Path], runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each run but the first, the differences of its figures to the first on the same draws of speakers."""
    told: list[dict[str, Any]] = []
    config = BootstrapConfig(**runs[0]["protocol"]["bootstrap"])
    for place in range(1, len(runs)):
        try:
            first, other = (scored(str(folders[i]), predictions.read(folders[i]), runs[i]) for i in (0, place))
            rows = [difference_cells(row) for row in differences([first], [other], config)]
            told.append({"rows": rows, "reason": None})
        except ReportError as error:
            told.append({"rows": [], "reason": str(error)})
    return told


def work(config: ReportConfig) -> None:
    """Read the runs, write the page."""
    if not config.runs:
        raise ReportError("runs=[] names no run. Give at least one folder that eval.score wrote: runs=[runs/a-scores]")
    folders = [existing(folder, "Run folder") for folder in config.runs]
    runs = [read_run(folder) for folder in folders]
    out = Path(config.out).expanduser()
    compared = compared_with_first(folders, runs) if len(runs) > 1 else []
    manifest.atomic_write(out, render(runs, config.title, compared))
    if config.model_index is not None:
        manifest.atomic_write(Path(config.model_index).expanduser(), model_index(runs))
    console.print(f"Report: {out.resolve()}", markup=False, soft_wrap=True, highlight=False)


def main() -> None:
    """Run the verb."""
    run_verb("report", ReportConfig, work)


if __name__ == "__main__":
    main()
