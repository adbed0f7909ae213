"""Dynamic int8 of an ONNX graph: weights rounded once, inputs of each matrix as they come.

Weights get 7 bits an output channel: with 8, processors without VNNI instructions overflow and hear something else than
others. Attention, convolutions, norms and the few matrices that rounding would harm stay in float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.network.onnx_model import open_session

ROUGH = 0.25
"""Largest rounding step of a matrix's inputs, as a share of their root mean square, at which the matrix is rounded.

Encoders have layers where a few values are hundreds of times the rest: rounded by their measure the others vanish. In
whisper-base the three matrices above it (steps of 0.7 to 1.6, all others below 0.2) carry five sixths of the harm.
"""
RARE = 0.001
"""Share of the largest values left out of that root mean square."""


def quantise(source: Path, target: Path, feeds: Sequence[dict[str, np.ndarray]]) -> list[str]:
    """Write the int8 twin of a graph; return the names of the matrices that stay in float32.

    ``feeds`` are inputs, by name, on which the spread of every matrix's inputs is measured.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="parlure-int8-") as temporary:
        prepared = Path(temporary) / source.name
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        kept = sorted(name for name, step in steps(prepared, feeds).items() if step > ROUGH)
        quantize_dynamic(
            prepared,
            target,
            op_types_to_quantize=["MatMul", "LSTM"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
    return kept


def steps(graph: Path, feeds: Sequence[dict[str, np.ndarray]]) -> dict[str, float]:
    """Return how coarse 8 bits are for the inputs of each matrix, by its name: the step over their root mean square."""
    import onnx

    model = onnx.load(graph)
    weights = {one.name for one in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    given = {one.name for one in model.graph.output}
    wanted = sorted({node.input[0] for node in nodes} - {one.name for one in model.graph.input})
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in given)
    session: Any = open_session(model.SerializeToString())
    found = dict.fromkeys((node.name for node in nodes), 0.0)
    for feed in feeds:
        values = feed | dict(zip(wanted, session.run(wanted, feed), strict=True))
        for node in nodes:
            found[node.name] = max(found[node.name], _step(values[node.input[0]]))
    return found


def _step(values: np.ndarray) -> float:
    """Return the step of 255 that cover the values and 0, over the root mean square of all but the largest."""
    sizes = np.sort(np.abs(values), axis=None)
    common = sizes[: max(1, int(np.ceil(sizes.size * (1 - RARE))))].astype(np.float64)
    size = float(np.sqrt(np.square(common).mean()))
    spread = max(float(values.max()), 0.0) - min(float(values.min()), 0.0)
    return spread / 255 / size if size else 0.0
