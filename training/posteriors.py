"""What assessment asks of a model, whatever runs it: a torch checkpoint or an exported twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from collection.schema import Seconds


class PosteriorConfig(Protocol):
    """What an assessor asks of a model's configuration."""

    @property
    def inventory(self) -> Sequence[str]:
        """Phone symbols: phone i is CTC index i + 1, index 0 is blank."""

    @property
    def language(self) -> str:
        """BCP 47 language of the phones."""


class PosteriorModel(Protocol):
    """Anything that turns sound into phone posteriors: ``training.model.PhoneModel`` or an exported twin of it."""

    @property
    def config(self) -> PosteriorConfig:
        """Inventory and language."""

    @property
    def frame_seconds(self) -> Seconds:
        """Seconds between two frames."""

    def log_probs(self, waveforms: list[np.ndarray]) -> list[torch.Tensor]:
        """Return float32 log posteriors (T, V) of each float32 mono waveform at 16 kHz."""
