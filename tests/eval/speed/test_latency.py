"""What an assessment costs is measured in all three ways, each in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collection.errors import ParlureError
from eval.bench import BenchConfig, Part, bench
from eval.speed import latency
from eval.speed.latency import Cost
from tests.training.test_export import checkpoint

RANDOM = np.random.default_rng(5)
CHOSEN = [("the cat", RANDOM.normal(0, 0.1, size).astype(np.float32)) for size in (16_000, 24_000)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    scratch = tmp_path_factory.mktemp("latency")
    return scratch, latency.prepare(CHOSEN, checkpoint(scratch, "whisper"), scratch)


@pytest.mark.parametrize("way", ["torch", "ONNX", "ONNX int8"])
def test_every_way_is_measured(prepared: tuple[Path, dict[str, Path]], way: str) -> None:
    scratch, ways = prepared
    cost = latency.measure(way, ways[way], scratch, 1)
    assert cost.audio_s == pytest.approx(1.25)
    # The tiny encoder is far less work than the rest of an assessment, which holds the posteriors.
    assert 0 < cost.encoder_ms < cost.assess_ms
    assert cost.posteriors_ms > 0
    assert cost.ratio > 1
    assert cost.size_mib == pytest.approx(sum(path.stat().st_size for path in ways[way].iterdir()) / 2**20)


def test_a_process_of_its_own_has_memory_of_its_own(prepared: tuple[Path, dict[str, Path]]) -> None:
    scratch, ways = prepared
    ballast = np.ones(2**28, np.uint8)
    cost = latency._in_its_own_process("ONNX", ways["ONNX"], scratch, 1)
    assert ballast.all()
    assert 50 < cost.peak_mib < latency._peak_mib() - 200
    with pytest.raises(ParlureError, match="nothing could not be measured: "):
        latency._in_its_own_process("nothing", scratch / "nothing", scratch, 1)


def test_a_row_has_a_cell_for_each_heading() -> None:
    cost = Cost("torch", 3.0, 180.0, 130.0, 100.0, 1.8, 9.5, 900.4, 90.0)
    row = cost.row()
    assert row == ("torch", "180 ms", "130 ms", "100 ms", "1.80", "0.060", "9.5 s", "900 MiB", "90 MiB")
    assert len(row) == len(latency.HEADINGS)


def test_the_part_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(ParlureError, match="give model=FOLDER"):
        bench(BenchConfig(corpus=str(tmp_path), parts=[Part.latency]))
