"""The seeds of a scorer one by one on speakers new to all of them: figures for ``docs/benchmarks.md``.

    python -m tests.training.seed_figures RELEASE MODEL OUT

MODEL is a checkpoint whose scorer has several members, each of a seed; every one is scored alone with ``eval.score``,
which keeps what is finished in OUT. The interval of a mean over seeds is Student's.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import t

from eval.score import ScoreConfig, score
from training.lineage import NAME
from training.network.model import PhoneModel
from training.network.scorer import Scorer

LEVEL = 0.95


def alone(checkpoint: Path, number: int, out: Path) -> Path:
    """Write the model that has one member of a scorer only, and return its folder."""
    model = PhoneModel.from_pretrained(checkpoint)
    every = model.scorer
    assert every is not None
    shape = replace(every.shape, members=1)
    kept = Scorer(shape)
    kept.load_state_dict({**kept.state_dict(), **{n: v for n, v in every.state_dict().items() if "members" not in n}})
    kept.members[0] = every.members[number]
    model.scorer, model.config.scorer = kept.eval(), shape.to_dict()
    model.save_pretrained(out)
    shutil.copy(checkpoint / NAME, out / NAME)
    return out


def main(data: str, checkpoint: str, out: str) -> None:
    """Score each member and print mean, extremes and interval of every figure that has a value."""
    source, place = Path(checkpoint), Path(out)
    members = PhoneModel.from_pretrained(source).config.scorer["members"]
    found: dict[str, list[float]] = {}
    for number in range(members):
        folder = place / f"seed-{number}" / "model"
        if not (folder / NAME).exists():
            alone(source, number, folder)
        told = score(ScoreConfig(str(folder), data, str(place / f"seed-{number}" / "scores")))
        for figure in told["figures"]:
            if figure["value"] is not None:
                found.setdefault(figure["title"], []).append(figure["value"])
    table = Table("figure", "mean", "lowest", "highest", "95 % interval of the mean")
    for title, values in found.items():
        mean, spread = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
        half = t.ppf((1 + LEVEL) / 2, len(values) - 1) * spread
        ends = f"{mean - half:.4f} to {mean + half:.4f}"
        table.add_row(title, f"{mean:.4f}", f"{min(values):.4f}", f"{max(values):.4f}", ends)
    Console().print(f"{members} seeds, {told['counts']}", table)


if __name__ == "__main__":
    main(*sys.argv[1:])
