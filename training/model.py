"""Encoder + CTC phone head, one checkpoint: weights, inventory, feature extractor and lineage travel together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils.generic import ModelOutput

from collection.schema import SAMPLE_RATE, SCHEMA_VERSION
from training.encoder import Frontend, SpeechEncoder, WaveEncoder
from training.errors import EncoderError

BLANK = 0
"""CTC index of the blank; phone i of the inventory is CTC index i + 1."""


class PhoneModelConfig(PreTrainedConfig):  # type: ignore[misc]
    """Everything needed to rebuild the model without a Hub.

    ``encoder`` and ``feature_extractor`` are the configurations of the parts; ``layers`` are the encoder states the
    head reads, concatenated (0 is the first layer's input, negative counts from the end); ``head`` is ``linear`` or
    ``lstm``; ``mask_time`` (share of frames) and ``mask_width`` (share of dimensions) are SpecAugment on the head's
    input while training.
    """

    model_type = "parlure-phones"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        feature_extractor: dict[str, Any] | None = None,
        inventory: Sequence[str] = (),
        language: str = "",
        layers: Sequence[int] = (-1,),
        head: str = "linear",
        head_size: int = 256,
        head_layers: int = 2,
        dropout: float = 0.1,
        mask_time: float = 0.0,
        mask_width: float = 0.0,
        schema_version: str = SCHEMA_VERSION,
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder
        self.feature_extractor = feature_extractor
        self.inventory = list(inventory)
        self.language = language
        self.layers = list(layers)
        self.head = head
        self.head_size = head_size
        self.head_layers = head_layers
        self.dropout = dropout
        self.mask_time = mask_time
        self.mask_width = mask_width
        self.schema_version = schema_version
        super().__init__(**kwargs)


@dataclass
class PhoneOutput(ModelOutput):  # type: ignore[misc]
    """``loss`` (when labels are given), ``logits`` (batch, frames, phones + 1), ``frames`` (batch,): the real ones."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    frames: Tensor | None = None


class PhoneModel(PreTrainedModel):  # type: ignore[misc]
    """A phone recogniser: waveforms to CTC posteriors over a phone inventory."""

    config_class = PhoneModelConfig
    base_model_prefix = "phones"
    main_input_name = "inputs"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: PhoneModelConfig, encoder: SpeechEncoder | None = None) -> None:
        super().__init__(config)
        self.encoder_frozen = False
        self.encoder = encoder or SpeechEncoder.from_config(config.encoder or {})
        depth = self.encoder.depth
        if any(not -depth - 1 <= layer <= depth for layer in config.layers):
            raise EncoderError(f"layers={config.layers}: this encoder has states 0 to {depth} (or -{depth + 1} to -1).")
        self.head = PhoneHead(self.encoder.width * len(config.layers), len(config.inventory) + 1, config)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initialisation that each part's constructor made."""

    def freeze_encoder(self) -> None:
        """Stop the encoder from learning; it then stays in evaluation mode, without dropout or masks."""
        self.encoder.requires_grad_(False)
        self.encoder_frozen = True
        self.encoder.eval()

    def train(self, mode: bool = True) -> PhoneModel:
        """Switch training mode, of the head alone when the encoder is frozen."""
        super().train(mode)
        if self.encoder_frozen:
            self.encoder.eval()
        return self

    @property
    def frontend(self) -> Frontend:
        """Waveforms to inputs, for data loaders and inference."""
        return Frontend(self.config.encoder, self.config.feature_extractor)

    @property
    def frame_seconds(self) -> float:
        """Seconds between two frames of posteriors."""
        frontend = self.frontend
        return 1000 / (frontend.frames(1001 * SAMPLE_RATE) - frontend.frames(SAMPLE_RATE))

    def states(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the encoder states that the head reads, ``(batch, frames, width x layers)``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.encoder_frozen):
            hidden = self.encoder(inputs, lengths)
        return torch.cat([hidden[layer] for layer in self.config.layers], dim=-1)

    def forward(
        self,
        inputs: Tensor | None = None,
        lengths: Tensor | None = None,
        labels: Tensor | None = None,
        states: Tensor | None = None,
        frames: Tensor | None = None,
    ) -> PhoneOutput:
        """Return logits, and the CTC loss a phone when ``labels`` (batch, phones; padded with -100) are given.

        Give ``inputs`` with ``lengths``, or ``states`` with ``frames`` computed before by a frozen encoder.
        """
        if states is None:
            assert inputs is not None and lengths is not None  # noqa: S101
            states = self.states(inputs, lengths)
            frames = self.encoder.state_lengths(lengths).clamp(max=states.shape[1])
        assert frames is not None  # noqa: S101
        logits = self.head(states, frames)
        loss = None if labels is None else ctc_loss(logits, frames, labels)
        return PhoneOutput(loss=loss, logits=logits, frames=frames)

    @torch.inference_mode()
    def log_probs(self, waveforms: Sequence[np.ndarray]) -> list[Tensor]:
        """Return float32 log-posteriors ``(frames, phones + 1)`` of each waveform, the same alone as in a batch.

        Group-norm encoders take no padding mask, so padding would change their states: they hear one at a time.
        """
        one_by_one = isinstance(self.encoder, WaveEncoder) and not self.encoder.takes_mask
        batches = [[waveform] for waveform in waveforms] if one_by_one else [list(waveforms)]
        found: list[Tensor] = []
        for batch in batches:
            inputs, lengths = self.frontend(batch)
            output = self(inputs.to(self.device, self.dtype), lengths.to(self.device))
            posteriors = output.logits.float().log_softmax(-1)
            found += [row[:count] for row, count in zip(posteriors, output.frames.tolist(), strict=True)]
        return found


class PhoneHead(nn.Module):
    """States to phone logits: normalisation, optional bidirectional LSTM, one linear layer."""

    def __init__(self, width: int, classes: int, config: PhoneModelConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.mask_time, self.mask_width = config.mask_time, config.mask_width
        self.context: nn.Module | None = None
        if config.head == "lstm":
            self.context = BiLSTM(width, config.head_size, config.head_layers, config.dropout)
            width = 2 * config.head_size
        elif config.head != "linear":
            raise EncoderError(f"head={config.head!r} is unknown. Choose linear or lstm.")
        self.classify = nn.Linear(width, classes)

    def forward(self, states: Tensor, frames: Tensor) -> Tensor:
        """Return logits ``(batch, frames, classes)``; the padding after ``frames`` never reaches a real frame."""
        states = self.norm(states.to(self.norm.weight.dtype))
        if self.training:
            states = spec_augment(states, self.mask_time, self.mask_width)
        if self.context is not None:
            states = self.context(states, frames)
        return cast(Tensor, self.classify(self.dropout(states)))


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


def ctc_loss(logits: Tensor, frames: Tensor, labels: Tensor) -> Tensor:
    """Return the CTC loss a target phone, in float32 whatever the logits (half precision overflows).

    ``logits`` (batch, frames, classes), ``frames`` (batch,), ``labels`` (batch, phones) padded with -100. Infeasible
    examples are filtered before; ``zero_infinity`` only guards a stray one.
    """
    counts = (labels >= 0).sum(1)
    with torch.autocast(logits.device.type, enabled=False):
        posteriors = logits.float().log_softmax(-1).transpose(0, 1)
        return nn.functional.ctc_loss(
            posteriors, labels.clamp(min=0), frames, counts, blank=BLANK, reduction="mean", zero_infinity=True
        )


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
