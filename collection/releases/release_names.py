"""The names that releases were given under a key, so that no name, and no pseudonym with it, serves two releases.

A JSONL file of ``{"name": NAME, "identity": SHA-256}`` beside the key, readable by its owner only. Two releases of one
name share every identifier: whoever holds both joins them, and sees in one what the other hides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collection import manifest
from collection.errors import IntakeError, ReleaseError


def beside(key: Path) -> Path:
    """Return the path of a key's list of names."""
    return key.with_name(f"{key.name}.releases.jsonl")


def check(path: Path, identity: Mapping[str, Any]) -> None:
    """Raise ``ReleaseError`` when the name in ``identity`` was given to a release of another identity."""
    _check(read(path), identity)


def claim(path: Path, identity: Mapping[str, Any]) -> None:
    """Note the name of a release before it is shown to anyone; ``ReleaseError`` as for ``check``."""
    with manifest.lock(path):
        names = read(path)
        _check(names, identity)
        names[identity["name"]] = _digest(identity)
        lines = (json.dumps({"name": name, "identity": digest}) + "\n" for name, digest in names.items())
        manifest.atomic_write(path, "".join(lines), mode=0o600)


def read(path: Path) -> dict[str, str]:
    """Return the digest of the identity behind every name; an absent file is empty."""
    try:
        entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return {entry["name"]: entry["identity"] for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise IntakeError(
            f"{path.name} is damaged: restore it from a copy; it keeps names from being reused."
        ) from None


def _check(names: Mapping[str, str], identity: Mapping[str, Any]) -> None:
    if names.get(identity["name"], _digest(identity)) != _digest(identity):
        raise ReleaseError(
            f"the name {identity['name']} was given to a release with other settings or other input under this key; "
            "two of one name could be joined row by row. Choose another name."
        )


def _digest(identity: Mapping[str, Any]) -> str:
    # The same command on a later day makes the same release.
    return manifest.fingerprint({field: value for field, value in identity.items() if field != "on"})
