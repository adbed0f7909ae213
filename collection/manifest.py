"""Finished means a manifest: atomic writes, fingerprints and the marker that comes last."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Collection
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock

NAME = "manifest.json"


def canonical_json(value: Any) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, dates and enums as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON-like value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256(path: Path, but: Collection[str] = ()) -> str:
    """Return the SHA-256 (hex) of a file, or of the names and contents of a folder's files, but those named ``but``."""
    if path.is_file():
        return file_sha256(path)
    files = (file for file in path.rglob("*") if file.is_file() and file.name not in but)
    return fingerprint(sorted((file.relative_to(path).as_posix(), file_sha256(file)) for file in files))


def atomic_write(path: Path, data: bytes | str, mode: int = 0o666) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; ``mode`` is less the umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        # On a full disk the half of a file would take the room that the next attempt needs.
        partial.unlink(missing_ok=True)
        error.filename = error.filename or str(path)
        raise


def lock(path: Path, is_singleton: bool = False) -> FileLock:
    """Return the lock under which a file is read and written again; a singleton may be taken again by its holder."""
    return FileLock(path.with_name(f"{path.name}.lock"), mode=0o600, is_singleton=is_singleton)


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Mark a folder as finished; call it after everything else is on disk."""
    atomic_write(folder / NAME, json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a finished folder, ``None`` when it is not finished."""
    try:
        return dict(json.loads((folder / NAME).read_text("utf-8")))
    except FileNotFoundError:
        return None


@cache
def code_version() -> str:
    """Return the package version, with the commit where the code runs from a checkout."""
    version = metadata.version("parlure")
    here = Path(__file__).resolve().parent
    try:
        command = ["git", "-C", str(here), "rev-parse", "--short=12", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return version
    return f"{version}+{commit}"
