"""What assessment asks of a model, whatever runs it: a torch checkpoint or an exported twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from collection.schema import Seconds
from training.network.scorer import ScorerBatch, ScorerOutput

LOG_FLOOR = -100.0
"""Log posteriors are raised to this, so that a model's exact zeros never make an infinite score."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model hears in one waveform: ``log_probs`` (T, V), and ``states`` (T, D) of each of the layers asked for.

    ``parts`` is what each member of an ensemble (``ensembles``) heard alone, of the layers its scorer hears.
    """

    log_probs: torch.Tensor
    states: tuple[torch.Tensor, ...] = ()
    parts: tuple[Heard, ...] = ()

    def floored(self) -> Heard:
        """Return the same with posteriors that exact scores can be computed from: finite, where float64 exists."""
        # Apple's GPUs have no float64.
        table = self.log_probs.cpu() if self.log_probs.device.type == "mps" else self.log_probs
        return Heard(table.clamp(min=LOG_FLOOR), self.states, tuple(part.floored() for part in self.parts))


class PosteriorConfig(Protocol):
    """What an assessor asks of a model's configuration."""

    @property
    def inventory(self) -> Sequence[str]:
        """Phone symbols: phone i is CTC index i + 1, index 0 is blank."""

    @property
    def language(self) -> str:
        """BCP 47 language of the phones."""

    @property
    def scorer(self) -> dict[str, Any] | None:
        """The shape of the scorer (``training.network.scorer.ScorerShape``), ``None`` where there is none."""


class PosteriorModel(Protocol):
    """Anything that turns sound into phone posteriors: ``PhoneModel`` or an exported twin of it."""

    @property
    def config(self) -> PosteriorConfig:
        """Inventory, language and the shape of the scorer."""

    @property
    def frame_seconds(self) -> Seconds:
        """Seconds between two frames."""

    @property
    def threshold(self) -> float | None:
        """Probability of a mispronunciation from which a phone is flagged; ``None`` without a scorer."""

    def hear(self, waveforms: Sequence[np.ndarray], layers: Sequence[int] = ()) -> list[Heard]:
        """Return float32 log posteriors, and states of these layers, of each float32 mono waveform at 16 kHz."""

    def score(self, batch: ScorerBatch) -> ScorerOutput:
        """Return the scores of a batch of phone features; only a model with a scorer can."""
