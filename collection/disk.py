"""A full disk, told apart from other errors and told to the user: which disk, how much room is missing, what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from rich.filesize import decimal

from collection.errors import ParlureError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class DiskFullError(ParlureError):
    """A disk, or one's quota on it, has no room left; what was finished before stays."""


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that there is no room left, on the disk or in one's quota."""
    return isinstance(error, OSError) and error.errno in _FULL


def explain(error: OSError, folder: Path, needed: str = "") -> DiskFullError:
    """Return the message for a full disk that was met while something in ``folder`` was written.

    The file of ``error`` may lie elsewhere; ``needed`` says in a sentence how much room there must be in ``folder``.
    """
    where = Path(error.filename or folder).absolute()
    if not where.is_relative_to(folder.absolute()):
        needed = ""
    usage = shutil.disk_usage(next(path for path in (where, *where.parents) if path.exists()))
    sentences = (
        f"there is no room to write {where}: its disk has {decimal(usage.free)} free of {decimal(usage.total)}, and a "
        "quota may allow less.",
        needed,
        "Nothing finished is lost: make room there, then give the same command again; it goes on from here.",
    )
    return DiskFullError(" ".join(filter(None, sentences)))
