"""Prompts told apart by CTC likelihood under given posteriors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from collection.phones import transcribe
from training import prompt_scorer

INVENTORY = ("K", "AE", "T", "D", "AO", "G")


@dataclass
class Config:
    inventory: tuple[str, ...] = INVENTORY
    language: str = "en-US"


@dataclass
class Hears:
    """A model that hears given phones, surely, two frames each with blank between."""

    phones: tuple[str, ...]
    sure: float = 0.9
    config: Config = field(default_factory=Config)
    frame_seconds: float = 0.02

    def log_probs(self, waveforms: list[np.ndarray]) -> list[torch.Tensor]:
        path = [symbol for phone in self.phones for symbol in (INVENTORY.index(phone) + 1,) * 2 + (0,)]
        table = torch.full((len(path), len(INVENTORY) + 1), (1 - self.sure) / len(INVENTORY))
        table[torch.arange(len(path)), path] = self.sure
        return [table.log()]


SOUND = np.zeros(1600, np.float32)
CAT = next(word.canonical for word in transcribe("cat", "en-US"))


def test_what_was_read_scores_above_everything_else() -> None:
    cat, dog, half = prompt_scorer.score(Hears(CAT), SOUND, ["cat", "dog", "cat cat"], "en-US")
    assert cat == -prompt_scorer.CENTRE  # what is heard freely is the prompt itself
    assert cat > 0 > dog
    assert half < cat


def test_what_cannot_be_is_minus_infinity() -> None:
    hears = Hears(CAT)
    assert prompt_scorer.score(hears, SOUND, ["cat"], "fr") == [-math.inf]
    assert prompt_scorer.score(hears, SOUND, ["cat " * 9], "en-US") == [-math.inf]
    assert prompt_scorer.score(hears, SOUND, ["zebra"], "en-US") == [-math.inf]  # phones the model has not
    assert prompt_scorer.score(hears, SOUND, [], "en-US") == []
