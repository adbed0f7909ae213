"""The releases on the disk: what lies there, whether somebody has left it, and how folders move.

A draft lies beside the approved releases, so that a withdrawal finds it as it finds them (``erasing.releases``).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from collection import manifest
from collection.errors import ParlureError
from collection.release import KIND, Release, read_release
from collection.releases import work_folder
from collection.web.releases.models import DRAFT, Proposal
from collection.withdrawal import withdrawn

TRASH = ".trash-"
"""What a folder is called while it is being destroyed."""
UNKNOWN = -1
"""Number of learners who left, where the mark cannot be read: such a release is superseded too."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What lies in a folder: a whole release or none, and how many learners of it have withdrawn."""

    folder: Path
    release: Release | None
    gone: int

    @property
    def superseded(self) -> bool:
        """Whether somebody has left."""
        return self.gone != 0


def gone(folder: Path) -> int:
    """Return how many learners have left what lies in a folder; ``UNKNOWN`` where its mark cannot be read."""
    try:
        mark = withdrawn.read(folder)
    except (ParlureError, OSError):
        return UNKNOWN
    return len(mark.speakers) if mark is not None else 0


def look(folder: Path) -> OnDisk:
    """Return what lies in a folder now."""
    left = gone(folder)
    try:
        found = read_release(folder)
    except (ParlureError, OSError, ValueError, KeyError):
        found = None
    return OnDisk(folder, found, left)


def manifest_of(folder: Path) -> str:
    """Return the SHA-256 (hex) of a release's manifest, which names the SHA-256 of every file; empty without one."""
    try:
        return manifest.file_sha256(folder / manifest.NAME)
    except OSError:
        return ""


def place(proposal: Proposal) -> bool:
    """Move the draft of an approved release into its place, at once or not at all; tell whether it is there.

    Doing it again does nothing.
    """
    if not proposal.path.exists() and proposal.draft.is_dir() and manifest_of(proposal.draft) == proposal.manifest:
        proposal.draft.rename(proposal.path)
    return manifest_of(proposal.path) == proposal.manifest != ""


def discard(folder: Path) -> None:
    """Destroy a draft. Killed in between, the rest is found by its name; what is half gone is no release any more."""
    if folder.is_dir():
        doomed = folder.with_name(f"{TRASH}{uuid4().hex}")
        folder.rename(doomed)
        (doomed / manifest.NAME).unlink(missing_ok=True)
        shutil.rmtree(doomed)


def discard_all_of(proposal: Proposal) -> None:
    """Destroy the draft of a proposal and what a build left of it."""
    discard(proposal.draft)
    work_folder.close_folder(work_folder.beside(proposal.draft))


def others() -> list[OnDisk]:
    """Return the finished releases that lie here without a proposal: made by command."""
    root = Path(settings.RELEASES)
    if not root.is_dir():
        return []
    ours = set(Proposal.objects.values_list("release_name", flat=True))
    found = (path for path in sorted(root.iterdir()) if path.suffix != DRAFT and not path.name.startswith(TRASH))
    return [look(path) for path in found if path.name not in ours and _is_release(path)]


def _is_release(path: Path) -> bool:
    try:
        facts = manifest.read(path) if path.is_dir() else None
    except (OSError, ValueError):
        return False
    return facts is not None and facts.get("kind") == KIND
