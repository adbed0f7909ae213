"""What an assessment of a short utterance costs on one CPU core: as a checkpoint, exported, and exported in int8.

Each is measured in a process of its own, beside the forward pass of its encoder alone, which nobody can avoid: the two
take turns, and CPU seconds are counted, so that a busy machine changes little. Called by ``eval.bench``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from collection import audio
from collection.importers import speechocean762
from collection.schema import SAMPLE_RATE
from eval.errors import BenchError

UTTERANCES = 8
"""Real utterances, those of lengths nearest to the one asked for."""
SEARCHED = 300
"""Recordings of the corpus among which they are looked for."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Cost:
    """One way to run a model: CPU ms an utterance (medians), and what it takes to be there at all."""

    way: str
    audio_s: float
    """Mean length of the utterances, s."""
    assess_ms: float
    posteriors_ms: float
    """Of it, from the waveform to posteriors."""
    encoder_ms: float
    ratio: float
    """Median over utterances of assessment / encoder alone."""
    load_s: float
    """CPU s from the start of the process to the end of the first assessment."""
    peak_mib: float
    """Peak memory of a process that only assesses: before the encoder alone is loaded."""
    size_mib: float

    def row(self) -> tuple[str, ...]:
        """Return the table row; the real-time factor is CPU time / length of the sound."""
        times = (self.assess_ms, self.posteriors_ms, self.encoder_ms)
        return (
            self.way,
            *(f"{value:.0f} ms" for value in times),
            f"{self.ratio:.2f}",
            f"{self.assess_ms / 1000 / self.audio_s:.3f}",
            f"{self.load_s:.1f} s",
            f"{self.peak_mib:.0f} MiB",
            f"{self.size_mib:.0f} MiB",
        )


HEADINGS = ("way", "assess", "posteriors", "encoder", "ratio", "RTF", "first", "memory", "disk")


def table(corpus: Path, model: Path, seconds: float, repeats: int, scratch: Path) -> Table:
    """Return the costs of a checkpoint for real utterances of about ``seconds``, as a table."""
    found = costs(utterances(corpus, seconds), model, repeats, scratch)
    shown = Table(*HEADINGS, title=f"utterances of {found[0].audio_s:.1f} s on one core")
    for cost in found:
        shown.add_row(*cost.row())
    return shown


def costs(chosen: list[tuple[str, np.ndarray]], model: Path, repeats: int, scratch: Path) -> list[Cost]:
    """Return what assessing these (text, waveform) costs: by the checkpoint, exported, and exported in int8."""
    ways = prepare(chosen, model, scratch)
    return [_in_its_own_process(way, folder, scratch, repeats) for way, folder in ways.items()]


def prepare(chosen: list[tuple[str, np.ndarray]], model: Path, scratch: Path) -> dict[str, Path]:
    """Write what the measuring processes need; return the model folder of each way."""
    from training.export import ExportConfig, export

    np.savez(scratch / "sounds.npz", *(sound for _, sound in chosen))
    (scratch / "texts.json").write_text(json.dumps([text for text, _ in chosen]), "utf-8")
    _write_encoder(model, scratch)
    return {
        "torch": model,
        "ONNX": export(ExportConfig(str(model), str(scratch / "onnx"))),
        "ONNX int8": export(ExportConfig(str(model), str(scratch / "int8"), int8=True)),
    }


def utterances(corpus: Path, seconds: float) -> list[tuple[str, np.ndarray]]:
    """Return (text, waveform) of real readings, those nearest to a length first."""
    found = []
    for recording in speechocean762.read(corpus).recordings[:SEARCHED]:
        found.append((" ".join(recording.prompts), audio.decode(recording.path, audio.AudioLimits()).samples))
    return sorted(found, key=lambda one: abs(len(one[1]) / SAMPLE_RATE - seconds))[:UTTERANCES]


def _write_encoder(model: Path, scratch: Path) -> None:
    """Write the encoder alone as ONNX, exact and in int8."""
    import torch
    from torch import Tensor, nn

    from training.exporting import graphs, quantise
    from training.network.features import Features
    from training.network.model import PhoneModel

    class Encoder(nn.Module):
        def __init__(self, inner: PhoneModel) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
            last: Tensor = self.inner.encoder(inputs, lengths)[-1]
            return last

    checkpoint = PhoneModel.from_pretrained(model, dtype=torch.float32).train(False)
    whole = graphs.recogniser(checkpoint, Features.of(checkpoint.frontend), [])
    outputs = {"states": {0: "batch", 1: "frames"}}
    graph = graphs.Graph("encoder", Encoder(checkpoint).eval(), whole.inputs, outputs, whole.examples)
    graphs.write(graph, scratch / "onnx.encoder")
    quantise.quantise(scratch / "onnx.encoder", scratch / "int8.encoder", graph.feeds)


def _in_its_own_process(way: str, folder: Path, scratch: Path, repeats: int) -> Cost:
    settings = {**os.environ, **dict.fromkeys(THREADS, "1")}
    command = [sys.executable, "-m", "eval.speed.latency", way, str(folder), str(scratch), str(repeats)]
    done = subprocess.run(command, env=settings, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        raise BenchError(f"{way} could not be measured: {done.stderr.strip()[-500:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def measure(way: str, folder: Path, scratch: Path, repeats: int) -> Cost:
    """Measure one way to run a model, in this process."""
    import torch

    torch.set_num_threads(1)
    from training.assess import Assessor

    with np.load(scratch / "sounds.npz") as stored:
        sounds = [stored[name] for name in stored.files]
    texts = json.loads((scratch / "texts.json").read_text("utf-8"))
    assessor = Assessor.from_pretrained(folder, "cpu")
    assessor.assess(sounds[0], texts[0])
    load = time.process_time()
    for sound, text in zip(sounds, texts, strict=True):
        assessor.assess(sound, text)
    peak = _peak_mib()
    encode = _encoder(assessor.model, folder, scratch)
    encode(sounds[0])
    spent: list[tuple[float, float, float]] = []
    for sound, text in zip(sounds, texts, strict=True):
        turns = [
            (
                _cpu_ms(lambda: assessor.assess(sound, text)),  # noqa: B023
                _cpu_ms(lambda: assessor.model.hear([sound])),  # noqa: B023
                _cpu_ms(lambda: encode(sound)),  # noqa: B023
            )
            for _ in range(repeats)
        ]
        spent.append(tuple(median(column) for column in zip(*turns, strict=True)))  # type: ignore[arg-type]
    return Cost(
        way=way,
        audio_s=sum(len(sound) for sound in sounds) / len(sounds) / SAMPLE_RATE,
        assess_ms=median(each[0] for each in spent),
        posteriors_ms=median(each[1] for each in spent),
        encoder_ms=median(each[2] for each in spent),
        ratio=median(each[0] / each[2] for each in spent),
        load_s=load,
        peak_mib=peak,
        size_mib=sum(path.stat().st_size for path in folder.iterdir()) / 2**20,
    )


def _encoder(model: Any, folder: Path, scratch: Path) -> Callable[[np.ndarray], object]:
    """Return the forward pass of a model's encoder on the inputs of one waveform; inputs are made beforehand."""
    from training.network.onnx_model import OnnxPhoneModel, open_session

    ready: dict[int, Any] = {}
    if isinstance(model, OnnxPhoneModel):
        session = open_session(scratch / f"{folder.name}.encoder")

        def run(sound: np.ndarray) -> object:
            if id(sound) not in ready:
                inputs, lengths = model.features([sound])
                ready[id(sound)] = {"inputs": inputs, "lengths": lengths}
            return session.run(None, ready[id(sound)])

        return run
    import torch

    @torch.inference_mode()
    def forward(sound: np.ndarray) -> object:
        if id(sound) not in ready:
            ready[id(sound)] = model.frontend([sound])
        return model.encoder(*ready[id(sound)])

    return forward


def _peak_mib() -> float:
    """Return the peak memory of this process; the kernel's other figure, ru_maxrss, remembers the parent's."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def _cpu_ms(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return 1000 * (time.process_time() - before)


if __name__ == "__main__":
    cost = measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")
