"""Drawings as SVG inside the page and as files of their own.

On the page text stays text and colours follow it (light, dark, print): Matplotlib draws with stand-in colours that are
then replaced by the page's CSS variables. The same data give the same SVG, byte for byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a drawing."""

    ink: str
    muted: str
    grid: str
    accent: str
    second: str


STAND_INS = Palette("#010101", "#020202", "#030303", "#040404", "#050505")
PAPER = Palette("#1c2430", "#56606e", "#dcdfe4", "#2563ae", "#b3541e")
"""Colours of files; the page's own on a light ground."""
VARIABLES = Palette("--ink", "--muted", "--line", "--accent", "--second")
FONTS = "'DejaVu Sans', Verdana, sans-serif"
"""Fonts as wide as the one that the layout was computed with."""
DOTS_PER_INCH = 160


@dataclass(frozen=True, slots=True)
class Drawing:
    """What ``draw`` puts on the axes, the size in inches, and a title for those who do not see it."""

    draw: Callable[[Axes, Palette], None]
    size: tuple[float, float]
    title: str


def inline(drawing: Drawing, name: str) -> str:
    """Return an accessible SVG element; ``name`` begins its ids, so that two on a page do not meet."""
    buffer = io.StringIO()
    with mpl.rc_context(_style(STAND_INS, name)):
        _figure(drawing, STAND_INS).savefig(buffer, format="svg", transparent=True, metadata=_undated())
    return _as_element(buffer.getvalue(), name, drawing.title)


def save(drawings: Mapping[str, Drawing], folder: Path) -> list[Path]:
    """Write each drawing as ``<name>.svg`` and ``<name>.png``, dark on white; older ones are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, drawing in drawings.items():
        with mpl.rc_context(_style(PAPER, name)):
            figure = _figure(drawing, PAPER)
            for kind, settings in (("svg", {"metadata": _undated()}), ("png", {"dpi": DOTS_PER_INCH})):
                path = folder / f"{name}.{kind}"
                figure.savefig(path, format=kind, facecolor="white", **settings)
                written.append(path)
    return written


def _figure(drawing: Drawing, colours: Palette) -> Figure:
    figure = Figure(figsize=drawing.size, layout="constrained")
    drawing.draw(figure.subplots(), colours)
    return figure


def _undated() -> dict[str, None]:
    return {"Date": None, "Creator": None}


def _style(colours: Palette, name: str) -> Any:
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        # Names are data: a dollar sign in one starts no formula.
        "text.parse_math": False,
        "font.size": 11,
        "text.color": colours.ink,
        "axes.edgecolor": colours.grid,
        "axes.labelcolor": colours.muted,
        "axes.grid": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 1.0,
        "xtick.color": colours.muted,
        "ytick.color": colours.muted,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "grid.color": colours.grid,
        "grid.linewidth": 0.8,
    }


def _as_element(svg: str, name: str, title: str) -> str:
    """Strip what only a file of its own needs, prefix ids, and let the page choose colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(font-family: )[^;\"]*", rf"\g<1>{FONTS}", svg)
    svg = re.sub(r'(<svg[^>]*) width="([\d.]+)pt" height="[\d.]+pt"', r'\g<1> style="width: \g<2>px"', svg, count=1)
    for stand_in, variable in zip(asdict(STAND_INS).values(), asdict(VARIABLES).values(), strict=True):
        svg = svg.replace(stand_in, f"var({variable})")
    heading = f'<svg role="img" aria-labelledby="{name}-title"'
    return re.sub(r"<svg([^>]*)>", rf'{heading}\g<1>><title id="{name}-title">{title}</title>', svg, count=1)
