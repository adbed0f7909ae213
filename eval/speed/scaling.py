"""How the speed of a build grows with its workers, on each runner, against one local worker of the same run.

Times are of the clock and of the whole command, from the start of Python (and of Ray) to the finished release.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from collection.release import read_release
from collection.runner import Runner
from eval.errors import BenchError


@dataclass(frozen=True)
class Scaling:
    """Clock seconds of the same build, repeated, on a runner with so many workers."""

    runner: Runner
    workers: int
    audio_s: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the repetitions, in seconds."""
        return statistics.median(self.seconds)

    def row(self, baseline: Scaling) -> tuple[str, ...]:
        """Return the table row; the last column is the speed as a multiple of the baseline's."""
        clock = (f"{self.median:.1f} s", f"{min(self.seconds):.1f} to {max(self.seconds):.1f}")
        speed = f"{self.audio_s / self.median:.0f} x"
        return (self.runner.value, str(self.workers), *clock, speed, f"{baseline.median / self.median:.2f}")


def table(corpus: Path, key: Path, scratch: Path, workers: Sequence[int], repeats: int) -> Table:
    """Measure every runner that is installed with every number of workers; the first number is the baseline."""
    ways = [(runner, count) for runner in _installed() for count in workers]
    seconds: dict[tuple[Runner, int], list[float]] = {way: [] for way in ways}
    made: list[dict[str, Any]] = []
    # All ways in turn, again and again, so that a busy moment of the machine falls on each of them.
    for _ in range(repeats):
        for runner, count in ways:
            out = scratch / "scaling"
            seconds[runner, count].append(_timed_build(corpus, key, out, runner, count))
            made.append(read_release(out).manifest)
            check_same(made[0]["files"], made[-1]["files"], f"runner={runner.value} workers={count}")
            shutil.rmtree(out)
    audio_s = made[0]["kept"]["seconds"]
    figures = [Scaling(runner, count, audio_s, tuple(seconds[runner, count])) for runner, count in ways]
    title = f"Build of {audio_s / 60:.0f} min, median of {repeats}"
    printed = Table("runner", "workers", "clock", "range", "times real time", "speed / baseline", title=title)
    for figure in figures:
        printed.add_row(*figure.row(figures[0]))
    return printed


def check_same(first: Mapping[str, Any], other: Mapping[str, Any], how: str) -> None:
    """Raise ``BenchError`` when two manifests list other files or checksums: only equal work may be compared."""
    if first != other:
        names = sorted(name for name in {*first, *other} if first.get(name) != other.get(name))
        raise BenchError(f"The build with {how} made other bytes than the first one in {', '.join(names)}.")


def _installed() -> list[Runner]:
    return [runner for runner in Runner if runner is Runner.local or importlib.util.find_spec(runner.value)]


def _timed_build(corpus: Path, key: Path, out: Path, runner: Runner, workers: int) -> float:
    places = ["source=speechocean762", f"corpus={corpus}", f"out={out}", f"key={key}", "name=scaling"]
    settings = [*places, f"runner={runner.value}", f"workers={workers}"]
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "collection.build", *settings], capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        raise BenchError(f"The build with runner={runner.value} failed: {done.stderr.strip()[-500:]}")
    return time.monotonic() - started
