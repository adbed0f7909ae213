"""The ledger of test readings: every look counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import readings
from eval.errors import ScoreError
from eval.readings import Reading


def look(model: str, inputs: str, split: str = "test", on: str = "2026-11-01") -> Reading:
    return Reading(on, split, f"model {model}", model * 64, inputs, "0.1.0")


def test_looks_are_counted_by_run_and_by_model(tmp_path: Path):
    path = readings.beside(tmp_path / "release")
    assert path == tmp_path / "release.readings.jsonl"
    assert readings.read(path) == []
    for one in (
        look("a", "1"),
        look("a", "2", on="2026-11-02"),
        look("b", "3", on="2026-11-03"),
        look("b", "9", "val"),
    ):
        known = readings.note(path, one)
    assert known == readings.read(path)
    assert readings.told(known, "test", "1") == {"number": 1, "models": 1, "first_on": "2026-11-01", "on": "2026-11-01"}
    assert readings.told(known, "test", "2")["models"] == 1
    assert readings.told(known, "test", "3") == {"number": 3, "models": 2, "first_on": "2026-11-01", "on": "2026-11-03"}


def test_a_run_that_goes_on_is_the_same_look(tmp_path: Path):
    path = tmp_path / "ledger.jsonl"
    readings.note(path, look("a", "1"))
    assert readings.note(path, look("a", "1", on="2026-11-09")) == [look("a", "1")]


@pytest.mark.parametrize("line", ["not json", '{"on": "2026-11-01"}', "[]"])
def test_a_damaged_ledger_is_refused(tmp_path: Path, line: str):
    path = tmp_path / "ledger.jsonl"
    readings.note(path, look("a", "1"))
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(ScoreError, match="line 2 is no reading"):
        readings.note(path, look("b", "2"))
