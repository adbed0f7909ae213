"""What the page draws: metrics in, drawings out; ``eval.page.drawing`` makes SVG and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from eval.page.drawing import Drawing, Palette
from eval.text import plain

MAX_PHONES = 45
"""Rows and columns of the heat map: the most frequent phones."""
HEAT = (37, 99, 174)
"""Colour of the heat map, on a transparent ground."""


def score_against_human(data: dict[str, Any], judged: str = "GOP") -> Drawing | None:
    """Return what is judged by bin of human accuracy, as violins with quartiles; ``None`` when no phone is rated."""
    cells = [cell for cell in data["cells"] if cell["phones"]]
    if not cells:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        edges = np.asarray(data["gop_edges"])
        middle = (edges[1:] + edges[:-1]) / 2
        for place, cell in enumerate(cells):
            share = _smooth(np.asarray(cell["gop"], dtype=np.float64))
            half = 0.42 * share / share.max()
            axes.fill_betweenx(middle, place - half, place + half, color=colours.accent, alpha=0.35, linewidth=0)
            low, median, high = np.clip(cell["quartiles"], edges[0], edges[-1])
            axes.plot([place, place], [low, high], color=colours.ink, linewidth=3.5, solid_capstyle="butt")
            axes.plot([place - 0.16, place + 0.16], [median, median], color=colours.ink, linewidth=1.6)
        axes.set_xticks(range(len(cells)), [f"{cell['label']}\n{cell['phones']:,} phones" for cell in cells])
        axes.set_xlabel("accuracy given by humans (0 to 2)")
        axes.set_ylabel(f"{judged} of the model")
        axes.set_xlim(-0.6, len(cells) - 0.4)
        axes.grid(axis="y")
        axes.set_axisbelow(True)

    return Drawing(draw, (6.4, 3.7), f"{judged} of the model by the accuracy that humans gave the phone")


def mapped_against_human(data: dict[str, Any]) -> Drawing | None:
    """Return the mapped score by bin of human accuracy: density in columns and the two means."""
    cells = [cell for cell in data["cells"] if cell.get("mapped")]
    if not cells:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        counts = np.array([cell["mapped"] for cell in cells], dtype=np.float64).T  # (bins, labels)
        share = counts / counts.max(axis=0, keepdims=True)
        _heat(axes, share, (-0.5, len(cells) - 0.5, 0.0, 2.0))
        places = range(len(cells))
        axes.plot(
            places, [cell["mean_accuracy"] for cell in cells], "_", color=colours.second, markersize=26,
            markeredgewidth=2, label="mean of the humans",
        )  # fmt: skip
        axes.plot(
            places,
            [cell["mean_mapped"] for cell in cells],
            "o",
            color=colours.ink,
            markersize=6,
            label="mean of the model",
        )
        axes.set_xticks(places, [f"{cell['label']}\n{cell['phones']:,} phones" for cell in cells])
        axes.set_xlabel("accuracy given by humans (0 to 2)")
        axes.set_ylabel("score of the model (0 to 2)")
        axes.set_ylim(-0.05, 2.1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2, frameon=False, labelcolor=colours.muted)

    return Drawing(draw, (6.4, 3.9), "Score of the model by the accuracy that humans gave the phone")


def confusion_map(confusions: Sequence[dict[str, Any]]) -> Drawing | None:
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

    def draw(axes: Axes, colours: Palette) -> None:
        top = max(float(share.max()), 1e-9)
        _heat(axes, share[::-1] / top, (-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5))
        axes.plot(range(len(rows)), range(len(rows)), "s", color=colours.grid, markersize=3)
        axes.set_xticks(range(len(columns)), [*rows, "nothing"], rotation=90, fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        axes.set_xlabel(f"heard (strongest colour: {100 * top:.0f} % of the canonical phone)")
        axes.set_ylabel("canonical phone")

    side = max(3.2, 0.17 * len(columns) + 0.8)
    return Drawing(draw, (side, side), "Which phone the model heard in place of which canonical phone")


def rate_by_group(
    groups: Sequence[dict[str, Any]], overall: float | None, rate: str, ends: tuple[str, str], what: str
) -> Drawing | None:
    """Return a rate (``rate``, ``ends`` of its interval) of each group shown, and that of all as a line."""
    shown = [row for row in groups if not row["hidden"] and row.get(rate) is not None]
    if not shown:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        for place, row in enumerate(shown):
            low, high = (row.get(end) for end in ends)
            if low is not None and high is not None:
                axes.plot([100 * low, 100 * high], [place, place], color=colours.accent, linewidth=2.5)
            axes.plot(100 * row[rate], place, "o", color=colours.accent, markersize=7, clip_on=False)
        if overall is not None:
            axes.axvline(100 * overall, color=colours.muted, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
            axes.annotate("all", (100 * overall, 1.0), (0, 3), xycoords=("data", "axes fraction"),
                          textcoords="offset points", color=colours.muted, ha="center", fontsize=10)  # fmt: skip
        labels = [f"{plain(row['by'])}: {row['group']} ({row['speakers']} speakers)" for row in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.margins(x=0.1)
        axes.set_xlabel(f"{what} (%)")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)

    return Drawing(draw, (6.8, 0.9 + 0.36 * len(shown)), f"{what.capitalize()} by group of speakers")


def f1_by_phone(rows: Sequence[dict[str, Any]]) -> Drawing | None:
    """Return the F1 of each phone that has one, most often mispronounced first, with intervals."""
    shown = [row for row in rows if not row["hidden"] and row["f1"] is not None]
    if not shown:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        for place, row in enumerate(shown):
            if row["low"] is not None:
                axes.plot([place, place], [100 * row["low"], 100 * row["high"]], color=colours.accent, linewidth=2.2)
            axes.plot(place, 100 * row["f1"], "o", color=colours.accent, markersize=5)
        axes.set_xticks(range(len(shown)), [f"{row['phone']}\n{row['mispronounced']}" for row in shown], fontsize=8)
        axes.set_xlim(-0.6, len(shown) - 0.4)
        axes.set_ylim(-3, 103)
        axes.set_xlabel("phone, and how often it was mispronounced")
        axes.set_ylabel("F1 (%)")
        axes.grid(axis="y")
        axes.set_axisbelow(True)

    return Drawing(draw, (max(4.0, 0.3 * len(shown) + 1.0), 3.2), "How well mispronunciations of each phone are found")


def reliability(data: dict[str, Any]) -> Drawing | None:
    """Return the share of mispronounced phones by the probability told, one point a bin; ``None`` without bins."""
    bins = data["bins"]
    if not bins:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        told = [100 * each["mean_probability"] for each in bins]
        found = [100 * each["share_mispronounced"] for each in bins]
        top = max(*told, *found, 1.0)
        axes.plot([0, top], [0, top], color=colours.muted, linewidth=1, linestyle=(0, (4, 3)), label="as told")
        axes.plot(told, found, "o-", color=colours.accent, markersize=6, linewidth=1.6, label="as found")
        axes.set_xlabel("probability told (%), mean of the bin")
        axes.set_ylabel("mispronounced (%)")
        axes.grid()
        axes.set_axisbelow(True)
        axes.legend(loc="upper left", frameon=False, labelcolor=colours.muted)

    return Drawing(draw, (6.4, 3.7), "Share of mispronounced phones by the probability that the model tells")


def coverage_risk(data: dict[str, Any]) -> Drawing | None:
    """Return the error of the flag by the share of phones kept, surest first; ``None`` when no phone is rated."""
    points = data["points"]
    if not points:
        return None

    def draw(axes: Axes, colours: Palette) -> None:
        kept = [0.0, *(100 * point["coverage"] for point in points)]
        error = [100 * points[0]["error"], *(100 * point["error"] for point in points)]
        axes.plot(kept, error, color=colours.accent, linewidth=2, label="surest phones kept")
        axes.axhline(
            100 * data["random"], color=colours.muted, linewidth=1, linestyle=(0, (4, 3)), label="phones kept at random"
        )
        axes.set_xlabel("phones kept (%)")
        axes.set_ylabel("wrongly flagged or passed (%)")
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        axes.grid()
        axes.set_axisbelow(True)
        axes.legend(loc="center left", frameon=False, labelcolor=colours.muted)

    return Drawing(draw, (6.4, 3.7), "Error of the model's flag by the share of phones kept, surest first")


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
