"""Where a learner is in what was made of the intake: past releases, unfinished builds, and models.

Pseudonyms differ from release to release; the key gives back the learner's in each of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from collection import manifest
from collection.errors import KeyFileError, ReleaseError
from collection.keys import Key
from collection.pseudonyms.naming import naming
from collection.release import KIND, read_release
from collection.releases import work_folder
from collection.withdrawal import withdrawn

LINEAGE = "lineage.json"
"""What ``training.lineage`` writes beside the weights of a checkpoint: the releases and speakers it learned from."""


@dataclass(frozen=True, slots=True)
class Past:
    """A release that holds a learner, called ``speaker`` in it."""

    folder: Path
    name: str
    speaker: str
    rows: int | None
    """Rows of the learner; ``None`` once they are marked as withdrawn."""
    doomed: tuple[Path, ...]
    """Files of this copy that are to be destroyed."""

    def mark(self, on: date) -> None:
        """Say in the release's folder that the learner withdrew, and whether its rows are destroyed."""
        before = withdrawn.read(self.folder)
        after = withdrawn.marked(before, frozenset({self.speaker}), on, destroyed=bool(self.doomed))
        if after != before:
            withdrawn.write(self.folder, after)


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint that learned from a learner, called ``speaker`` in the release ``release``."""

    folder: Path
    release: str
    speaker: str
    marked: bool


def past(folders: Iterable[Path], key: Key, source: str, learner_id: str, destroy: bool) -> Iterator[Past]:
    """Yield those of the releases that hold a learner; ``destroy`` dooms these copies, but for their manifests.

    Raises ``ReleaseError`` for a folder that is neither a release nor an unfinished build, and ``KeyFileError`` for a
    release of another key.
    """
    for folder in folders:
        facts = manifest.read(folder)
        if facts is None and (work_folder.beside(folder) / work_folder.MARKER).exists():
            continue
        if facts is None or facts.get("kind") != KIND:
            raise ReleaseError(f"{folder} holds no release and no unfinished build: correct releases=[…].")
        if facts.get("key_id") != key.id:
            raise KeyFileError(
                f"release {facts['name']} was made with key {facts.get('key_id')}, not with {key.id}: give the key "
                "that belongs to it, or withdraw from it apart."
            )
        if facts["source"] != source:
            continue
        speaker = naming(key, facts["name"], source).speaker(learner_id)
        files = [folder / name for name in facts["files"]]
        marker = withdrawn.read(folder)
        destroys = destroy or (marker is not None and marker.destroyed)
        doomed = tuple(path for path in files if destroys and path.exists())
        if marker is not None and speaker in marker.speakers:
            yield Past(folder, facts["name"], speaker, None, doomed)
        elif marker is None or not marker.destroyed:
            release = read_release(folder)
            held = (row["speaker_id"] for split in release.files for row in release.rows(split, ["speaker_id"]))
            if rows := sum(one == speaker for one in held):
                yield Past(folder, facts["name"], speaker, rows, doomed)


def names(folders: Iterable[Path]) -> frozenset[str]:
    """Return the names of the releases in these folders."""
    return frozenset(str(facts["name"]) for folder in folders if (facts := manifest.read(folder)) is not None)


def unfinished(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the work folders in which builds of these releases left something."""
    return tuple(folder for folder in map(work_folder.beside, folders) if _contents(folder))


def discard(folder: Path) -> None:
    """Remove what a build left in its work folder, whoever it is of: the files do not say, and can be made again.

    Raises ``ReleaseError`` while a build writes there.
    """
    with idle(folder):
        for path in _contents(folder):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def idle(folder: Path) -> Iterator[None]:
    """Keep builds out of a work folder; raises ``ReleaseError`` while one is in it."""
    try:
        with FileLock(folder / work_folder.LOCK, timeout=0):
            yield
    except Timeout:
        raise ReleaseError(f"a build is writing into {folder}: stop it or wait until it ends.") from None


def _contents(folder: Path) -> list[Path]:
    """Return what lies in a work folder beside its marker and its lock; nothing where that is not a work folder."""
    if not (folder / work_folder.MARKER).exists():
        return []
    return [path for path in sorted(folder.iterdir()) if path.name not in (work_folder.MARKER, work_folder.LOCK)]


def models(roots: Iterable[Path], key: Key, source: str, learner_id: str) -> Iterator[Model]:
    """Yield the checkpoints under ``roots`` that learned from a learner, whether or not the release still exists."""
    for path in sorted(path for root in roots for path in root.rglob(LINEAGE)):
        try:
            found = [
                (str(one["name"]), frozenset(one["speakers"])) for one in json.loads(path.read_bytes())["releases"]
            ]
        except (ValueError, KeyError, TypeError):
            raise ReleaseError(f"{path} cannot be read, so nobody can say whose voices that model knows.") from None
        for name, speakers in found:
            speaker = naming(key, name, source).speaker(learner_id)
            if speaker in speakers:
                marker = withdrawn.read(path.parent)
                yield Model(path.parent, name, speaker, marker is not None and speaker in marker.speakers)
