"""The folder of a scored run, whoever was scored: what ``metrics.json`` says around the figures, and how it is written.

The marker (``manifest.json``) goes first and comes last, so that a folder with one is whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from collection import manifest
from collection.release import Release
from collection.schema import SCHEMA_VERSION, Split
from eval import predictions, readings
from eval.bootstrap import BootstrapConfig
from eval.predict import Selection
from eval.predictions import Predictions
from training import lineage

METRICS_FILE = "metrics.json"
METRICS_VERSION = "1.4.0"


class Asked(Protocol):
    """What every configuration of a scoring verb says."""

    split: str
    calibration: str
    fewest_speakers: int
    bootstrap: BootstrapConfig


def used(selections: Sequence[Selection]) -> str:
    """Return what names the utterances of a run; the version counts: what older code made of them is made again."""
    return manifest.fingerprint([METRICS_VERSION, [selection.utterances for selection in selections]])


def metrics(
    model: Mapping[str, Any],
    release: Release,
    asked: Asked,
    found: Predictions,
    on: date,
    selections: Sequence[Selection],
    speakers: Mapping[str, Any],
    looks: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what ``metrics.json`` says beside the figures: what was scored, on what, by which protocol."""
    return {
        "metrics_version": METRICS_VERSION,
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "data": {
            "name": release.name,
            "source": release.manifest.get("source"),
            "tier": release.manifest.get("tier"),
            "schema_version": str(release.manifest["schema_version"]),
            "manifest_sha256": lineage.checksum(release),
        },
        "protocol": {
            "split": asked.split,
            "calibration_split": asked.calibration,
            "gop": found.gop_kind,
            "consent_asked_on": on.isoformat(),
            "left_out": {selection.split: selection.left_out for selection in selections},
            "not_scored_by_verdict": _verdicts(found),
            "speakers": speakers,
            "readings": looks,
            "fewest_speakers": asked.fewest_speakers,
            "bootstrap": asdict(asked.bootstrap),
            "code_version": manifest.code_version(),
        },
    }


def _verdicts(found: Predictions) -> dict[str, int]:
    """Count the utterances that were not scored, by the reason."""
    told = Counter(found.utterances.column("verdict").to_pylist())
    return {name: count for name, count in sorted(told.items()) if name != "ok"}


def stored(out: Path) -> dict[str, Any]:
    """Return the metrics of a finished run."""
    return dict(json.loads((out / METRICS_FILE).read_text("utf-8")))


def holds(out: Path, heard: str) -> bool:
    """Tell whether a folder holds whole tables of what was ``heard``, so that new figures need no hearing."""
    finished = manifest.read(out) or {}
    files: Mapping[str, str] = finished.get("files", {})
    return finished.get("heard") == heard and all(
        (out / name).is_file() and manifest.file_sha256(out / name) == files.get(name) for name in predictions.FILES
    )


def remove(out: Path) -> None:
    """Remove what an earlier run left, the marker first."""
    for name in (manifest.NAME, METRICS_FILE, *predictions.FILES):
        (out / name).unlink(missing_ok=True)


def write(out: Path, found: Predictions, result: dict[str, Any]) -> None:
    """Write tables and metrics; ``finish`` makes the folder whole."""
    predictions.write(out, found)
    manifest.atomic_write(out / METRICS_FILE, json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def finish(out: Path, inputs: str, of: str, config: Mapping[str, Any], heard: str | None = None) -> None:
    """Write the marker: what the run belongs to (``inputs``, and ``used`` utterances), and what every file holds.

    ``heard`` names what the tables are of: a run with it needs no hearing for other figures.
    """
    checksums = {name: manifest.file_sha256(out / name) for name in (*predictions.FILES, METRICS_FILE)}
    facts = {"kind": "scores", "inputs": inputs, "used": of, "heard": heard, "config": config, "files": checksums}
    manifest.write(out, facts)


def look(release: Release, split: str, model: str, model_sha256: str, inputs: str, on: date) -> dict[str, Any] | None:
    """Write down that the labels of the test split are read; other splits may be read at will."""
    if split != Split.TEST:
        return None
    reading = readings.Reading(on.isoformat(), split, model, model_sha256, inputs, manifest.code_version())
    return readings.told(readings.note(readings.beside(release.path), reading), split, inputs)
