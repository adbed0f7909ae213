"""What a withdrawal leaves in a release or a model: ``withdrawn.json``, beside files that stay as they are.

The marker names the learners who left by their pseudonyms in that very release, so that whoever holds a copy can find
and delete their rows. A release that has one is superseded: ``Release.rows`` gives none of the rows it names.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date as Day
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from collection import manifest
from collection.errors import ReleaseError

NAME = "withdrawn.json"
SCHEMA = "parlure-withdrawn-1"
SUPERSEDED = "superseded"
DUTY = (
    "Delete every row whose speaker_id is in speakers, all copies of it and everything computed from it (caches, "
    "features, predictions), stop using models that learned from it, and pass this notice on to everyone you gave this "
    "release to. The next release is built without these speakers."
)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The content of a marker; ``speakers`` are pseudonyms in the release, or in those a model learned from."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    date: Day
    """Day of the latest withdrawal."""
    speakers: tuple[str, ...]
    count: int
    destroyed: bool = False
    """Whether the rows of this copy were destroyed."""
    duty: str = DUTY
    status: str = SUPERSEDED
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        if self.schema != SCHEMA or self.status != SUPERSEDED or self.count != len(self.speakers):
            raise ValueError(f"a marker has schema {SCHEMA}, status {SUPERSEDED} and the count of its speakers")


def read(folder: Path) -> Withdrawn | None:
    """Return the marker of a folder, ``None`` where there is none; a damaged one is a ``ReleaseError``, never a yes."""
    try:
        return TypeAdapter(Withdrawn).validate_json((folder / NAME).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise ReleaseError(
            f"{NAME} in {folder} is damaged, so it cannot be told whose voices may be used: copy it again from whoever "
            f"sent it, or run python -m collection.withdraw again."
        ) from None


def marked(
    before: Withdrawn | None, speakers: frozenset[str], on: Day, destroyed: bool = False, duty: str = DUTY
) -> Withdrawn:
    """Return the marker that says what ``before`` says, and that ``speakers`` withdrew on a day."""
    known = frozenset(before.speakers if before else ())
    latest = on if before is None else before.date if speakers <= known else max(before.date, on)
    everyone = tuple(sorted(known | speakers))
    return Withdrawn(latest, everyone, len(everyone), destroyed or (before is not None and before.destroyed), duty)


def write(folder: Path, marker: Withdrawn) -> None:
    """Put a marker into a folder."""
    text = json.dumps(asdict(marker), indent=2, sort_keys=True, default=str, ensure_ascii=False)
    manifest.atomic_write(folder / NAME, text + "\n")
