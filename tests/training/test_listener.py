"""A phone model as a listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from collection.errors import ConfigError
from collection.segment import Interval
from training import listener
from training.network.posteriors import Heard


@dataclass
class Config:
    inventory: tuple[str, ...] = ("K", "AE", "T")
    language: str = "en-US"


@dataclass
class Hears:
    """A model that hears in each frame how many hundred samples it was given."""

    config: Config = field(default_factory=Config)
    frame_seconds: float = 0.02

    def hear(self, waveforms: Sequence[np.ndarray]) -> list[Heard]:
        return [Heard(torch.full((len(each) // 320, 4), len(each) / 100)) for each in waveforms]


def test_frames_lie_where_their_sound_does() -> None:
    heard = listener.listen(Hears(), np.zeros(32_000, np.float32), [Interval(0.2, 0.3), Interval(1.0, 1.05)], "en-US")
    assert heard.log_probs[:, 0].tolist() == [16.0] * 5 + [8.0] * 2
    assert heard.starts == pytest.approx([0.2, 0.22, 0.24, 0.26, 0.28, 1.0, 1.02])
    assert (heard.step, heard.symbols) == (0.02, ("K", "AE", "T"))


def test_no_speech_is_no_frames_and_what_cannot_be_is_refused() -> None:
    assert listener.listen(Hears(), np.zeros(10, np.float32), [], "en-US").log_probs.shape == (0, 4)
    with pytest.raises(ConfigError, match="trained on en-US"):
        listener.listen(Hears(), np.zeros(10, np.float32), [], "fr-FR")
    with pytest.raises(ConfigError, match=r"classes\.model"):
        listener.listener(None)
