"""What is really in the sound files of a synthetic class: who speaks, who consented, every phone said and when."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from collection.manifest import atomic_write
from collection.schema import Phone
from collection.synthetic.voices import Voice

TRUTH = "truth.jsonl"
"""File name beside the intake folder."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One prompt as it was read; all times are seconds from the start of the file, ``accuracy`` of phones is empty."""

    prompt_index: int
    text: str
    start: float
    end: float
    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in one file of the intake folder.

    ``fate`` is the consent of its learner (``pupils.Fate``), ``fault`` why the file cannot be used, ``skipped`` the
    prompts left out. ``name`` also stands in the file's metadata.
    """

    recording_id: str
    learner_id: str
    name: str
    path: str
    fate: str
    voice: Voice
    fault: str | None = None
    skipped: tuple[int, ...] = ()
    readings: tuple[Reading, ...] = ()


def write_truth(folder: Path, truths: Iterable[Truth]) -> None:
    """Write one JSON object a file into ``folder/truth.jsonl``."""
    atomic_write(folder / TRUTH, "".join(json.dumps(asdict(truth), ensure_ascii=False) + "\n" for truth in truths))


def read_truth(folder: Path) -> list[Truth]:
    """Return the truth of a class; ``path`` is relative to its intake folder."""
    lines = (folder / TRUTH).read_text("utf-8").split("\n")
    return [_truths().validate_json(line) for line in lines if line]


@cache
def _truths() -> TypeAdapter[Truth]:
    return TypeAdapter(Truth)
