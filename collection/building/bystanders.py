"""Names of people who stand in no list of an intake and are spoken of all the same: classmates who refused, teachers.

The intake folder keeps keyed digests of them only (``tombstones.name_marks``), so that a build finds them in texts and
nobody reads there who said no.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from collection import manifest
from collection.errors import IntakeError
from collection.intake import NAMES


def read(folder: Path) -> frozenset[str]:
    """Return the digests in an intake folder, none without such a file; raises IntakeError for one that is damaged."""
    try:
        content = (folder / NAMES).read_bytes()
    except FileNotFoundError:
        return frozenset()
    try:
        return TypeAdapter(frozenset[str]).validate_json(content)
    except ValidationError:
        # Without it, names that must not be heard would be kept.
        raise IntakeError(f"{NAMES} is damaged: write the intake again, or restore it from a copy.") from None


def write(folder: Path, marks: Iterable[str]) -> None:
    """Write the digests into an intake folder, in an order that says nothing."""
    manifest.atomic_write(folder / NAMES, manifest.canonical_json(sorted(set(marks))), mode=0o600)
