"""Speech encoders: from a Hugging Face name or folder to hidden states, right about padding for each family.

Waveforms are float32 mono at 16 kHz. An encoder turns a padded batch of inputs (waveforms, or mel frames for Whisper)
and their true lengths into one tensor ``(batch, frames, width)`` a layer, and says how many of the frames are real.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, PreTrainedConfig
from transformers.models.whisper.configuration_whisper import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from collection.schema import SAMPLE_RATE
from training.errors import EncoderError

WAVE_FAMILIES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")
FAMILIES = (*WAVE_FAMILIES, "whisper")


class Frontend:
    """Waveforms to padded encoder inputs, without the encoder's weights: what a data loader's worker needs."""

    def __init__(self, encoder_config: dict[str, Any], extractor_config: dict[str, Any]) -> None:
        self.family = str(encoder_config["model_type"])
        self.downsampling = _downsampling(encoder_config)
        kind = extractor_config["feature_extractor_type"]
        self.extractor = getattr(transformers, kind).from_dict(extractor_config)
        if self.extractor.sampling_rate != SAMPLE_RATE:
            raise EncoderError(
                f"This encoder expects {self.extractor.sampling_rate} Hz; Parlure works at {SAMPLE_RATE}."
            )

    def __call__(self, waveforms: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return inputs ``(batch, samples)`` or ``(batch, mels, frames)`` and their true lengths ``(batch,)``.

        Each waveform is normalised by itself and padded with zeros afterwards: its values do not depend on its batch.
        """
        single = [self._one(waveform) for waveform in waveforms]
        lengths = torch.tensor([values.shape[-1] for values in single])
        longest = int(lengths.max())
        return torch.stack([nn.functional.pad(v, (0, longest - v.shape[-1])) for v in single]), lengths

    def _one(self, waveform: np.ndarray) -> Tensor:
        padding = {"padding": "longest", "truncation": False} if self.family == "whisper" else {"padding": False}
        features = self.extractor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt", **padding)
        return cast(Tensor, features[self.extractor.model_input_names[0]][0])

    def input_length(self, samples: int) -> int:
        """Return how many input positions hold ``samples`` samples of sound."""
        return samples // int(self.extractor.hop_length) if self.family == "whisper" else samples

    def frames(self, samples: int) -> int:
        """Return how many encoder states ``samples`` samples of sound give."""
        length = self.input_length(samples)
        for kernel, stride, padding in self.downsampling:
            length = (length + 2 * padding - kernel) // stride + 1
        return max(length, 0)


def _downsampling(config: dict[str, Any]) -> tuple[tuple[int, int, int], ...]:
    """Return (kernel, stride, padding) of the convolutions that shorten the input."""
    if config["model_type"] == "whisper":
        return ((3, 1, 1), (3, 2, 1))
    return tuple(
        (kernel, stride, 0) for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True)
    )


class SpeechEncoder(nn.Module):
    """A wav2vec2-like model or the Whisper encoder behind one call; build it with ``from_config`` or ``load``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config: PreTrainedConfig = model.config
        self.downsampling = _downsampling(self.config.to_dict())

    @staticmethod
    def from_config(config: dict[str, Any]) -> SpeechEncoder:
        """Build the encoder that a configuration describes, with random weights."""
        family = config.get("model_type")
        if family not in FAMILIES:
            raise EncoderError(f"Encoder family {family!r} is not supported. Choose one of: {', '.join(FAMILIES)}.")
        typed = AutoConfig.for_model(**config)
        if family == "whisper":
            return WhisperWindows(WhisperEncoder(cast(WhisperConfig, typed)))
        return WaveEncoder(AutoModel.from_config(typed))

    @staticmethod
    def load(name: str, **overrides: Any) -> SpeechEncoder:
        """Load pretrained weights in float32 from a Hub name or a local folder."""
        config = load_config(name)
        if config.model_type == "whisper":
            return WhisperWindows(WhisperEncoder.from_pretrained(name, dtype=torch.float32))
        # Layer drop breaks data-parallel training under gradient checkpointing, so it is off everywhere.
        settings = {"layerdrop": 0.0, **overrides}
        return WaveEncoder(AutoModel.from_pretrained(name, dtype=torch.float32, **settings))

    @property
    def width(self) -> int:
        """The size of one state."""
        return int(self.config.hidden_size)

    @property
    def depth(self) -> int:
        """The number of transformer layers; states are numbered 0 (their input) to ``depth``."""
        return int(self.config.num_hidden_layers)

    def state_lengths(self, lengths: Tensor) -> Tensor:
        """Return how many states are real for inputs of these lengths, shape ``(batch,)``."""
        for kernel, stride, padding in self.downsampling:
            lengths = torch.div(lengths + 2 * padding - kernel, stride, rounding_mode="floor") + 1
        return lengths.clamp(min=0)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return the states of every layer, input of the first layer included, each ``(batch, frames, width)``."""
        raise NotImplementedError


class WaveEncoder(SpeechEncoder):
    """wav2vec2, HuBERT, WavLM and data2vec: waveform in."""

    @property
    def takes_mask(self) -> bool:
        """Whether padding is masked: group-norm extractors were trained without a mask, layer-norm ones with it."""
        return getattr(self.config, "feat_extract_norm", "layer") != "group"

    def freeze_extractor(self) -> None:
        """Stop the convolutional feature extractor from learning."""
        self.model.feature_extractor.requires_grad_(False)

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """See ``SpeechEncoder.forward``; ``inputs`` are ``(batch, samples)``."""
        mask = None
        if self.takes_mask:
            mask = (torch.arange(inputs.shape[1], device=inputs.device) < lengths[:, None]).long()
        output = self.model(inputs, attention_mask=mask, output_hidden_states=True)
        return tuple(output.hidden_states)


class WhisperWindows(SpeechEncoder):
    """The Whisper encoder on windows as long as the speech: positions are absolute, the first T serve T frames."""

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """See ``SpeechEncoder.forward``; ``inputs`` are log-mel frames ``(batch, mels, frames)``, 100 a second."""
        model = self.model
        states = nn.functional.gelu(model.conv1(inputs))
        # Silence past the end, so that the second convolution sees the zeros it would see at the end of a batch of one.
        states = states * (torch.arange(inputs.shape[2], device=inputs.device) < lengths[:, None])[:, None]
        states = nn.functional.gelu(model.conv2(states)).transpose(1, 2)  # (batch, frames, width), 50 a second
        frames = states.shape[1]
        if frames > model.max_source_positions:
            seconds = model.max_source_positions / 50
            raise EncoderError(
                f"Whisper hears at most {seconds:.0f} s at a time, this batch is longer: split it first."
            )
        states = states + model.embed_positions.weight[:frames]
        padding = torch.arange(frames, device=states.device) >= self.state_lengths(lengths)[:, None]
        mask = torch.zeros(padding.shape, dtype=states.dtype, device=states.device)
        mask = mask.masked_fill(padding, torch.finfo(states.dtype).min)[:, None, None, :]
        mask = mask.expand(-1, 1, frames, -1)
        layers = [states]
        for layer in model.layers:
            states = layer(states, mask)
            layers.append(states)
        layers[-1] = model.layer_norm(layers[-1])
        return tuple(layers)


def load_config(name: str) -> PreTrainedConfig:
    """Return the configuration of an encoder by Hub name or folder, or an error that lists the families."""
    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise EncoderError(
            f"No encoder at {name!r}: give a Hub name (facebook/wav2vec2-base) that this machine can reach, or a local "
            f"folder with config.json and weights. Cause: {str(error).splitlines()[0]}"
        ) from error
    if config.model_type not in FAMILIES:
        raise EncoderError(f"{name!r} is of family {config.model_type!r}. Choose one of: {', '.join(FAMILIES)}.")
    return cast(PreTrainedConfig, config)


def load_extractor_config(name: str) -> dict[str, Any]:
    """Return the feature extractor's settings of a Hub name or folder, as stored inside a checkpoint."""
    return dict(AutoFeatureExtractor.from_pretrained(name).to_dict())
