"""Fixtures every package's tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

# Tiny models gain nothing from threads, and tests beside each other lose much; set before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if torch := sys.modules.get("torch"):  # without xdist, the portal's settings have loaded it before this file
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
# No test is timed: on a machine with much to do every deadline passes.
settings.register_profile("parlure", deadline=None)
settings.load_profile("parlure")


LONGEST = (
    "test_train.py",
    "test_recordings_killed.py",
    "test_recordings_browser.py",
    "test_demo.py",
    "test_ray_runner.py",
)
"""Files whose tests start programs and wait for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: each is one worker's, and the others fill what is left."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, or a skip that says how to provide it."""
    folder = Path(os.environ.get("PARLURE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set PARLURE_SHARED to the folder that holds corpora/ and models/")
    return folder


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return what runs a verb in this process: the libraries load once, and not for every command."""

    def run(module: str, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        monkeypatch.chdir(Path(__file__).parents[1])
        try:
            found = import_module(module)
            (import_module(f"{module}.__main__") if hasattr(found, "__path__") else found).main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run
