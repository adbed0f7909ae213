"""The ledger of test readings: a test split is to be read once, so every look at its labels is written down.

It lies beside the release, because a release never changes: ``<release>.readings.jsonl``, a line a look.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from eval.errors import ScoreError


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: the day (ISO 8601), split, model name, ``model_sha256`` of its weights, ``inputs`` of the run."""

    on: str
    split: str
    model: str
    model_sha256: str
    inputs: str
    code_version: str


def beside(release: Path) -> Path:
    """Return where the ledger of a release lies."""
    resolved = release.resolve()
    return resolved.with_name(f"{resolved.name}.readings.jsonl")


def read(path: Path) -> list[Reading]:
    """Return every look in the order written; raise ``ScoreError`` on a line that cannot be read."""
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            found.append(Reading(**json.loads(line)))
        except (ValueError, TypeError):
            raise ScoreError(
                f"{path} line {number} is no reading: it was edited, or a disk was full. Restore the file; without it "
                "nobody can tell how often the test was looked at."
            ) from None
    return found


def note(path: Path, reading: Reading) -> list[Reading]:
    """Add a look unless the very same run is there already (a run that was stopped goes on); return all of them."""
    with FileLock(f"{path}.lock"):
        known = read(path)
        if not any((one.split, one.inputs) == (reading.split, reading.inputs) for one in known):
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(reading), ensure_ascii=False) + "\n")
            known.append(reading)
    return known


def told(readings: list[Reading], split: str, inputs: str) -> dict[str, Any]:
    """Return what a reader of the figures must know: the looks at the split up to this run's, and at how many models.

    ``number`` is this run's place in the order of looks, from 1.
    """
    looks = [one for one in readings if one.split == split]
    number = next(place for place, one in enumerate(looks, start=1) if one.inputs == inputs)
    return {
        "number": number,
        "models": len({one.model_sha256 for one in looks[:number]}),
        "first_on": looks[0].on,
        "on": looks[number - 1].on,
    }
