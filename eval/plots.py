"""Plots as inline SVG: text stays text, and colours follow the page (light, dark, print).

Matplotlib draws with stand-in colours that are then replaced by the page's CSS variables. The same data give the same
SVG, byte for byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.text import plain

INK, MUTED, GRID, ACCENT, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", ACCENT: "--accent", SECOND: "--second"}
STYLE = {
    "svg.fonttype": "none",
    # Names are data: a dollar sign in one starts no formula.
    "text.parse_math": False,
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
}
FONTS = "'DejaVu Sans', Verdana, sans-serif"
"""Fonts as wide as the one that the layout was computed with."""
MAX_PHONES = 45
"""Rows and columns of the heat map: the most frequent phones."""
HEAT = (37, 99, 174)
"""Colour of the heat map, on a transparent ground."""


def score_against_human(data: dict[str, Any], name: str, judged: str = "GOP") -> str | None:
    """Return what is judged by bin of human accuracy, as violins with quartiles; ``None`` when no phone is rated."""
    cells = [cell for cell in data["cells"] if cell["phones"]]
    if not cells:
        return None

    def draw(axes: Axes) -> None:
        edges = np.asarray(data["gop_edges"])
        middle = (edges[1:] + edges[:-1]) / 2
        for place, cell in enumerate(cells):
            share = _smooth(np.asarray(cell["gop"], dtype=np.float64))
            half = 0.42 * share / share.max()
            axes.fill_betweenx(middle, place - half, place + half, color=ACCENT, alpha=0.35, linewidth=0)
            low, median, high = np.clip(cell["quartiles"], edges[0], edges[-1])
            axes.plot([place, place], [low, high], color=INK, linewidth=3.5, solid_capstyle="butt")
            axes.plot([place - 0.16, place + 0.16], [median, median], color=INK, linewidth=1.6)
        axes.set_xticks(range(len(cells)), [f"{cell['label']}\n{cell['phones']:,} phones" for cell in cells])
        axes.set_xlabel("accuracy given by humans (0 to 2)")
        axes.set_ylabel(f"{judged} of the model")
        axes.set_xlim(-0.6, len(cells) - 0.4)
        axes.grid(axis="y")
        axes.set_axisbelow(True)

    return _svg(draw, (6.4, 3.7), name, f"{judged} of the model by the accuracy that humans gave the phone")


def mapped_against_human(data: dict[str, Any], name: str) -> str | None:
    """Return the mapped score by bin of human accuracy: density in columns and the two means."""
    cells = [cell for cell in data["cells"] if cell.get("mapped")]
    if not cells:
        return None

    def draw(axes: Axes) -> None:
        counts = np.array([cell["mapped"] for cell in cells], dtype=np.float64).T  # (bins, labels)
        share = counts / counts.max(axis=0, keepdims=True)
        _heat(axes, share, (-0.5, len(cells) - 0.5, 0.0, 2.0))
        places = range(len(cells))
        axes.plot(
            places, [cell["mean_accuracy"] for cell in cells], "_", color=SECOND, markersize=26, markeredgewidth=2,
            label="mean of the humans",
        )  # fmt: skip
        axes.plot(
            places, [cell["mean_mapped"] for cell in cells], "o", color=INK, markersize=6, label="mean of the model"
        )
        axes.set_xticks(places, [f"{cell['label']}\n{cell['phones']:,} phones" for cell in cells])
        axes.set_xlabel("accuracy given by humans (0 to 2)")
        axes.set_ylabel("score of the model (0 to 2)")
        axes.set_ylim(-0.05, 2.1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2, frameon=False, labelcolor=MUTED)

    return _svg(draw, (6.4, 3.9), name, "Score of the model by the accuracy that humans gave the phone")


def confusion_map(confusions: Sequence[dict[str, Any]], name: str) -> str | None:
    """Return canonical phone x phone heard, each row as shares of the canonical phone; the diagonal is left blank."""
    slots = [row for row in confusions if row["canonical"]]
    totals: dict[str, int] = {}
    for row in slots:
        totals[row["canonical"]] = totals.get(row["canonical"], 0) + row["count"]
    if not totals:
        return None
    frequent = sorted(totals, key=lambda symbol: (-totals[symbol], symbol))[:MAX_PHONES]
    rows = sorted(frequent)
    columns = [*rows, ""]
    index = {symbol: place for place, symbol in enumerate(columns)}
    share = np.zeros((len(rows), len(columns)))
    for row in slots:
        said, heard = row["canonical"], row["heard"]
        if said in index and heard in index and said != heard:
            share[index[said], index[heard]] = row["count"] / totals[said]

    def draw(axes: Axes) -> None:
        top = max(float(share.max()), 1e-9)
        _heat(axes, share[::-1] / top, (-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5))
        axes.plot(range(len(rows)), range(len(rows)), "s", color=GRID, markersize=3)
        axes.set_xticks(range(len(columns)), [*rows, "nothing"], rotation=90, fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        axes.set_xlabel(f"heard (strongest colour: {100 * top:.0f} % of the canonical phone)")
        axes.set_ylabel("canonical phone")

    side = max(3.2, 0.17 * len(columns) + 0.8)
    return _svg(draw, (side, side), name, "Which phone the model heard in place of which canonical phone")


def error_by_group(groups: Sequence[dict[str, Any]], overall: float | None, name: str) -> str | None:
    """Return the phone error rate of each group shown, with intervals, and the rate of all as a line."""
    shown = [row for row in groups if not row["hidden"] and row["per"] is not None]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        for place, row in enumerate(shown):
            if row["low"] is not None:
                axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=ACCENT, linewidth=2.5)
            axes.plot(100 * row["per"], place, "o", color=ACCENT, markersize=7)
        if overall is not None:
            axes.axvline(100 * overall, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
            axes.annotate("all", (100 * overall, 1.0), (0, 3), xycoords=("data", "axes fraction"),
                          textcoords="offset points", color=MUTED, ha="center", fontsize=10)  # fmt: skip
        labels = [f"{plain(row['by'])}: {row['group']} ({row['speakers']} speakers)" for row in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.margins(x=0.1)
        axes.set_xlabel("phone error rate (%)")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)

    return _svg(draw, (6.8, 0.9 + 0.36 * len(shown)), name, "Phone error rate by group of speakers")


def reliability(data: dict[str, Any], name: str) -> str | None:
    """Return the share of mispronounced phones by the probability told, one point a bin; ``None`` without bins."""
    bins = data["bins"]
    if not bins:
        return None

    def draw(axes: Axes) -> None:
        told = [100 * each["mean_probability"] for each in bins]
        found = [100 * each["share_mispronounced"] for each in bins]
        top = max(*told, *found, 1.0)
        axes.plot([0, top], [0, top], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="as told")
        axes.plot(told, found, "o-", color=ACCENT, markersize=6, linewidth=1.6, label="as found")
        axes.set_xlabel("probability told (%), mean of the bin")
        axes.set_ylabel("mispronounced (%)")
        axes.grid()
        axes.set_axisbelow(True)
        axes.legend(loc="upper left", frameon=False, labelcolor=MUTED)

    return _svg(draw, (6.4, 3.7), name, "Share of mispronounced phones by the probability that the model tells")


def coverage_risk(data: dict[str, Any], name: str) -> str | None:
    """Return the error of the flag by the share of phones kept, surest first; ``None`` when no phone is rated."""
    points = data["points"]
    if not points:
        return None

    def draw(axes: Axes) -> None:
        kept = [0.0, *(100 * point["coverage"] for point in points)]
        error = [100 * points[0]["error"], *(100 * point["error"] for point in points)]
        axes.plot(kept, error, color=ACCENT, linewidth=2, label="surest phones kept")
        axes.axhline(
            100 * data["random"], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="phones kept at random"
        )
        axes.set_xlabel("phones kept (%)")
        axes.set_ylabel("wrongly flagged or passed (%)")
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.grid()
        axes.set_axisbelow(True)
        axes.legend(loc="upper left", frameon=False, labelcolor=MUTED)

    return _svg(draw, (6.4, 3.7), name, "Error of the model's flag by the share of phones kept, surest first")


def _smooth(counts: np.ndarray) -> np.ndarray:
    """Return counts under a short moving average: the bins are finer than the data of a small class."""
    return np.convolve(np.pad(counts, 2, mode="edge"), np.array([1, 3, 4, 3, 1]) / 12, mode="valid")


def _heat(axes: Axes, share: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    """Draw shares 0-1 as opacity of one colour, so that the ground of the page shows through; row 0 at the bottom."""
    pixels = np.zeros((*share.shape, 4), dtype=np.uint8)
    pixels[..., :3] = HEAT
    # The square root lifts the small shares, which are the many.
    pixels[..., 3] = np.round(235 * np.sqrt(share)).astype(np.uint8)
    axes.imshow(pixels, extent=extent, origin="lower", aspect="auto", interpolation="none")


def _svg(draw: Callable[[Axes], None], size: tuple[float, float], name: str, title: str) -> str:
    """Return one figure as an accessible SVG element with ids of its own."""
    settings: Any = {**STYLE, "svg.hashsalt": name}
    with mpl.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), name, title)


def _inline(svg: str, name: str, title: str) -> str:
    """Strip what only a file of its own needs, prefix ids, and let the page choose colours and font."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(font-family: )[^;\"]*", rf"\g<1>{FONTS}", svg)
    svg = re.sub(r'(<svg[^>]*) width="([\d.]+)pt" height="[\d.]+pt"', r'\g<1> style="width: \g<2>px"', svg, count=1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    heading = f'<svg role="img" aria-labelledby="{name}-title"'
    return re.sub(r"<svg([^>]*)>", rf'{heading}\g<1>><title id="{name}-title">{title}</title>', svg, count=1)
