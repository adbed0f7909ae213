"""Self-supervised pretraining of wav2vec2: hidden frames are told from others by their codewords (arXiv 2006.11477)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import TrainerCallback, Wav2Vec2Config, Wav2Vec2ForPreTraining
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices, _sample_negative_indices

from training.errors import EncoderError
from training.learning.dataset import Examples
from training.learning.pretrain_config import SelfSupervisedConfig
from training.network.encoder import Frontend


class Drawn(Dataset[dict[str, Any]]):
    """Sound with the number of its draw, from which its masks are drawn."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        return {"waveform": self.examples[draw]["waveform"], "draw": draw}


class MaskCollator:
    """Sound to a batch with the frames to hide and, for each of them, the frames it must be told from.

    Both depend on the seed and the draws of the batch alone: a resumed run hides the same.
    """

    def __init__(self, frontend: Frontend, config: SelfSupervisedConfig, seed: int) -> None:
        self.frontend, self.config, self.seed = frontend, config, seed

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Return ``inputs``, ``lengths``, ``hidden`` (batch, frames) and ``others`` (batch, frames, negatives)."""
        inputs, lengths = self.frontend([example["waveform"] for example in examples])
        frames = torch.tensor([self.frontend.frames(int(length)) for length in lengths])
        shape = (len(frames), int(frames.max()))
        real = (torch.arange(shape[1]) < frames[:, None]).to(torch.long)
        with _numpy_seeded([self.seed, *(int(example["draw"]) for example in examples)]):
            hidden = _compute_mask_indices(
                shape,
                self.config.mask_time,
                self.config.mask_length,
                attention_mask=cast(torch.LongTensor, real),
                min_masks=2,
            )
            others = _sample_negative_indices(shape, self.config.negatives, hidden)
        return {
            "inputs": inputs,
            "lengths": lengths,
            "hidden": torch.from_numpy(hidden),
            "others": torch.from_numpy(others),
        }


@contextmanager
def _numpy_seeded(seed: list[int]) -> Iterator[None]:
    """Seed numpy's global generator, which transformers draws its masks from, and put it back afterwards."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


class SelfSupervised(nn.Module):
    """wav2vec2 with its codebooks; the loss is taken a hidden frame."""

    def __init__(self, model: Wav2Vec2ForPreTraining) -> None:
        super().__init__()
        self.model: Any = model

    @staticmethod
    def build(described: dict[str, Any], config: SelfSupervisedConfig, weights: str | None) -> SelfSupervised:
        """Return the model of an encoder's configuration, random or (``weights``: Hub name or folder) going on.

        Raises ``EncoderError`` for a family other than wav2vec2, which alone has these codebooks.
        """
        if described["model_type"] != "wav2vec2":
            raise EncoderError(
                f"method=self_supervised trains wav2vec2, not {described['model_type']!r}. Choose another student, or "
                "method=distil."
            )
        typed = Wav2Vec2Config(**{**described, "diversity_loss_weight": config.diversity_weight})
        if weights is None:
            return SelfSupervised(Wav2Vec2ForPreTraining(typed))
        return SelfSupervised(Wav2Vec2ForPreTraining.from_pretrained(weights, config=typed, dtype=torch.float32))

    @property
    def takes_mask(self) -> bool:
        """Whether padding is masked; see ``training.network.encoder.WaveEncoder``."""
        return bool(self.model.config.feat_extract_norm != "group")

    def forward(self, inputs: Tensor, lengths: Tensor, hidden: Tensor, others: Tensor) -> dict[str, Tensor]:
        """Return ``loss``: contrastive and diversity loss a hidden frame."""
        mask = None
        if self.takes_mask:
            mask = (torch.arange(inputs.shape[1], device=inputs.device) < lengths[:, None]).long()
        found = self.model(inputs, mask, mask_time_indices=hidden, sampled_negative_indices=others)
        return {"loss": found.loss / hidden.sum()}

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """Recompute activations in the backward pass."""
        self.model.activation_checkpointing_enable(**settings)

    def save(self, folder: Path) -> None:
        """Save the encoder alone, ready to be fine-tuned."""
        self.model.wav2vec2.save_pretrained(folder)


class Anneal(TrainerCallback):  # type: ignore[misc]
    """Lowers the temperature of the codewords, as a function of the step alone."""

    def __init__(self, model: SelfSupervised, config: SelfSupervisedConfig) -> None:
        self.model, self.config = model, config

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Set the temperature of this step."""
        warm = self.config.temperature * self.config.temperature_decay**state.global_step
        self.model.model.set_gumbel_temperature(max(warm, self.config.temperature_end))
