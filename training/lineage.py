"""Which releases, and so which consents, a model learned from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from collection import manifest
from collection.release import Release
from training.errors import ModelError

NAME = "lineage.json"


@dataclass(frozen=True)
class Ancestor:
    """One release that a model learned from; ``manifest_sha256`` pins its exact content."""

    name: str
    manifest_sha256: str
    schema_version: str
    splits: tuple[str, ...]
    speakers: tuple[str, ...]
    """Pseudonyms of the speakers learned from, in this release's own terms."""


@dataclass(frozen=True)
class Lineage:
    """What a checkpoint came from: releases, the encoder's name and the version of the code."""

    encoder: str
    code_version: str
    releases: tuple[Ancestor, ...]


def ancestor(release: Release, splits: tuple[str, ...], speakers: frozenset[str]) -> Ancestor:
    """Return the record of learning from some speakers of a release."""
    return Ancestor(
        name=str(release.manifest["name"]),
        manifest_sha256=manifest.file_sha256(release.path / manifest.NAME),
        schema_version=str(release.manifest["schema_version"]),
        splits=splits,
        speakers=tuple(sorted(speakers)),
    )


def write(folder: Path, lineage: Lineage) -> None:
    """Put the lineage beside the weights of a checkpoint."""
    manifest.atomic_write(folder / NAME, json.dumps(asdict(lineage), indent=2, sort_keys=True) + "\n")


def read(folder: Path) -> Lineage:
    """Return the lineage of a checkpoint, or an error: a model of unknown origin is not used."""
    try:
        found = json.loads((folder / NAME).read_text("utf-8"))
        releases = [
            Ancestor(**{**one, "splits": tuple(one["splits"]), "speakers": tuple(one["speakers"])})
            for one in found["releases"]
        ]
        return Lineage(found["encoder"], found["code_version"], tuple(releases))
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelError(
            f"{folder} has no readable {NAME}: nobody can say whose voices this model learned from. Train it again "
            "with training.train, or ask whoever made it for that file."
        ) from error


def learned_from(root: Path, manifest_sha256: str) -> Iterator[Path]:
    """Yield every checkpoint folder under ``root`` that learned from the release with this manifest checksum."""
    for path in sorted(root.rglob(NAME)):
        if any(one.manifest_sha256 == manifest_sha256 for one in read(path.parent).releases):
            yield path.parent
