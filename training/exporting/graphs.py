"""What of a checkpoint becomes an ONNX graph: modules, example inputs, and the axes that may have any length.

A further graph is a further entry of ``graphs``: export, comparison, int8 and the manifest go over the list.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from collection.schema import SAMPLE_RATE
from training.errors import EncoderError, ModelError
from training.network.features import Features
from training.network.model import PhoneModel
from training.network.onnx_model import FRAMES, LOG_PROBS, RECOGNISER, STATES, open_session

OPSET = 17
TOLERANCE = 1e-3
"""Largest difference between a graph's outputs and its module's, relative where values are above 1."""
EXAMPLE_SECONDS = ((1.5, 1.0), (0.77,), (0.5, 1.9, 1.25))
"""Batches of noise a graph is traced on (the first) and compared on (all)."""


@dataclass(frozen=True)
class Graph:
    """One network: inputs and outputs by name with their axes of any length, and batches of example inputs."""

    name: str
    module: nn.Module
    inputs: dict[str, dict[int, str]]
    outputs: dict[str, dict[int, str]]
    examples: tuple[tuple[Tensor, ...], ...]

    @property
    def feeds(self) -> list[dict[str, np.ndarray]]:
        """The examples as ONNX Runtime takes them."""
        return [dict(zip(self.inputs, (one.numpy() for one in each), strict=True)) for each in self.examples]


def graphs(model: PhoneModel, features: Features, states: Sequence[int]) -> list[Graph]:
    """Return every graph of a checkpoint."""
    return [recogniser(model, features, states)]


class Recogniser(nn.Module):
    """Inputs to log posteriors, the number of real frames, and the encoder's ``layers`` where there are any."""

    def __init__(self, model: PhoneModel, layers: Sequence[int]) -> None:
        super().__init__()
        self.model, self.layers = model, tuple(layers)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return (batch, frames, phones + 1), (batch,) and, with layers, (batch, frames, layers, width)."""
        model = self.model
        hidden = model.encoder(inputs, lengths)
        read = torch.cat([hidden[layer] for layer in model.config.layers], dim=-1)
        frames = model.encoder.state_lengths(lengths).clamp(max=read.shape[1])
        found = (model.head(read, frames).float().log_softmax(-1), frames)
        return (*found, torch.stack([hidden[layer] for layer in self.layers], 2)) if self.layers else found


def recogniser(model: PhoneModel, features: Features, states: Sequence[int]) -> Graph:
    """Return the graph from inputs to posteriors; ``states`` are the layers it also gives, numbered as for the head."""
    depth = model.encoder.depth
    if any(not -depth - 1 <= layer <= depth for layer in states):
        raise EncoderError(f"states={list(states)}: this encoder has states 0 to {depth} (or -{depth + 1} to -1).")
    examples = speech_like(features)
    length = examples[0][0].ndim - 1
    outputs = {LOG_PROBS: {0: "batch", 1: "frames"}, FRAMES: {0: "batch"}, STATES: {0: "batch", 1: "frames"}}
    if not states:
        outputs.pop(STATES)
    inputs = {"inputs": {0: "batch", length: "length"}, "lengths": {0: "batch"}}
    return Graph(RECOGNISER, Recogniser(model, states).eval(), inputs, outputs, examples)


def speech_like(features: Features) -> tuple[tuple[Tensor, ...], ...]:
    """Return batches of inputs from noise at the level of speech, each (inputs, lengths)."""
    random = np.random.default_rng(0)
    batches = []
    for seconds in EXAMPLE_SECONDS:
        sounds = [random.normal(0, 0.1, int(each * SAMPLE_RATE)).astype(np.float32) for each in seconds]
        batches.append(tuple(torch.from_numpy(array) for array in features(sounds)))
    return tuple(batches)


@torch.no_grad()
def write(graph: Graph, path: Path) -> None:
    """Write a graph in float32. Raises ``ModelError`` for one over the 2 GB that a file of ONNX can hold."""
    size = sum(one.numel() * one.element_size() for one in graph.module.parameters())
    if size > 2**31 - 2**24:
        raise ModelError(f"{graph.name} has {size / 2**30:.1f} GiB of weights; an exported model holds 2 at most.")
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Of constants in the trace: the comparison at other batches and lengths is what tells.
        warnings.simplefilter("ignore")
        # The tracing exporter: the one by torch.export fails on LSTMs over any length (torch 2.11, onnxscript 0.7).
        torch.onnx.export(
            graph.module,
            graph.examples[0],
            file,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={**graph.inputs, **graph.outputs},
        )
    path.write_bytes(file.getbuffer())


@torch.no_grad()
def difference(graph: Graph, path: Path) -> float:
    """Return the largest |found - expected| / max(1, |expected|) of a written graph's outputs, all examples."""
    session = open_session(path)
    worst = 0.0
    for example, feed in zip(graph.examples, graph.feeds, strict=True):
        for expected, found in zip(graph.module(*example), session.run(list(graph.outputs), feed), strict=True):
            if tuple(expected.shape) != found.shape or not np.isfinite(found).all():
                return float("inf")
            exact = expected.numpy()
            worst = max(worst, float((np.abs(found - exact) / np.maximum(1, np.abs(exact))).max()))
    return worst
