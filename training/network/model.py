"""Encoder + CTC phone head, one checkpoint: weights, inventory, feature extractor and lineage travel together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as notices
from transformers.utils.generic import ModelOutput

from collection.schema import SAMPLE_RATE, SCHEMA_VERSION
from training.alignment.ctc import ctc_loss
from training.errors import EncoderError, ModelError
from training.network.encoder import Frontend, SpeechEncoder, WaveEncoder
from training.network.features import Features
from training.network.head import PhoneHead
from training.network.posteriors import Heard
from training.network.scorer import Member, Scorer, ScorerBatch, ScorerOutput, ScorerShape


class PhoneModelConfig(PreTrainedConfig):  # type: ignore[misc]
    """Everything needed to rebuild the model without a Hub.

    ``encoder`` and ``feature_extractor`` are the configurations of the parts; ``layers`` are the encoder states the
    head reads, concatenated (0 is the first layer's input, negative counts from the end); ``head`` is ``linear``,
    ``lstm`` or ``tdnnf``; ``mask_time`` (share of frames) and ``mask_width`` (share of dimensions) are SpecAugment on
    the head's input while training; ``scorer`` is a ``ScorerShape``, ``None`` before one was trained.
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
        scorer: dict[str, Any] | None = None,
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
        self.scorer = scorer
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
        self.scorer = Scorer(ScorerShape(**config.scorer)) if config.scorer else None
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initialisation that each part's constructor made."""

    @classmethod
    def from_pretrained(cls, folder: str | Path, **options: Any) -> PhoneModel:  # type: ignore[override]
        """Load a checkpoint without drawing a bar; ``ModelError`` where it lacks weights, which would be random."""
        bars = notices.is_progress_bar_enabled()
        notices.disable_progress_bar()
        try:
            model, told = cast(Any, super()).from_pretrained(folder, output_loading_info=True, **options)
        finally:
            if bars:
                notices.enable_progress_bar()
        if lacking := sorted(told["missing_keys"]):
            raise ModelError(
                f"{folder} lacks {len(lacking)} of the weights it should have ({lacking[0]}, …): it is "
                "damaged, or of another version of this code. Copy it again, or train it again."
            )
        return cast(PhoneModel, model)

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

    @cached_property
    def frontend(self) -> Frontend:
        """Waveforms to inputs, for data loaders and inference."""
        return Frontend(self.config.encoder, self.config.feature_extractor)

    @cached_property
    def _ears(self) -> Features | Frontend:
        """What makes inputs for inference: our own way, which is quicker, where it follows the feature extractor."""
        try:
            return Features.of(self.frontend)
        except EncoderError:
            return self.frontend

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
    def hear(self, waveforms: Sequence[np.ndarray], layers: Sequence[int] = ()) -> list[Heard]:
        """Return the posteriors of each waveform and its states at these layers, the same alone as in a batch.

        Group-norm encoders take no padding mask, so padding would change their states: they hear one at a time.
        """
        one_by_one = isinstance(self.encoder, WaveEncoder) and not self.encoder.takes_mask
        batches = [[waveform] for waveform in waveforms] if one_by_one else [list(waveforms)]
        found: list[Heard] = []
        for batch in batches:
            inputs, lengths = (torch.as_tensor(values, device=self.device) for values in self._ears(batch))
            inputs = inputs.to(self.dtype)
            hidden = self.encoder(inputs, lengths)
            own = torch.cat([hidden[layer] for layer in self.config.layers], dim=-1)
            frames = self.encoder.state_lengths(lengths).clamp(max=own.shape[1])
            posteriors = self(states=own, frames=frames).logits.float().log_softmax(-1)
            found += [
                Heard(posteriors[row, :count], tuple(hidden[layer][row, :count].float() for layer in layers))
                for row, count in enumerate(frames.tolist())
            ]
        return found

    @torch.inference_mode()
    def score(self, batch: ScorerBatch) -> ScorerOutput:
        """Return the scores of phones, words and utterances; only a model with a scorer can."""
        assert self.scorer is not None  # noqa: S101
        return cast(ScorerOutput, self.scorer(batch.to(self.device), self._scorers))

    @cached_property
    def _scorers(self) -> Member:
        """The scorer's networks, put together once: a model that scores has learned."""
        return cast(Scorer, self.scorer).together()

    @property
    def threshold(self) -> float | None:
        """Probability of a mispronunciation from which a phone is flagged; ``None`` without a scorer."""
        return None if self.scorer is None else float(self.scorer.threshold)


@torch.no_grad()
def measure_states(model: PhoneModel, batches: Iterable[dict[str, Tensor]]) -> None:
    """Set the head's standardisation from the real frames of these batches, as a collator makes them."""
    model.train(False)
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        if "states" in batch:
            states, frames = batch["states"], batch["frames"]
        else:
            states = model.states(batch["inputs"].to(model.device), batch["lengths"].to(model.device)).cpu()
            frames = model.encoder.state_lengths(batch["lengths"])
        real = torch.cat([row[:length] for row, length in zip(states, frames.tolist(), strict=True)]).double()
        count, total, squares = count + len(real), total + real.sum(0), squares + real.square().sum(0)
    mean = total / count
    model.head.mean.copy_(mean)
    model.head.deviation.copy_((squares / count - mean.square()).clamp(min=1e-8).sqrt())
