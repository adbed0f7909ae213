"""Show the scores of one or several models on one self-contained HTML page.

    python -m eval.report runs=[runs/a-scores,runs/b-scores] out=report.html
    python -m eval.report runs=[runs/a-scores] out=report.html plots=plots worst=10 release=releases/class

Reads ``metrics.json`` of each run folder, of several also the tables, to compare them. The page loads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from collection import manifest
from collection.cli import console, existing, run_verb
from collection.consent import today
from collection.release import read_release
from eval import predictions
from eval.bootstrap import BootstrapConfig
from eval.errors import ReportError
from eval.model_index import model_index
from eval.page import drawing
from eval.page.render import column_names, drawings, render
from eval.page.worst import why_no_sound, with_release, worst_utterances
from eval.paired import difference_cells, differences, scored
from eval.run_folder import METRICS_FILE, METRICS_VERSION

READS_VERSION = METRICS_VERSION.split(".")[0]
"""Major version of ``metrics.json`` that this code reads."""


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
    plots: str | None = None
    """Folder to write every drawing of the page to, as SVG and PNG."""
    worst: int = 0
    """Utterances to list that the first model judged worst, with their phones; 0: none, as each is of one learner."""
    release: str | None = None
    """Folder of the release the first model was scored on: adds the texts of the worst utterances."""
    sound: bool = False
    """Make them playable: only disguised or public voices, only with consent to sharing. The page is a copy of them."""
    most_sound_mb: float = 5.0
    """MB of sound on the page at most."""


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


def compared_with_first(folders: Sequence[Path], runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each run but the first, the differences of its figures to the first on the same draws of speakers."""
    told: list[dict[str, Any]] = []
    config = BootstrapConfig(**runs[0]["protocol"]["bootstrap"])
    tables = cache(lambda place: scored(str(folders[place]), predictions.read(folders[place]), runs[place]))
    for place in range(1, len(runs)):
        try:
            rows = [difference_cells(row) for row in differences([tables(0)], [tables(place)], config)]
            told.append({"rows": rows, "reason": None})
        except ReportError as error:
            told.append({"rows": [], "reason": str(error)})
    return told


def worst_of_first(config: ReportConfig, folder: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the utterances the first model judged worst; ``None`` when none are asked for."""
    if not config.worst:
        if config.sound or config.release is not None:
            raise ReportError("release=… and sound=true are about the worst utterances: say how many, worst=10.")
        return None
    if config.sound and config.release is None:
        raise ReportError("sound=true needs the release the first model was scored on: release=FOLDER.")
    found = worst_utterances(scored(str(folder), predictions.read(folder), run), config.worst)
    reason = None
    if config.release is not None:
        release = read_release(existing(config.release, "Release"))
        found = with_release(found, release, run, today(), config.most_sound_mb if config.sound else 0.0)
        reason = why_no_sound(release) if config.sound else None
    return {"rows": [asdict(one) for one in found], "sound": config.sound, "no_sound": reason}


def work(config: ReportConfig) -> None:
    """Read the runs, write the page."""
    if not config.runs:
        raise ReportError("runs=[] names no run. Give at least one folder that eval.score wrote: runs=[runs/a-scores]")
    folders = [existing(folder, "Run folder") for folder in config.runs]
    runs = [read_run(folder) for folder in folders]
    out = Path(config.out).expanduser()
    compared = compared_with_first(folders, runs) if len(runs) > 1 else []
    worst = worst_of_first(config, folders[0], runs[0])
    manifest.atomic_write(out, render(runs, config.title, compared, worst))
    if config.plots is not None:
        for run, name in zip(runs, column_names(runs), strict=True):
            own = Path(config.plots).expanduser() / (file_name(name) if len(runs) > 1 else "")
            drawing.save(drawings(run), own)
    if config.model_index is not None:
        manifest.atomic_write(Path(config.model_index).expanduser(), model_index(runs))
    console.print(f"Report: {out.resolve()}", markup=False, soft_wrap=True, highlight=False)


def file_name(name: str) -> str:
    """Return a model's name as the name of a folder."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name).strip(".-") or "model"


def main() -> None:
    """Run the verb."""
    run_verb("report", ReportConfig, work)


if __name__ == "__main__":
    main()
