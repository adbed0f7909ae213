"""Rounding to 8 bits: coarse where a few values are huge, and such matrices stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from training.exporting.graphs import Graph, write
from training.exporting.quantise import quantise, steps
from training.network.onnx_model import open_session


class TwoMatrices(nn.Module):
    """Two matrices side by side, the second one behind a factor that makes one column of a hundred huge."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.spiked = (nn.Linear(1000, 32, bias=False) for _ in range(2))
        self.factor = nn.Parameter(torch.ones(1000))

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.plain(values), self.spiked(values * self.factor)


@pytest.fixture
def graph() -> Graph:
    torch.manual_seed(0)
    module = TwoMatrices().eval()
    module.factor.data[0] = 1000
    values = torch.where(torch.arange(8000).reshape(8, 1000) % 2 == 0, 1.0, -1.0)
    axes = {0: "rows"}
    return Graph("two", module, {"values": axes}, {"plain": axes, "spiked": axes}, ((values,),))


def test_steps_are_measured_against_common_values(graph: Graph, tmp_path: Path) -> None:
    write(graph, tmp_path / "two.onnx")
    found = {name.split("/")[1]: step for name, step in steps(tmp_path / "two.onnx", graph.feeds).items()}
    # Values are 1 and -1, so their root mean square is 1; one in a thousand is 1000 and does not count for it.
    assert found == {"plain": pytest.approx(2 / 255), "spiked": pytest.approx(1001 / 255)}


def test_a_matrix_with_huge_inputs_stays_exact(graph: Graph, tmp_path: Path) -> None:
    write(graph, tmp_path / "two.onnx")
    kept = quantise(tmp_path / "two.onnx", tmp_path / "small.onnx", graph.feeds)
    assert [name.split("/")[1] for name in kept] == ["spiked"]
    kinds = [node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node]
    assert (kinds.count("MatMul"), kinds.count("MatMulInteger")) == (1, 1)
    exact, small = (open_session(tmp_path / name).run(None, graph.feeds[0]) for name in ("two.onnx", "small.onnx"))
    np.testing.assert_allclose(small[1], exact[1], rtol=1e-5)
    assert 0 < np.abs(small[0] - exact[0]).max() < 0.05 * np.abs(exact[0]).max()
