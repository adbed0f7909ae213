"""Several models that answer as one: what they hear and what their scorers say is averaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from collection import manifest
from training.errors import ModelError
from training.network.posteriors import Heard, PosteriorModel
from training.network.scorer import ScorerBatch, ScorerOutput

FORMAT = "parlure-ensemble/1"
CONFIG = "ensemble.json"


def is_ensemble(folder: Path) -> bool:
    """Whether a folder holds an ensemble, finished or not."""
    return (folder / CONFIG).exists()


class Ensemble:
    """A ``training.network.posteriors.PosteriorModel`` of several; raises ``ModelError`` where they do not go together.

    Posteriors are averaged as logarithms, frame by frame, and brought to a sum of 1. Scores are the means of the
    members', each told what itself heard; the probability of a mispronunciation and its threshold, of their logits.
    """

    def __init__(self, members: Sequence[PosteriorModel]) -> None:
        self.members = tuple(members)
        first = self.members[0]
        for other in self.members[1:]:
            same = (list(other.config.inventory), other.config.language) == (
                list(first.config.inventory),
                first.config.language,
            )
            if not same or abs(other.frame_seconds / first.frame_seconds - 1) > 1e-3:
                raise ModelError("These models do not go together: they have other phones, languages or frames.")
        scorers = [member.config.scorer for member in self.members]
        if any(one is None for one in scorers) and any(one is not None for one in scorers):
            raise ModelError("Some of these models have a scorer and some have none: choose either kind.")
        untold = sorted({name for one in scorers if one is not None for name in one.get("untold", ())})
        self.config = SimpleNamespace(
            inventory=list(first.config.inventory),
            language=first.config.language,
            scorer=None if scorers[0] is None else {"state_layers": (), "untold": untold},
        )
        self.frame_seconds = first.frame_seconds

    @property
    def threshold(self) -> float | None:
        """Probability of a mispronunciation from which a phone is flagged; ``None`` without scorers."""
        known = [member.threshold for member in self.members if member.threshold is not None]
        return float(torch.tensor(known).logit(eps=1e-6).mean().sigmoid()) if known else None

    def hear(self, waveforms: Sequence[np.ndarray], layers: Sequence[int] = ()) -> list[Heard]:
        """Return the mean posteriors of each waveform, and what each member heard; an ensemble has no ``layers``."""
        if layers:
            raise ModelError("An ensemble has no encoder states of its own: ask its members.")
        asked = [(member.config.scorer or {}).get("state_layers", ()) for member in self.members]
        each = [member.hear(waveforms, own) for member, own in zip(self.members, asked, strict=True)]
        return [_together(parts) for parts in zip(*each, strict=True)]

    def score(self, batch: ScorerBatch) -> ScorerOutput:
        """Raise ``ModelError``: each member scores what itself heard (``training.advice.reading_task.scored``)."""
        raise ModelError("The members of an ensemble hear differently: give each its own features.")


def _together(parts: Sequence[Heard]) -> Heard:
    """Return the mean of what several heard; encoders differ by a frame at the end, which is left out."""
    frames = min(len(part.log_probs) for part in parts)
    cut = tuple(
        Heard(part.log_probs[:frames], tuple(layer[:frames] for layer in part.states)).floored() for part in parts
    )
    mean = torch.stack([part.log_probs for part in cut]).mean(0).log_softmax(-1)
    return Heard(mean, parts=cut)


def mean_output(outputs: Sequence[ScorerOutput]) -> ScorerOutput:
    """Return the mean of several scorers' outputs."""
    names = [part.name for part in fields(ScorerOutput)]
    return ScorerOutput(**{name: torch.stack([getattr(one, name) for one in outputs]).mean(0) for name in names})


def open_members(folder: Path) -> list[Path]:
    """Return the folders of an ensemble's members, or an error for one that is unfinished or of another version."""
    facts = json.loads((folder / CONFIG).read_text("utf-8"))
    if manifest.read(folder) is None or facts["format"] != FORMAT:
        raise ModelError(f"{folder} is no finished ensemble of this version: make it again with training.ensemble.")
    return [folder / name for name in facts["members"]]
