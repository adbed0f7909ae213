"""Training speakers cut into parts alike in age, so that each utterance can be heard by a model new to its speaker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.config import SelectConfig
from training.errors import TrainingDataError
from training.learning.dataset import SplitData


def assign(voices: Sequence[str], bands: Sequence[str], count: int) -> list[int]:
    """Return the part, 0 to ``count`` - 1, of each utterance by its speaker; the speakers of an age band are dealt out.

    Raises ``TrainingDataError`` with fewer speakers than parts.
    """
    band = dict(zip(voices, bands, strict=True))
    if len(band) < count:
        raise TrainingDataError(f"{len(band)} training speakers cannot be cut into {count} folds: give fewer.")
    dealt = sorted(band, key=lambda voice: (band[voice], voice))
    part = {voice: place % count for place, voice in enumerate(dealt)}
    return [part[voice] for voice in voices]


def others(data: SplitData, config: SelectConfig) -> list[int]:
    """Return the indices of the utterances outside the fold that is left out."""
    if not 0 <= config.fold < config.folds:
        raise TrainingDataError(
            f"select.fold={config.fold} is not among the {config.folds} folds, 0 to {config.folds - 1}."
        )
    parts = np.array(assign(data.voices, data.bands, config.folds))
    return [int(index) for index in np.flatnonzero(parts != config.fold)]
