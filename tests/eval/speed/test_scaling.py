"""The scaling table compares like with like."""

from __future__ import annotations

import pytest

from collection.runner import Runner
from eval.errors import BenchError
from eval.speed.scaling import Scaling, check_same


def test_a_row_gives_the_median_and_multiples_of_real_time_and_of_the_baseline() -> None:
    baseline = Scaling(Runner.local, 1, audio_s=600.0, seconds=(12.0, 10.0, 9.0))
    other = Scaling(Runner.ray, 2, audio_s=600.0, seconds=(8.0, 4.0, 5.0))
    assert baseline.row(baseline) == ("local", "1", "10.0 s", "9.0 to 12.0", "60 x", "1.00")
    assert other.row(baseline) == ("ray", "2", "5.0 s", "4.0 to 8.0", "120 x", "2.00")


def test_builds_that_made_other_bytes_are_not_compared() -> None:
    first = {"README.md": {"sha256": "a"}, "data/train.parquet": {"sha256": "b"}}
    check_same(first, dict(first), "runner=ray workers=2")
    with pytest.raises(BenchError, match=r"runner=ray workers=2 .*in data/train.parquet\.$"):
        check_same(first, {**first, "data/train.parquet": {"sha256": "c"}}, "runner=ray workers=2")
    with pytest.raises(BenchError, match=r"README\.md"):
        check_same(first, {"data/train.parquet": {"sha256": "b"}}, "runner=ray workers=2")
