"""Where a sound file may lie: inside its folder, reached through no link, and listed once.

A link, or one file under two names, would release the voice of someone who refused under the consent of someone else.
Files are looked at here and never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable
from pathlib import Path

from collection.errors import IntakeError

_LONGEST, _LONGEST_PATH = 255, 2000
"""Bytes that Linux file systems allow a name, and that leave room for the folder in a path."""


def inside(folder: Path, path: Path, where: str, ours: Collection[str] = ()) -> Path:
    """Return the absolute path of a sound file that is named relative to ``folder``.

    Raises ``IntakeError``, which says ``where`` the path stands, when it leaves the folder or passes through a link,
    when no file can be called so, and when it is, or lies in, one of ``ours``: what stands there is no learner's sound,
    and would be destroyed with it.
    """
    too_long = len(os.fsencode(path)) > _LONGEST_PATH or any(len(os.fsencode(one)) > _LONGEST for one in path.parts)
    if too_long or "\0" in str(path):
        raise IntakeError(f"{where}: no file can have the name in its path; give the name that the file has.")
    if path.parts and path.parts[0].casefold() in ours:
        raise IntakeError(f"{where}: its path is that of a list of the intake; give the path of the sound file.")
    if path.is_absolute() or ".." in path.parts:
        raise IntakeError(f"{where}: the path leaves the folder; give a path relative to it, without '..'.")
    absolute = folder.resolve()
    for part in path.parts:
        absolute = absolute / part
        if absolute.is_symlink():
            raise IntakeError(
                f"{where}: the path passes through a link, and what it points to may be anybody's; "
                "put the sound file itself into the folder."
            )
    return absolute


def check_distinct(listed: Iterable[tuple[str, Path]]) -> None:
    """Raise ``IntakeError`` when one file is listed twice, be it under two names (hard links).

    ``listed`` gives where each path stands and the path; a file that is missing is left for the build to count.
    """
    seen: dict[tuple[int, int] | Path, str] = {}
    for where, path in listed:
        try:
            status = path.lstat()
        except OSError:
            known: tuple[int, int] | Path = path
        else:
            known = (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else path
        if known in seen:
            raise IntakeError(
                f"{where}: its sound file is that of {seen[known]} already; a recording has a file of its own, and "
                "one learner's consent never covers another's. Keep the line of the learner who speaks."
            )
        seen[known] = where
