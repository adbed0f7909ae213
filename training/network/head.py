"""Encoder states to phone logits: what is learned on top of an encoder."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from training.errors import EncoderError

KERNEL = 5
"""Frames that one layer of a factored network hears."""


class HeadConfig(Protocol):
    """What a head reads of a checkpoint's configuration."""

    head: str
    head_size: int
    head_layers: int
    dropout: float
    mask_time: float
    mask_width: float


class PhoneHead(nn.Module):
    """States to phone logits: standardisation, optional context, one linear layer.

    Every dimension is brought to mean 0 and deviation 1 by figures measured on training speech and kept in the
    checkpoint: the states of one layer differ seventy-fold in size, and normalising a whole state lets the few large
    dimensions drown the rest.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.dropout = nn.Dropout(config.dropout)
        self.mask_time, self.mask_width = config.mask_time, config.mask_width
        self.context: nn.Module | None = None
        if config.head == "lstm":
            self.context = BiLSTM(width, config.head_size, config.head_layers, config.dropout)
            width = 2 * config.head_size
        elif config.head == "tdnnf":
            self.context = FactoredNetwork(width, config.head_size, config.head_layers, config.dropout)
            width = config.head_size
        elif config.head != "linear":
            raise EncoderError(
                f"head={config.head!r} is unknown. Choose linear, lstm or tdnnf; a checkpoint that has it was made "
                "by an older version: train it again."
            )
        self.classify = nn.Linear(width, classes)

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Return logits ``(batch, frames, classes)``; the padding after ``frames`` never reaches a real frame."""
        states = (states.to(self.mean.dtype) - self.mean) / self.deviation
        if self.training:
            states = spec_augment(states, self.mask_time, self.mask_width)
        if self.context is not None:
            states = self.context(states, frames)
        return cast(Tensor, self.classify(self.dropout(states)))


class FactoredNetwork(nn.Module):
    """A projection and gated residual layers over time, each hearing 5 frames through half as many dimensions.

    A time-delay network with its matrices factored in two (TDNN-F: Povey et al. 2018; the gate of Dauphin et al. 2017):
    half the arithmetic of whole convolutions.
    """

    def __init__(self, width: int, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(width, size)
        self.dropout = nn.Dropout(dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(layers))
        self.narrow = nn.ModuleList(nn.Linear(KERNEL * size, size // 2, bias=False) for _ in range(layers))
        self.widen = nn.ModuleList(nn.Linear(size // 2, 2 * size) for _ in range(layers))

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Return ``(batch, frames, size)`` of states ``(batch, frames, width)`` with ``frames`` real ones each."""
        total = states.shape[1]
        real = (torch.arange(total, device=states.device) < frames[:, None])[..., None]
        states = nn.functional.gelu(self.project(states))
        for norm, narrow, widen in zip(self.norms, self.narrow, self.widen, strict=True):
            seen = nn.functional.pad(self.dropout(norm(states)) * real, (0, 0, KERNEL // 2, KERNEL // 2))
            heard = torch.cat([seen[:, first : first + total] for first in range(KERNEL)], -1)
            states = states + nn.functional.glu(widen(narrow(heard)), -1)
        return states


class BiLSTM(nn.Module):
    """A projection and bidirectional LSTM layers over padded batches.

    Each direction is an LSTM of its own over sequences that begin at the left, the backward one over each sequence
    reversed within its own length: the same numbers as packing, at about a fifth of the time on a CPU, where packed
    sequences miss the fused kernels.
    """

    def __init__(self, width: int, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(width, size)
        self.dropout = nn.Dropout(dropout)
        inputs = [size] + [2 * size] * (layers - 1)
        self.ahead = nn.ModuleList(nn.LSTM(each, size, batch_first=True) for each in inputs)
        self.back = nn.ModuleList(nn.LSTM(each, size, batch_first=True) for each in inputs)

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Return ``(batch, frames, 2 x size)`` of states ``(batch, frames, width)`` with ``frames`` real ones each."""
        position = torch.arange(states.shape[1], device=states.device)
        last = frames[:, None] - 1
        mirror = torch.where(position <= last, last - position, position)[..., None]
        states = nn.functional.gelu(self.project(states))
        for ahead, back in zip(self.ahead, self.back, strict=True):
            states = self.dropout(states)
            mirrored = back(states.gather(1, mirror.expand_as(states)))[0]
            states = torch.cat([ahead(states)[0], mirrored.gather(1, mirror.expand_as(mirrored))], dim=-1)
        return states


def spec_augment(states: Tensor, time_share: float, width_share: float, span: int = 8) -> Tensor:
    """Return states with random spans of frames and one random band of dimensions set to 0 (Park et al. 2019).

    ``states`` (batch, frames, width); about ``time_share`` of each utterance's frames in spans of at most ``span``,
    and a band of at most ``width_share`` of the dimensions.
    """
    batch, total, width = states.shape
    device = states.device
    keep = torch.ones(batch, total, 1, dtype=torch.bool, device=device)
    if time_share > 0:
        # Spans are on average half of `span` long, hence the 2.
        chance = 2 * time_share / span
        starts = torch.rand(batch, total, device=device) < chance
        lengths = torch.randint(1, span + 1, (batch, total), device=device)
        position = torch.arange(total, device=device)
        ends = torch.where(starts, position + lengths, 0).cummax(1).values
        keep = ~(position < ends)[..., None]
    if width_share > 0:
        widths = (torch.rand(batch, 1, device=device) * width_share * width).long()
        first = (torch.rand(batch, 1, device=device) * (width - widths)).long()
        band = torch.arange(width, device=device)
        keep = keep & ~((band >= first) & (band < first + widths))[:, None, :]
    return states * keep
