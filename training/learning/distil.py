"""Distillation: a small student learns, frame by frame, the states of a large teacher (DistilHuBERT, arXiv 2110.01900).

Both hear the same sound. Their frames do not lie at the same times: the states of the teacher are brought to the middle
of the student's frames by linear interpolation before they are learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from training.errors import EncoderError
from training.learning.dataset import Examples
from training.learning.pretrain_config import DistilConfig, Match
from training.learning.states import StoredStates
from training.network.encoder import Frontend, SpeechEncoder, WaveEncoder, load_config, load_extractor_config

MEASURED_FRAMES = 50_000
"""Teacher states, spread over the training data, from which mean and deviation are taken."""


@dataclass(frozen=True)
class Timing:
    """Where an encoder's states lie: the middle of the sound that the first one sees, and the step, in samples."""

    first: float
    step: int

    @staticmethod
    def of(frontend: Frontend) -> Timing:
        """Return the timing of the convolutions; a mel frame is centred on its sample (Whisper pads half a window)."""
        step = int(frontend.extractor.hop_length) if frontend.family == "whisper" else 1
        first = 0.0
        for kernel, stride, padding in frontend.downsampling:
            first += step * ((kernel - 1) / 2 - padding)
            step *= stride
        return Timing(first, step)


def at_frames(states: np.ndarray, theirs: Timing, ours: Timing, frames: int) -> np.ndarray:
    """Return states (n, width) of one timing at the first ``frames`` times of another, float32 ``(frames, width)``.

    Between two states lies their weighted mean; before the first and after the last it is that one.
    """
    place = (ours.first + ours.step * np.arange(frames) - theirs.first) / theirs.step
    place = np.clip(place, 0, len(states) - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(states) - 1)
    share = (place - before)[:, None].astype(np.float32)
    return np.asarray((1 - share) * states[before] + share * states[after], dtype=np.float32)


class Teacher(nn.Module):
    """A frozen encoder whose chosen states, side by side, are what a student learns."""

    def __init__(self, name: str, layers: Sequence[int]) -> None:
        super().__init__()
        self.encoder = SpeechEncoder.load(name).requires_grad_(False)
        self.frontend = Frontend(load_config(name).to_dict(), load_extractor_config(name))
        self.layers = list(layers)
        check_layers("distil.teacher_layers", layers, self.encoder)

    def states(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return ``(batch, frames, width x layers)``."""
        hidden = self.encoder(inputs, lengths)
        return torch.cat([hidden[layer] for layer in self.layers], dim=-1)


def check_layers(setting: str, layers: Sequence[int], encoder: SpeechEncoder) -> None:
    """Raise ``EncoderError`` for a layer that the encoder does not have."""
    depth = encoder.depth
    if any(not -depth - 1 <= layer <= depth for layer in layers):
        raise EncoderError(f"{setting}={list(layers)}: this encoder has states 0 to {depth} (or -{depth + 1} to -1).")


class Paired(Dataset[dict[str, Any]]):
    """Sound with the teacher's states at the student's frames; draws are as in ``Examples``.

    Later epochs use the stored copies of altered sound in turn, and the student hears the copy that the teacher heard.
    """

    def __init__(self, examples: Examples, stored: StoredStates, teacher: Frontend, student: Frontend) -> None:
        self.examples, self.stored, self.student = examples, stored, student
        self.theirs, self.ours = Timing.of(teacher), Timing.of(student)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        draw %= len(self) * len(self.stored.spans)
        waveform = self.examples[draw]["waveform"]
        states = self.stored[draw]["states"].numpy()
        frames = self.student.frames(len(waveform))
        return {"waveform": waveform, "targets": torch.from_numpy(at_frames(states, self.theirs, self.ours, frames))}


class PairCollator:
    """Pairs to a batch: ``inputs``, ``lengths`` and ``targets`` (batch, frames, width x layers) padded with 0."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return the batch."""
        inputs, lengths = self.frontend([example["waveform"] for example in examples])
        targets = pad_sequence([example["targets"] for example in examples], batch_first=True)
        return {"inputs": inputs, "lengths": lengths, "targets": targets}


class Distillation(nn.Module):
    """A student with a linear head a teacher layer; the states to learn are standardised a dimension."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, encoder: WaveEncoder, width: int, config: DistilConfig) -> None:
        super().__init__()
        if len(config.student_layers) != len(config.teacher_layers):
            raise EncoderError(
                f"distil.student_layers={list(config.student_layers)} must name one state for each of "
                f"distil.teacher_layers={list(config.teacher_layers)}."
            )
        check_layers("distil.student_layers", config.student_layers, encoder)
        self.encoder, self.config = encoder, config
        self.heads = nn.ModuleList(nn.Linear(encoder.width, width) for _ in config.student_layers)
        self.register_buffer("mean", torch.zeros(width * len(self.heads)))
        self.register_buffer("deviation", torch.ones(width * len(self.heads)))

    def measure(self, stored: StoredStates) -> None:
        """Set the standardisation from states spread over the whole training data."""
        spread = stored.states[:: max(1, len(stored.states) // MEASURED_FRAMES)].astype(np.float64)
        self.mean.copy_(torch.from_numpy(spread.mean(0)))
        self.deviation.copy_(torch.from_numpy(spread.std(0)).clamp(min=1e-4))

    def forward(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return ``loss``: the mean over real frames and layers, in float32."""
        hidden = self.encoder(inputs, lengths)
        frames = self.encoder.state_lengths(lengths)
        real = torch.arange(targets.shape[1], device=targets.device) < frames[:, None]
        wanted = ((targets.float() - self.mean) / self.deviation)[real].chunk(len(self.heads), dim=-1)
        losses = [
            distance(head(hidden[layer][real]).float(), layer_wanted, self.config)
            for head, layer, layer_wanted in zip(self.heads, self.config.student_layers, wanted, strict=True)
        ]
        return {"loss": torch.stack(losses).mean()}

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """Recompute the student's activations in the backward pass."""
        self.encoder.model.activation_checkpointing_enable(**settings)

    def save(self, folder: Path) -> None:
        """Save the student alone, ready to be fine-tuned."""
        self.encoder.config.apply_spec_augment = True
        self.encoder.model.save_pretrained(folder)


def distance(predicted: Tensor, wanted: Tensor, config: DistilConfig) -> Tensor:
    """Return how far predictions (n, width) are from standardised states, one number."""
    if config.match is Match.mse:
        return nn.functional.mse_loss(predicted, wanted)
    cosine = nn.functional.cosine_similarity(predicted, wanted, dim=-1)
    difference = nn.functional.l1_loss(predicted, wanted)
    return difference - config.cosine_weight * nn.functional.logsigmoid(cosine).mean()
