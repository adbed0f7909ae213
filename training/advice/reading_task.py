"""A reading that can be scored, and what the scorers of a model, or of each member of an ensemble, say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.alignment import align, gop
from training.network.ensembles import Ensemble, mean_output
from training.network.phone_features import PhoneFeatures, describe
from training.network.posteriors import Heard, PosteriorModel
from training.network.scorer import ScorerOutput, collate


@dataclass(frozen=True, slots=True)
class Task:
    """One utterance that can be scored: its place in the batch, what was heard, its phones in words and their times.

    ``text`` is empty where the phones were given, not looked up.
    """

    place: int
    waveform: np.ndarray
    text: str
    heard: Heard
    canonical: tuple[tuple[str, int], ...]
    targets: list[int]
    words: tuple[str, ...]
    spans: list[align.Span]
    times: list[align.Times]


def gop_of(tasks: Sequence[Task]) -> list[gop.GopFeatures]:
    """Return the GOP of each reading, exact and by its alignment."""
    return gop.features_batch(
        [task.heard.log_probs for task in tasks], [task.targets for task in tasks], [task.spans for task in tasks]
    )


def scored(
    model: PosteriorModel, tasks: Sequence[Task], fits: Sequence[gop.GopFeatures], reach: float
) -> tuple[ScorerOutput, list[PhoneFeatures]]:
    """Return what the model's scorer says of these readings, padded, and what it was told.

    ``fits`` is the GOP of each. Each member of an ensemble is told what itself heard, aligned by itself; the means of
    their scores are returned, with the features of the first.
    """
    if not isinstance(model, Ensemble):
        features = _features(model, tasks, fits)
        return model.score(collate(features)), features
    outputs, told = [], []
    for number, member in enumerate(model.members):
        own = [_by_member(task, number, member.frame_seconds, reach) for task in tasks]
        told.append(_features(member, own, gop_of(own)))
        outputs.append(member.score(collate(told[-1])))
    return mean_output(outputs), told[0]


def _by_member(task: Task, number: int, frame_seconds: float, reach: float) -> Task:
    """Return the reading as one member of an ensemble heard it."""
    heard = task.heard.parts[number]
    spans = align.force(heard.log_probs, task.targets)
    times = align.phone_times(spans, len(heard.log_probs), frame_seconds, reach)
    return replace(task, heard=heard, spans=spans, times=align.within(times, task.waveform))


def _features(model: PosteriorModel, tasks: Sequence[Task], fits: Sequence[gop.GopFeatures]) -> list[PhoneFeatures]:
    return [
        describe(
            task.waveform,
            task.heard.log_probs,
            task.heard.states,
            task.targets,
            [word for _, word in task.canonical],
            one,
            task.times,
            model.frame_seconds,
        )
        for task, one in zip(tasks, fits, strict=True)
    ]
