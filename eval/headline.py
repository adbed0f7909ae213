"""The figures of a scored run on the console, and what the table leaves out."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from collection.cli import console
from eval.run_folder import METRICS_FILE
from eval.text import figure_text, interval_text, plain


def table(result: dict[str, Any]) -> Table:
    """Return the figures that could be computed, as a table for the console."""
    title = f"{result['model']['name']} on {result['data']['name']}, {result['protocol']['split']} split"
    shown = Table(title=escape(title))
    for heading in ("figure", "value", "interval", "baseline", "one human"):
        shown.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure in result["figures"]:
        if figure["value"] is not None:
            value, baseline = (
                figure_text(x, figure["percent"]) for x in (figure["value"], figure["baseline"]["value"])
            )
            human = figure_text(figure["human"]["value"]) if figure["human"] else ""
            shown.add_row(figure["title"], value, interval_text(figure), baseline, human)
    return shown


def remarks(result: dict[str, Any]) -> list[str]:
    """Return what the table does not show: looks at the test, figures that could not be computed, what was left out."""
    looks = result["protocol"].get("readings")
    missing: dict[str, list[str]] = {}
    for figure in result["figures"]:
        if figure["value"] is None:
            missing.setdefault(figure["reason"], []).append(figure["title"])
    return [
        *([f"look number {looks['number']} at this test split, model number {looks['models']}"] if looks else []),
        *(f"not computed ({reason}): {len(titles)} figure(s), from {titles[0]}" for reason, titles in missing.items()),
        *(
            f"left out of {split}: {count} ({plain(reason)})"
            for split, reasons in result["protocol"]["left_out"].items()
            for reason, count in reasons.items()
        ),
    ]


def show(result: dict[str, Any], out: str) -> None:
    """Print the headline of a run, what it leaves out, and what comes next."""
    console.print(table(result))
    for line in [
        *remarks(result),
        f"Scores: {out}/{METRICS_FILE}",
        f"Next: python -m eval.report runs=[{out}] out=report.html",
    ]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
