"""What a trained phone model hears in a recording: a listener for ``collection.hearing.listening``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np

from collection.errors import ConfigError
from collection.hearing.listening import Listener, Posteriors, Samples
from collection.segment import Interval, cut
from training.assess import Assessor
from training.network.posteriors import PosteriorModel

LEAST_MARGIN = -0.4
"""From it on, one reading in 440 is of another prompt (four simulated class hours of development speakers, 20 dB)."""


def listener(model: str | None) -> Listener:
    """Return a listener from a checkpoint folder; it loads once a process, on the CPU."""
    if model is None:
        raise ConfigError("training.listener needs a checkpoint: give classes.model=FOLDER.")
    return partial(listen, _loaded(str(Path(model).expanduser())))


def listen(model: PosteriorModel, samples: Samples, intervals: Sequence[Interval], language: str) -> Posteriors:
    """Return the posteriors of the intervals, one after the other."""
    if language != model.config.language:
        raise ConfigError(
            f"the model was trained on {model.config.language}, the recording is in {language}: give another "
            "classes.model."
        )
    tables = [model.hear([cut(samples, interval)])[0].log_probs.numpy() for interval in intervals]
    starts = [
        part.start + model.frame_seconds * np.arange(len(table)) for part, table in zip(intervals, tables, strict=True)
    ]
    symbols = tuple(model.config.inventory)
    empty = np.zeros((0, len(symbols) + 1), np.float32)
    return Posteriors(
        np.concatenate([empty, *tables]),
        np.concatenate([np.zeros(0), *starts]),
        model.frame_seconds,
        symbols,
        LEAST_MARGIN,
    )


@cache
def _loaded(folder: str) -> PosteriorModel:
    return Assessor.from_pretrained(folder, device="cpu").model
