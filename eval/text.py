"""How figures are written, on the console and on the page."""

from __future__ import annotations

from typing import Any

NONE = "–"


def figure_text(value: float | None, percent: bool = False) -> str:
    """Return a figure as text: one decimal for a percentage, three otherwise, a dash for none."""
    if value is None:
        return NONE
    return f"{100 * value:.1f} %" if percent else f"{value:.3f}"


def interval_text(figure: dict[str, Any]) -> str:
    """Return the ends of a figure's interval as text, a dash for none."""
    if figure["low"] is None or figure["high"] is None:
        return NONE
    if figure["percent"]:
        return f"{100 * figure['low']:.1f} to {100 * figure['high']:.1f}"
    return f"{figure['low']:.3f} to {figure['high']:.3f}"


def signed_text(value: float | None) -> str:
    """Return a figure that has a direction as text, always with its sign, a dash for none."""
    return NONE if value is None else f"{value:+.3f}"


def plain(name: str) -> str:
    """Return a machine name as words."""
    return name.replace("_", " ")
