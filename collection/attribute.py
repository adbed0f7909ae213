"""Whose voice is it: an enrolled, consenting learner's or nobody's. Pure; what is not sure is nobody's.

A reading is believed to be its reader's when their voiceprint says so twice: over the whole reading, and in its weakest
second and a half, where another voice talking over or taking over would show. Similarity is the cosine of speaker
embeddings, of which the recording's own mean is taken away first, and that of the voiceprints from them: room and
microphone shift all voices alike. Threshold and weight are measured on development speakers (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from collection.errors import ConfigError
from collection.segment import Interval

Vectors = npt.NDArray[np.float32]

WINDOW: float = 1.6
"""Seconds that one embedding hears."""


class Nobody(StrEnum):
    """Why a reading is nobody's."""

    VOICE_UNSURE = "voice_unsure"
    OTHER_VOICE = "voice_of_another_learner"


@dataclass
class AttributionConfig:
    """When a voice is believed. Treat as read-only."""

    threshold: float = 0.26
    """Evidence, at most 1, from which a reading is its reader's; higher loses more readings and lets fewer
    unconsenting voices through (``python -m eval.attribution`` draws the curve)."""
    weakest_weight: float = 0.5
    """Weight of the weakest window beside the whole reading, whose weight is 1; the sum is divided by both."""
    margin: float = -0.1
    """Similarity by which the reader must be ahead of every other enrolled learner; below 0, may fall behind."""
    change: float = 0.05
    """Similarity of the speech before and after a point below which the speaker is taken to have changed there."""

    def __post_init__(self) -> None:
        if self.weakest_weight < 0 or not -1 <= self.threshold <= 1:
            raise ConfigError("attribution: weakest_weight is 0 or more, and threshold lies between -1 and 1.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a reading is its reader's: ``evidence`` on the scale of the threshold, and the reason of a no."""

    evidence: float
    reason: Nobody | None


def split(windows: Vectors, starts: Sequence[float], interval: Interval, mean: Vectors, below: float) -> list[Interval]:
    """Return an interval cut where the speaker changes, if at all.

    ``windows`` (w, 256) are embeddings that begin at ``starts`` seconds of the recording. A cut lies where windows that
    do not overlap are least alike, among neighbours, and less so than ``below``; both sides keep a window's length.
    """
    unit = centred(windows, mean)
    step = next((at for at, start in enumerate(starts) if start - starts[0] >= WINDOW - 0.1), len(starts))
    alike = [float(unit[at] @ unit[at + step]) for at in range(len(unit) - step)]
    cuts: list[float] = []
    for at, value in enumerate(alike):
        point = (starts[at] + WINDOW + starts[at + step]) / 2
        lowest = value <= min(alike[max(0, at - 1) : at + 2])
        if value < below and lowest and point - (cuts[-1] if cuts else interval.start) >= WINDOW / 2:
            cuts.append(point)
    edges = [interval.start, *(cut for cut in cuts if interval.end - cut >= WINDOW / 2), interval.end]
    return [Interval(start, end) for start, end in pairwise(edges)]


def decide(windows: Vectors, prints: Vectors, reader: int, mean: Vectors, config: AttributionConfig) -> Verdict:
    """Decide whether a reading is that of the ``reader``-th of the enrolled learners.

    ``windows`` (w, 256) are the embeddings of the reading, ``prints`` (n, 256) the voiceprints of everyone enrolled in
    the class, ``mean`` (256,) the mean embedding of the recording.
    """
    voices = centred(prints, common(prints, mean))
    whole = voices @ centred(unit(windows.mean(0)), mean)
    weakest = float((centred(windows, mean) @ voices[reader]).min())
    evidence = (float(whole[reader]) + config.weakest_weight * weakest) / (1 + config.weakest_weight)
    others = np.delete(whole, reader)
    if len(others) and float(whole[reader] - others.max()) < config.margin:
        return Verdict(evidence, Nobody.OTHER_VOICE)
    return Verdict(evidence, None if evidence >= config.threshold else Nobody.VOICE_UNSURE)


def common(prints: Vectors, mean: Vectors) -> Vectors:
    """Return what the voiceprints (n, 256) of a class have in common; of few, the recording's mean says more."""
    prior = 2
    total: Vectors = (prints.sum(0) + prior * mean) / (len(prints) + prior)
    return total


def recording_mean(windows: Sequence[Vectors]) -> Vectors:
    """Return the mean embedding (256,) of the stretches of a recording, each counting once."""
    mean: Vectors = unit(np.stack([part.mean(0) for part in windows])).mean(0)
    return mean


def unit(vectors: Vectors) -> Vectors:
    """Return vectors (..., 256) at length 1."""
    scaled: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return scaled


def centred(vectors: Vectors, mean: Vectors) -> Vectors:
    """Return unit vectors (..., 256) without what all voices of a recording share."""
    return unit(unit(vectors) - mean)
