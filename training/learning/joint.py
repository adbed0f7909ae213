"""A phone recogniser and its scorer learning together: one loss of CTC and human scores, one pass of the encoder.

The scores reach the head through the posteriors on the frames of the alignment, and the encoder, where it learns, also
through its states. The alignment itself and exact GOP are taken as they are in each step: no gradient passes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from training.alignment import align, gop
from training.alignment.ctc import ctc_loss
from training.config import ScoreConfig
from training.learning.collate import Collator
from training.learning.dataset import Examples
from training.learning.score_data import Rated
from training.learning.score_fit import loss
from training.learning.states import StoredStates
from training.network.encoder import Frontend
from training.network.model import PhoneModel
from training.network.phone_features import PhoneFeatures, describe
from training.network.posteriors import LOG_FLOOR
from training.network.scorer import Scorer, ScorerOutput, collate


class Joint(nn.Module):
    """A phone model with a scorer; ``layers`` are the encoder states that either of them hears, in order."""

    def __init__(self, phones: PhoneModel, config: ScoreConfig) -> None:
        super().__init__()
        self.phones, self.config = phones, config
        depth = phones.encoder.depth + 1
        self.read = [layer % depth for layer in phones.config.layers]
        self.asked = [layer % depth for layer in phones.config.scorer["state_layers"]]
        self.layers = sorted({*self.read, *self.asked})

    @property
    def frontend(self) -> Frontend:
        """Waveforms to inputs."""
        return self.phones.frontend

    @property
    def scorer(self) -> Scorer:
        """The scorer of the phone model."""
        return cast(Scorer, self.phones.scorer)

    def states(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the states of ``layers`` side by side, ``(batch, frames, width x layers)``."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.phones.encoder_frozen):
            hidden = self.phones.encoder(inputs, lengths)
        return torch.cat([hidden[layer] for layer in self.layers], dim=-1)

    def forward(
        self,
        labels: Tensor,
        rated: Sequence[Rated | None],
        waveforms: Sequence[np.ndarray],
        inputs: Tensor | None = None,
        lengths: Tensor | None = None,
        states: Tensor | None = None,
        frames: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return ``loss``: that of CTC a phone, and the weighted one of the scores, each member's for itself.

        ``labels`` (batch, phones) are padded with -100; ``inputs`` with ``lengths``, or ``states`` with ``frames``.
        """
        if states is None:
            assert inputs is not None and lengths is not None  # noqa: S101
            states = self.states(inputs, lengths)
            frames = self.phones.encoder.state_lengths(lengths).clamp(max=states.shape[1])
        assert frames is not None  # noqa: S101
        parted = states.unflatten(-1, (len(self.layers), -1))
        own = torch.cat([parted[:, :, self.layers.index(layer)] for layer in self.read], -1)
        logits = self.phones.head(own, frames)
        recognised = ctc_loss(logits, frames, labels)
        asked = parted[:, :, [self.layers.index(layer) for layer in self.asked]]
        features, known = self.features(logits, asked, frames, rated, waveforms)
        if not features:
            return {"loss": recognised}
        batch = collate(features).to(logits.device)
        labelled = [each.labels for each in known]
        scored = [loss(_on_cpu(member(batch)), labelled, self.config) for member in self.scorer.members]
        return {"loss": recognised + self.config.joint_weight * torch.stack(scored).mean().to(recognised.device)}

    def features(
        self,
        logits: Tensor,
        states: Tensor,
        frames: Tensor,
        rated: Sequence[Rated | None],
        waveforms: Sequence[np.ndarray],
    ) -> tuple[list[PhoneFeatures], list[Rated]]:
        """Return what the scorer is told of the rated readings, as an assessment tells it, and their ratings."""
        posteriors = logits.float().log_softmax(-1).clamp(min=LOG_FLOOR).cpu()
        states, counts = states.float().cpu(), frames.tolist()
        chosen = [
            (row, each)
            for row, each in enumerate(rated)
            if each is not None and align.frames_needed(each.targets) <= counts[row]
        ]
        tables = [posteriors[row, : counts[row]] for row, _ in chosen]
        spans = [align.force(table, each.targets) for table, (_, each) in zip(tables, chosen, strict=True)]
        fits = gop.features_batch(tables, [each.targets for _, each in chosen], spans)
        found = []
        for (row, each), table, one, own in zip(chosen, tables, fits, spans, strict=True):
            times = align.phone_times(own, len(table), self.phones.frame_seconds)
            heard = states[row, : len(table)].unbind(1)
            given = (each.targets, each.words, one, times, self.phones.frame_seconds)
            found.append(describe(waveforms[row], table, heard, *given))
        return found, [each for _, each in chosen]

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """Recompute the encoder's activations in the backward pass."""
        self.phones.activation_checkpointing_enable(**settings)


def _on_cpu(output: ScorerOutput) -> ScorerOutput:
    return ScorerOutput(output.accuracy.cpu(), output.bad.cpu(), output.words.cpu(), output.utterance.cpu())


class RatedExamples(Dataset[dict[str, Any]]):
    """Sound with CTC targets and human scores, and states where a frozen encoder stored them; draws as in ``Examples``.

    Later epochs use the stored copies of altered sound in turn, with the sound of the same copy.
    """

    def __init__(self, examples: Examples, rated: Sequence[Rated | None], stored: StoredStates | None) -> None:
        self.examples, self.rated, self.stored = examples, rated, stored

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        if self.stored is None:
            return {**self.examples[draw], "rated": self.rated[draw % len(self)]}
        draw %= len(self) * len(self.stored.spans)
        return {**self.examples[draw], **self.stored[draw], "rated": self.rated[draw % len(self)]}


class RatedCollator:
    """Examples to a batch: as ``Collator``, with ``rated`` and ``waveforms`` beside it."""

    def __init__(self, frontend: Frontend) -> None:
        self.collate = Collator(frontend)

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch."""
        return {
            **self.collate(examples),
            "rated": [example["rated"] for example in examples],
            "waveforms": [example["waveform"] for example in examples],
        }
