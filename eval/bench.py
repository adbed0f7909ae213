"""Speed and memory on this machine's CPU, as ratios against a baseline of the same run.

    python -m eval.bench corpus=../shared/corpora/speechocean762
    python -m eval.bench corpus=../shared/corpora/speechocean762 parts=[scaling]
    python -m eval.bench corpus=../shared/corpora/speechocean762 parts=[latency] model=runs/my-model/model
    python -m eval.bench parts=[gop,bootstrap]

Speeds are audio-seconds a CPU-second (multiples of real time a core), so that a busy machine changes them little. The
baseline beside each is what nobody can avoid: decoding the same files and finding speech in them.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import soundfile
import torch
from rich.table import Table

from collection import audio, cli, keys, quality
from collection.importers import speechocean762
from collection.schema import SAMPLE_RATE
from collection.segment import SegmentConfig, Segmenter, cut
from collection.sound import sandbox
from eval.errors import BenchError
from eval.speed import bootstrap, gop, latency, scaling


class Part(StrEnum):
    """One table of the benchmark."""

    speed = "speed"
    memory = "memory"
    scaling = "scaling"
    gop = "gop"
    bootstrap = "bootstrap"
    latency = "latency"
    """What an assessment costs; needs ``model``."""


@dataclass
class BenchConfig:
    """What is measured."""

    corpus: str | None = None
    """Folder of speechocean762, real learner speech; all parts but gop and bootstrap need it."""
    parts: list[Part] = field(default_factory=lambda: [Part.speed, Part.memory, Part.scaling])
    """Tables to measure."""
    model: str | None = None
    """Checkpoint whose assessments are timed, as it is and exported."""
    latency_seconds: float = 3.0
    """Length of the utterances it assesses, s; the corpus's nearest are taken."""
    latency_repeats: int = 5
    """Assessments of each of them; the median counts."""
    hours: float = 1.0
    """Length of the recording that is segmented."""
    memory_recordings: list[int] = field(default_factory=lambda: [200, 400, 800])
    """Numbers of recordings for which the peak memory of a build is measured."""
    scaling_recordings: int = 1000
    """Recordings of the build whose clock time is measured on each runner; few make its start weigh more."""
    scaling_workers: list[int] = field(default_factory=lambda: [1, 2])
    """Numbers of workers on each runner; the first is the baseline."""
    repeats: int = 3
    """Repetitions of each of these builds; the median counts."""


@dataclass(frozen=True)
class Speed:
    """Audio-seconds a CPU-second of a task and of its baseline."""

    task: str
    audio_s: float
    cpu_s: float
    baseline_cpu_s: float

    def row(self) -> tuple[str, ...]:
        """Return the table row: speeds, and CPU time as a multiple of the baseline's."""
        speeds = (self.audio_s / self.cpu_s, self.audio_s / self.baseline_cpu_s)
        return (self.task, *(f"{value:.0f} x" for value in speeds), f"{self.cpu_s / self.baseline_cpu_s:.2f}")


def bench(config: BenchConfig) -> None:
    """Measure and print."""
    spoken = [part for part in config.parts if part not in {Part.gop, Part.bootstrap}]
    if spoken and config.corpus is None:
        raise BenchError(
            f"{', '.join(spoken)}: measured on real speech; give corpus=FOLDER of speechocean762, or parts=gop."
        )
    corpus = cli.existing(config.corpus, "Corpus") if config.corpus is not None else Path()
    if Part.latency in config.parts and config.model is None:
        raise BenchError("parts=[latency] times the assessments of a checkpoint: give model=FOLDER.")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="parlure-bench-") as temporary:
        scratch = Path(temporary)
        key = scratch / "key" / "bench.key"
        key.parent.mkdir()
        keys.create_key(key)
        if Part.speed in config.parts:
            speeds = Table("task", "speed a core", "decoding + VAD alone", "CPU time / baseline")
            speeds.add_row(*segmentation(corpus, config.hours, scratch).row())
            speeds.add_row(*release(corpus, key, scratch).row())
            cli.console.print(speeds)
        if Part.memory in config.parts:
            memory = Table("recordings", "peak memory of the build", "its CPU seconds")
            for count in config.memory_recordings:
                cpu, peak = build(_part(corpus, count, scratch / f"part-{count}"), key, scratch / f"memory-{count}")
                memory.add_row(str(count), f"{peak:.0f} MiB", f"{cpu:.0f}")
            cli.console.print(memory)
        if Part.scaling in config.parts:
            part = _part(corpus, config.scaling_recordings, scratch / "scaling-part")
            cli.console.print(scaling.table(part, key, scratch, config.scaling_workers, config.repeats))
        if Part.gop in config.parts:
            cli.console.print(gop.table(repeats=20))
        if Part.bootstrap in config.parts:
            cli.console.print(bootstrap.table())
        if Part.latency in config.parts and config.model is not None:
            model = cli.existing(config.model, "Model folder")
            cli.console.print(latency.table(corpus, model, config.latency_seconds, config.latency_repeats, scratch))


def segmentation(corpus: Path, hours: float, scratch: Path) -> Speed:
    """Cut one long recording into measured FLAC utterances, beside decoding + VAD of the same file."""
    path = scratch / "long.flac"
    seconds = _long_recording(corpus, hours * 3600, path)
    limits, segmenter = audio.AudioLimits(), Segmenter(SegmentConfig())

    def alone() -> None:
        segmenter.probabilities(audio.decode(path, limits).samples)

    def whole() -> None:
        samples = audio.decode(path, limits).samples
        for interval in segmenter.intervals(samples):
            piece = cut(samples, interval)
            quality.judge(quality.measure(piece), quality.QualityPolicy())
            audio.encode_flac(piece)

    alone()  # the first pass pays for compilation, whichever it is
    baseline = _cpu_seconds(alone)
    return Speed(f"segmentation of {hours:g} h", seconds, _cpu_seconds(whole), baseline)


def release(corpus: Path, key: Path, scratch: Path) -> Speed:
    """Import the corpus and build its release in one process, beside decoding + VAD of its files."""
    recordings = speechocean762.read(corpus).recordings
    limits, segmenter = audio.AudioLimits(), Segmenter(SegmentConfig())
    seconds = 0.0

    def alone() -> None:
        nonlocal seconds
        for recording in recordings:
            samples = audio.decode(recording.path, limits).samples
            segmenter.probabilities(samples)
            seconds += len(samples) / SAMPLE_RATE

    baseline = _cpu_seconds(alone)
    cpu, _ = build(corpus, key, scratch / "release")
    return Speed(f"import + release, {len(recordings)} recordings", seconds, cpu, baseline)


def build(corpus: Path, key: Path, out: Path) -> tuple[float, float]:
    """Run ``collection.build`` in a process of its own; return its CPU seconds and peak memory in MiB, children too."""
    places = [f"corpus={corpus}", f"out={out}", f"key={key}", f"name={out.name}"]
    settings = ["source=speechocean762", *places, "workers=0"]
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execve(sys.executable, [sys.executable, "-m", "collection.build", *settings], {**os.environ})  # noqa: S606
    _, status, used = os.wait4(child, 0)
    if status != 0:
        raise BenchError(f"The build of {corpus} failed. Run it by itself: python -m collection.build …")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _cpu_seconds(work: Callable[[], None]) -> float:
    """Return the CPU seconds of this process and of the decoding processes it started."""
    sandbox.close()  # what an earlier decoding process used belongs to somebody else
    before = _used()
    work()
    sandbox.close()  # its CPU seconds are counted when it has ended
    return _used() - before


def _used() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _long_recording(corpus: Path, seconds: float, path: Path) -> float:
    """Write real utterances with a second of faint noise between them to a FLAC file; return its length in seconds."""
    random = np.random.default_rng(0)
    total = 0
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, format="FLAC") as file:
        while total < seconds * SAMPLE_RATE:
            for samples in _sounds(corpus):
                pause = (1e-3 * random.standard_normal(SAMPLE_RATE)).astype(np.float32)
                file.write(np.concatenate([samples, pause]))
                total += len(samples) + SAMPLE_RATE
                if total >= seconds * SAMPLE_RATE:
                    break
    return total / SAMPLE_RATE


def _sounds(corpus: Path) -> Iterable[np.ndarray]:
    for recording in speechocean762.read(corpus).recordings:
        yield audio.decode(recording.path, audio.AudioLimits()).samples


def _part(corpus: Path, count: int, folder: Path) -> Path:
    """Copy the first recordings of the corpus, in its own layout."""
    (folder / "train").mkdir(parents=True)
    lines = (corpus / "train" / "wav.scp").read_text("utf-8").splitlines()[:count]
    kept = {line.split()[0] for line in lines}
    for name in ("wav.scp", "text", "utt2spk"):
        whole = (corpus / "train" / name).read_text("utf-8").splitlines()
        part = [line for line in whole if line.split()[0] in kept]
        (folder / "train" / name).write_text("\n".join(part) + "\n", "utf-8")
    for name in ("spk2age", "spk2gender"):
        shutil.copy(corpus / "train" / name, folder / "train" / name)
    shutil.copytree(corpus / "resource", folder / "resource")
    for line in lines:
        path = Path(line.split()[1])
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(corpus / path, folder / path)
    return folder


def main() -> None:
    """Entry point of the verb."""
    started = time.monotonic()
    cli.run_verb("bench", BenchConfig, bench)
    cli.console.print(f"{time.monotonic() - started:.0f} s in all.")


if __name__ == "__main__":
    main()
