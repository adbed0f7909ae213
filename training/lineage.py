"""Which releases, and so which consents, a model learned from: recorded, searched, and marked after a withdrawal.

    python -m training.lineage release=releases/autumn runs=[runs]
    python -m training.lineage speaker=spk_0123456789abcdef runs=[runs]
    python -m training.lineage release=releases/autumn runs=[runs] mark=true

lists every checkpoint that learned from a release or a speaker. ``mark=true`` puts ``withdrawn.json`` beside those that
learned from a speaker who has withdrawn, so that whoever loads them is warned, and removes what unfinished runs keep of
the release.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from omegaconf import MISSING
from rich.table import Table

from collection import cli, manifest
from collection.consent import today
from collection.release import Release
from collection.withdrawal import withdrawn
from collection.withdrawal.past_releases import LINEAGE as NAME
from training.errors import ModelError

RUN = "run.json"
"""What a run notes about itself when it begins: its identity and the SHA-256 of the manifests of the releases that it
learns from, or that what it begins with learned from."""
DUTY = (
    "This model learned from the speakers listed in speakers, who have withdrawn. Stop using it, train again on the "
    "next release, and delete its weights with everything exported or fine-tuned from them."
)
CACHE = ".cache"
CHECKPOINTS = "checkpoints"
"""Folders of a run that go when it is finished."""


class WithdrawnWarning(UserWarning):
    """A model was loaded that learned from voices which were withdrawn."""


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

    def within(self, release: Release) -> tuple[Ancestor, ...]:
        """Return what was learned from this very release; pseudonyms of others cannot be compared with its own."""
        here = checksum(release)
        return tuple(one for one in self.releases if one.manifest_sha256 == here)


@dataclass(frozen=True)
class Descendant:
    """A checkpoint, or the folder of an unfinished run, that learned from ``speakers`` (not known while unfinished)."""

    folder: Path
    speakers: frozenset[str]
    finished: bool = True


def checksum(release: Release) -> str:
    """Return what pins the exact content of a release."""
    return manifest.file_sha256(release.path / manifest.NAME)


def ancestor(release: Release, splits: tuple[str, ...], speakers: frozenset[str]) -> Ancestor:
    """Return the record of learning from some speakers of a release."""
    return Ancestor(
        name=str(release.manifest["name"]),
        manifest_sha256=checksum(release),
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


def inherited(*encoders: str) -> tuple[Ancestor, ...]:
    """Return the releases that the weights of these encoders learned from: of local folders with a lineage, else none.

    Whatever learns on top of them learned from those speakers too. Raises ``ModelError`` when one of the speakers has
    withdrawn.
    """
    found: list[Ancestor] = []
    for name in encoders:
        folder = Path(name)
        if not (folder / NAME).exists():
            continue
        marker = withdrawn.read(folder)
        if marker is not None:
            raise ModelError(
                f"{folder} learned from {marker.count} speaker(s) who have withdrawn ({withdrawn.NAME}): nothing may "
                "be built on it any more. Pretrain again on the next release, then delete it."
            )
        found += read(folder).releases
    return merged(found)


def merged(releases: Iterable[Ancestor]) -> tuple[Ancestor, ...]:
    """Return one record a release, with the splits and speakers of all its records."""
    found: dict[str, Ancestor] = {}
    for one in releases:
        if (other := found.get(one.manifest_sha256)) is not None:
            splits, speakers = {*one.splits, *other.splits}, {*one.speakers, *other.speakers}
            one = replace(one, splits=tuple(sorted(splits)), speakers=tuple(sorted(speakers)))
        found[one.manifest_sha256] = one
    return tuple(found.values())


def learned_from(root: Path, manifest_sha256: str) -> Iterator[Path]:
    """Yield every checkpoint folder under ``root`` that learned from the release with this manifest checksum."""
    for found in descendants([root], manifest_sha256=manifest_sha256):
        if found.finished:
            yield found.folder


def descendants(
    roots: Iterable[Path], *, manifest_sha256: str | None = None, speaker: str | None = None
) -> Iterator[Descendant]:
    """Yield every checkpoint under ``roots`` that learned from a release, or from a speaker of any release.

    Runs on the release that are not finished come too: they keep copies of its sound. Raises ``ModelError`` for a
    checkpoint whose lineage cannot be read.
    """
    for root in roots:
        for path in sorted(root.rglob(NAME)):
            heard = [one for one in read(path.parent).releases if manifest_sha256 in (None, one.manifest_sha256)]
            speakers = frozenset(name for one in heard for name in one.speakers if speaker in (None, name))
            if speakers:
                yield Descendant(path.parent, speakers)
        for path in sorted(root.rglob(RUN)):
            begun_on = json.loads(path.read_text("utf-8")).get("data") or []
            concerned = manifest_sha256 is not None and manifest_sha256 in begun_on
            if concerned and manifest.read(path.parent) is None:
                yield Descendant(path.parent, frozenset(), finished=False)


def mark(found: Descendant, gone: frozenset[str], on: date) -> bool:
    """Mark a checkpoint that learned from someone ``gone``, or clear an unfinished run; return whether it had to be."""
    if not found.finished:
        kept = [found.folder / name for name in (CACHE, CHECKPOINTS) if (found.folder / name).exists()]
        for folder in kept:
            shutil.rmtree(folder)
        return bool(kept)
    before, theirs = withdrawn.read(found.folder), found.speakers & gone
    if not theirs or (before is not None and theirs <= frozenset(before.speakers)):
        return False
    withdrawn.write(found.folder, withdrawn.marked(before, theirs, on, duty=DUTY))
    return True


def warn_withdrawn(folder: Path) -> None:
    """Say it where a checkpoint learned from voices that were withdrawn."""
    marker = withdrawn.read(folder)
    if marker is not None:
        message = (
            f"{folder} learned from {marker.count} speaker(s) who have withdrawn since ({withdrawn.NAME}, "
            f"{marker.date}). Stop using it: train again on the next release."
        )
        # Not a log line: hydra silences those in every verb.
        warnings.warn(message, WithdrawnWarning, stacklevel=3)


def refuse_withdrawn(release: Release, allowed: bool, model: Path, from_encoder: Iterable[Ancestor] = ()) -> None:
    """Raise ``ModelError`` when a release is superseded, unless that is ``allowed``.

    What is allowed is learning from the others: a ``model`` finished before the withdrawal is refused either way, and
    so is an encoder whose own releases are ``from_encoder`` when it learned from who has withdrawn.
    """
    if not release.withdrawn:
        return
    if not allowed:
        raise ModelError(
            f"release {release.name} is superseded: {len(release.withdrawn)} speaker(s) have withdrawn from it "
            f"({withdrawn.NAME}). Build the next release and train on that; to learn from the other speakers of this "
            "one all the same, give select.superseded=true."
        )
    here = checksum(release)
    if both := _speakers(from_encoder, here) & release.withdrawn:
        raise ModelError(
            f"The encoder or teacher that this run begins with learned from {len(both)} speaker(s) who have withdrawn "
            f"from release {release.name}. Pretrain again with select.superseded=true or on the next release, then "
            "delete it."
        )
    if (model / NAME).exists() and (both := _speakers(read(model).releases, here) & release.withdrawn):
        raise ModelError(
            f"{model} was finished before {len(both)} speaker(s) withdrew and learned from them. Give another "
            "out=…, and delete this model."
        )


def _speakers(releases: Iterable[Ancestor], manifest_sha256: str) -> frozenset[str]:
    return frozenset(name for one in releases if one.manifest_sha256 == manifest_sha256 for name in one.speakers)


@dataclass
class LineageConfig:
    """Configuration of ``python -m training.lineage``; give ``release`` or ``speaker``."""

    runs: list[str] = MISSING
    """Folders under which to look for checkpoints."""
    release: str | None = None
    """Folder of a release: everything that learned from it."""
    speaker: str | None = None
    """Pseudonym of a speaker in any release: everything that learned from them."""
    mark: bool = False
    """Mark what learned from a speaker who withdrew: of the release, or the one given here."""


def lineage(config: LineageConfig) -> list[tuple[Descendant, bool]]:
    """Return what learned from a release or a speaker, each with whether it was marked or cleared just now."""
    if (config.release is None) == (config.speaker is None):
        raise ModelError("Give either release=FOLDER or speaker=PSEUDONYM.")
    roots = [cli.existing(folder, "Folder of runs") for folder in config.runs]
    sha, gone, on = None, frozenset({config.speaker or ""}), today()
    if config.release is not None:
        folder = cli.existing(config.release, "Release")
        sha = manifest.file_sha256(cli.existing(str(folder / manifest.NAME), "Manifest of the release"))
        marker = withdrawn.read(folder)
        if config.mark and marker is None:
            raise ModelError(f"{folder} has no {withdrawn.NAME}, nobody withdrew from it: nothing was marked.")
        if marker is not None:
            gone, on = frozenset(marker.speakers), marker.date
    found = list(descendants(roots, manifest_sha256=sha, speaker=config.speaker))
    return [(one, config.mark and mark(one, gone, on)) for one in found]


def _verb(config: LineageConfig) -> None:
    table = Table("folder", "speakers", "what")
    found = lineage(config)
    for one, changed in found:
        state = "unfinished run" if not one.finished else "withdrawn" if withdrawn.read(one.folder) else "checkpoint"
        what = {True: f"{state}: {'marked' if one.finished else 'cleared'} now", False: state}[changed]
        table.add_row(str(one.folder), str(len(one.speakers)) if one.finished else "?", what)
    cli.console.print(table if found else "No checkpoint there learned from it.")


def main() -> None:
    """Run the verb."""
    cli.run_verb("lineage", LineageConfig, _verb)


if __name__ == "__main__":
    main()
