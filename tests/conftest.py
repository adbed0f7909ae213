"""Fixtures every package's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Tiny models gain nothing from threads, and tests beside each other lose much; set before torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test is timed: on a machine with much to do every deadline passes.
settings.register_profile("parlure", deadline=None)
settings.load_profile("parlure")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, or a skip that says how to provide it."""
    folder = Path(os.environ.get("PARLURE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set PARLURE_SHARED to the folder that holds corpora/ and models/")
    return folder
