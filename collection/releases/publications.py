"""Who has which release: an append-only list beside the key, so that a withdrawal knows whom to tell.

``<key>.publications.jsonl`` gets a line before the first byte leaves and one when the last has arrived. A publication
that was cut counts as one: whoever has part of a release has voices of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from collection import manifest
from collection.errors import IntakeError


class State(StrEnum):
    """How far a publication came."""

    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Publication:
    """One line: ``manifest`` is the SHA-256 of the release's manifest, ``target`` where it was sent.

    ``open_because`` is the reason given for a publication that is not private and gated.
    """

    release: str
    manifest: str
    target: str
    state: State
    at: AwareDatetime
    private: bool
    gated: bool
    open_because: str | None = None


def beside(key: Path) -> Path:
    """Return the path of a key's list of publications."""
    return key.with_name(f"{key.name}.publications.jsonl")


def append(path: Path, publication: Publication) -> None:
    """Add a line and wait until it is on disk; the file is readable by its owner only."""
    line = json.dumps({**asdict(publication), "at": publication.at.isoformat()}, ensure_ascii=False) + "\n"
    with manifest.lock(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())


def read(path: Path) -> tuple[Publication, ...]:
    """Return every line in order; an absent file is empty. Raises ``IntakeError`` that names a damaged line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return ()
    found: list[Publication] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(TypeAdapter(Publication).validate_json(line))
        except ValidationError:
            raise IntakeError(
                f"{path.name} line {number} is damaged: mend or restore it, it says who must be told of a withdrawal."
            ) from None
    return tuple(found)


def holders(publications: Iterable[Publication], release: str) -> tuple[str, ...]:
    """Return every place that a release, or part of it, was sent to."""
    return tuple(dict.fromkeys(one.target for one in publications if one.release == release))
