"""The checkpoints that a build listens with, known by what they hold: another one at the same path is another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from collection import manifest
from collection.withdrawal import withdrawn


def contents(models: Iterable[str | None]) -> dict[str, str]:
    """Return what checkpoints hold (SHA-256), by the path that was given; a name that is no path here has no entry.

    The mark of a withdrawal is no part of it: a marked checkpoint hears what it heard before.
    """
    given = {model: Path(model).expanduser() for model in models if model}
    return {model: manifest.content_sha256(path, (withdrawn.NAME,)) for model, path in given.items() if path.exists()}


def by_content(settings: Mapping[str, Any], checkpoints: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a listener with the content of its ``model`` in the place of its path."""
    model = settings["model"]
    return {**settings, "model": f"sha256:{checkpoints[model]}" if model in checkpoints else model}
