"""Is the second model better than the first? Differences of figures on the same speakers, with intervals.

    python -m eval.compare first=[runs/a-scores] second=[runs/b-scores]
    python -m eval.compare first=[runs/a1-scores,runs/a2-scores] second=[runs/b1-scores,runs/b2-scores]

Several runs on a side are seeds of one recipe: their figures are averaged before the difference is taken.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING
from rich.table import Table

from collection import manifest
from collection.cli import console, existing, run_verb
from eval import predictions
from eval.bootstrap import BootstrapConfig
from eval.errors import ReportError
from eval.paired import Scored, difference_cells, differences, scored
from eval.report import read_run


@dataclass
class CompareConfig:
    """Configuration of ``python -m eval.compare``."""

    first: list[str] = MISSING
    """Folders that eval.score wrote: one, or one a seed."""
    second: list[str] = MISSING
    """The same for what is compared with it, on the same release and split."""
    out: str | None = None
    """JSON file to write the differences to."""
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    """How the intervals are drawn."""


def compare(config: CompareConfig) -> list[dict[str, Any]]:
    """Return the difference of every figure, second minus first."""
    found = differences(_side(config.first), _side(config.second), config.bootstrap)
    if config.out is not None:
        told = {"first": config.first, "second": config.second, "differences": found}
        manifest.atomic_write(Path(config.out).expanduser(), json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return found


def _side(folders: Sequence[str]) -> list[Scored]:
    if not folders:
        raise ReportError("first=[…] and second=[…] each name at least one folder that eval.score wrote.")
    paths = [existing(folder, "Run folder") for folder in folders]
    return [scored(str(path), predictions.read(path), read_run(path)) for path in paths]


def table(found: Sequence[dict[str, Any]], level: float) -> Table:
    """Return the differences for the console."""
    shown = Table("figure", "second - first", f"{100 * level:.0f} % interval", "so the second is", title="Difference")
    for row in found:
        shown.add_row(*difference_cells(row).values())
    return shown


def work(config: CompareConfig) -> None:
    """Compare, and show the differences."""
    console.print(table(compare(config), config.bootstrap.level))


def main() -> None:
    """Run the verb."""
    run_verb("compare", CompareConfig, work)


if __name__ == "__main__":
    main()
