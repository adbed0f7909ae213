"""The folder beside a release in which a build keeps what is unfinished: where it lies, and that it is ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from collection import manifest
from collection.errors import ReleaseError

MARKER = "parlure-work"
"""File that tells a work folder from somebody else's."""
LOCK = "lock"
"""File that a build holds locked while it writes."""


def beside(release: Path) -> Path:
    """Return where the work folder of a release lies."""
    return release.with_name(f"{release.name}.work")


def open_folder(folder: Path) -> Path:
    """Create or reopen a work folder and return the place of its work files; a folder of someone else's is refused."""
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise ReleaseError(
            f"{folder} is needed as a work folder and holds something else: move it, or choose another out."
        )
    manifest.atomic_write(marker, "Work of an unfinished build. The same command goes on from here.\n")
    recordings = folder / "recordings"
    recordings.mkdir(exist_ok=True)
    return recordings


def close_folder(folder: Path) -> None:
    """Remove a work folder, its marker last; what is not a work folder stays."""
    if (folder / MARKER).exists():
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != MARKER:
                path.unlink()
        (folder / MARKER).unlink()
        folder.rmdir()


def purge(recordings: Path, wanted: Iterable[Path]) -> None:
    """Remove every work file but the wanted ones: of other settings, half written, or of withdrawn consent."""
    keep = set(wanted)
    for path in recordings.iterdir():
        if path not in keep:
            path.unlink()
