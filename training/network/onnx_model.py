"""An exported phone model: the same posteriors as its checkpoint, from ONNX Runtime instead of torch's networks.

Made by ``training.export``, opened by ``checkpoints.open_model``. Neither the library of the encoders nor any part that
trains is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from collection import manifest
from training.errors import ModelError
from training.network.features import Features
from training.network.posteriors import Heard
from training.network.scorer import Scorer, ScorerBatch, ScorerOutput, ScorerShape

FORMAT = "parlure-onnx/1"
CONFIG = "config.json"
RECOGNISER = "recogniser"
SCORER = "scorer.safetensors"
LOG_PROBS, FRAMES, STATES = "log_probs", "frames", "states"
"""Outputs of the recogniser: (batch, frames, phones + 1), (batch,) the real ones, (batch, frames, layers, width)."""


def is_exported(folder: Path) -> bool:
    """Whether a folder holds an exported model, finished or not."""
    try:
        return str(json.loads((folder / CONFIG).read_text("utf-8"))["format"]).startswith("parlure-onnx/")
    except (OSError, ValueError, KeyError, TypeError):
        return False


class OnnxPhoneModel:
    """A ``PosteriorModel`` from an exported folder; ``config`` has what the checkpoint's had.

    ``device`` is ``cpu`` (default) or ``cuda``, which needs ONNX Runtime's build for GPUs. On the CPU it takes as many
    threads as torch is set to. Raises ``ModelError`` for a folder that is unfinished, damaged or of another version.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.folder = folder
        self._sessions: dict[str, Any] = {}
        if manifest.read(folder) is None:
            raise ModelError(f"{folder} is an unfinished export: run the same training.export command again.")
        try:
            facts = json.loads((folder / CONFIG).read_text("utf-8"))
            if facts["format"] != FORMAT:
                raise ModelError(
                    f"{folder} is of format {facts['format']}, this version reads {FORMAT}: export the checkpoint "
                    "again with training.export."
                )
            self.config = SimpleNamespace(**facts["model"])
            self.frame_seconds = float(facts["frame_seconds"])
            self.precision = str(facts["precision"])
            self._one_by_one = bool(facts["one_by_one"])
            self._graphs = {name: folder / one["file"] for name, one in facts["graphs"].items()}
            self.features = Features.load(folder, facts["features"])
            self._layers = [int(layer) for layer in facts["states"]]
            self._scorer = _scorer(folder, self.config.scorer)
            self._scorers = None if self._scorer is None else self._scorer.together()
            self._providers = _providers(device)
            self._outputs = [one.name for one in self._session(RECOGNISER).get_outputs()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"{folder} holds an exported model that cannot be read ({error}): export the checkpoint again with "
                "training.export."
            ) from error

    def hear(self, waveforms: Sequence[np.ndarray], layers: Sequence[int] = ()) -> list[Heard]:
        """Return posteriors of each waveform, the same alone as in a batch, with the states of these layers.

        Only the layers that the export was told to give can be asked for; ``ModelError`` otherwise.

        In int8 inputs are rounded by the loudest of a batch, and group-norm encoders take no padding mask: both hear
        one waveform at a time.
        """
        if layers and list(layers) != self._layers:
            raise ModelError(f"{self.folder} gives states {self._layers}, not {list(layers)}: export with states=….")
        batches = [[waveform] for waveform in waveforms] if self._one_by_one else [list(waveforms)]
        found: list[Heard] = []
        for batch in batches:
            inputs, lengths = self.features(batch)
            given = self.run(RECOGNISER, {"inputs": inputs, "lengths": lengths})
            table = given[LOG_PROBS]
            states = torch.from_numpy(given[STATES]).unbind(2) if layers else ()
            found += [
                Heard(torch.from_numpy(table[row, :count]), tuple(layer[row, :count] for layer in states))
                for row, count in enumerate(given[FRAMES].tolist())
            ]
        return found

    @property
    def threshold(self) -> float | None:
        """Probability of a mispronunciation from which a phone is flagged; ``None`` without a scorer."""
        return None if self._scorer is None else float(self._scorer.threshold)

    @torch.inference_mode()
    def score(self, batch: ScorerBatch) -> ScorerOutput:
        """Return the scores of phones, words and utterances; the scorer is small enough for torch to run it."""
        assert self._scorer is not None  # noqa: S101
        return cast(ScorerOutput, self._scorer(batch, self._scorers))

    def run(self, graph: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return all outputs of one graph by name."""
        session = self._session(graph)
        names = [one.name for one in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    def _session(self, graph: str) -> Any:
        if graph not in self._sessions:
            self._sessions[graph] = open_session(self._graphs[graph], self._providers)
        return self._sessions[graph]


def _scorer(folder: Path, shape: dict[str, Any] | None) -> Scorer | None:
    if shape is None:
        return None
    scorer = Scorer(ScorerShape(**shape))
    scorer.load_state_dict(load_file(folder / SCORER))
    return scorer.train(False)


def open_session(graph: Path | bytes, providers: Sequence[str] = ("CPUExecutionProvider",)) -> Any:
    """Return an ONNX Runtime session with torch's number of threads; raises ``ModelError`` where it cannot be read."""
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    try:
        return runtime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), options, list(providers))
    except Exception as error:  # the runtime's errors share no base of their own
        where = "a graph" if isinstance(graph, bytes) else graph
        raise ModelError(f"ONNX Runtime cannot read {where}: export the checkpoint again. ({error})") from error


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            "An exported model needs ONNX Runtime: .venv/bin/uv pip install 'parlure[onnx]' (or onnxruntime)."
        ) from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _providers(device: str | None) -> list[str]:
    kind = (device or "cpu").split(":")[0]
    available = _runtime().get_available_providers()
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    if kind == "cuda" and "CUDAExecutionProvider" in available:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    raise ModelError(
        f"device={device}: this ONNX Runtime has {', '.join(available)}. Give device=cpu, install onnxruntime-gpu for "
        "cuda, or use the checkpoint this was exported from."
    )
