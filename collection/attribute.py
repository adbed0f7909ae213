"""Whose voice is it: an enrolled, consenting learner's or nobody's. Pure; what is not sure is nobody's.

Three things count for a reading to be its reader's: that the whole of it is like their voiceprint; that its weakest
second and a half is, where another voice talking over or taking over would show; and that it is more like them than
like any other reading of the recording, whoever reads there, and in no window far from that. Similarity is the cosine
of speaker embeddings, of which the recording's own mean is taken away first, and that of the voiceprints from them:
room and microphone shift all voices alike. Threshold and weights are measured on development speakers (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
ALIKE = 0.2
"""Similarity that some other voice is taken to have, where few are heard: in full classes, all but one of 686 readings
had a rival more alike."""


class Nobody(StrEnum):
    """Why a reading is nobody's."""

    VOICE_UNSURE = "voice_unsure"
    OTHER_VOICE = "voice_of_another_learner"
    TALKED_OVER = "talked_over"


@dataclass
class AttributionConfig:
    """When a voice is believed. Treat as read-only."""

    threshold: float = 0.25
    """Evidence, from -3 to 2, from which a reading is its reader's; higher loses more readings and lets fewer
    unconsenting voices through (``python -m eval.attribution`` draws the curve)."""
    grown: float = 0.1
    """Taken from the evidence of readers who are not known to be under 16: grown voices are told apart more surely, and
    what leaks of them at children's threshold is more."""
    weakest_weight: float = 0.5
    """Weight of the weakest window beside the whole reading, whose weight is 1; the sum is divided by both."""
    vouching: float = 0.35
    """Similarity to the voiceprint from which a reading vouches for others on its reader's lines."""
    overtaken: float = 0.3
    """Similarity by which some window may be more like another reading than like its reader: a voice talks over."""
    change: float = 0.05
    """Similarity of the speech before and after a point below which the speaker is taken to have changed there."""

    def __post_init__(self) -> None:
        if min(self.weakest_weight, self.grown) < 0 or not -3 <= self.threshold <= 2:
            raise ConfigError("attribution: weakest_weight and grown are 0 or more, threshold lies between -3 and 2.")


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


def decide(
    readings: Sequence[Vectors],
    readers: Sequence[int | None],
    prints: Vectors,
    mean: Vectors,
    config: AttributionConfig,
    children: Collection[int] = (),
) -> list[Verdict | None]:
    """Decide for each reading whether it is that of its reader; ``None`` for one of somebody who is not enrolled.

    ``readings`` are the embeddings (w, 256) of every reading of the recording, and ``readers`` say which of the
    enrolled learners is to read there. ``prints`` (n, 256) are the voiceprints of all who are enrolled, ``mean`` (256,)
    is the mean embedding of the recording. ``children`` are those of the enrolled who are known to be under 16.
    """
    if not readings:
        return []
    voices = centred(prints, common(prints, mean))
    whole = centred(np.stack([unit(windows.mean(0)) for windows in readings]), mean)
    sure = whole @ voices.T >= config.vouching
    verdicts: list[Verdict | None] = []
    for at, reader in enumerate(readers):
        if reader is None:
            verdicts.append(None)
            continue
        own_lines = np.array([one == reader for one in readers])
        others_lines = ~own_lines
        own_lines[at] = False
        theirs = np.vstack([voices[reader], whole[own_lines & sure[:, reader]]])
        rivals = np.delete(voices, reader, axis=0)
        windows = centred(readings[at], mean)
        handicap = 0.0 if reader in children else config.grown
        verdicts.append(_judge(whole[at], windows, theirs, rivals, whole[others_lines], config, handicap))
    return verdicts


def _judge(
    whole: Vectors,
    windows: Vectors,
    theirs: Vectors,
    rivals: Vectors,
    elsewhere: Vectors,
    config: AttributionConfig,
    handicap: float,
) -> Verdict:
    """Judge one reading (256,) and its windows (w, 256).

    ``theirs`` are its reader's voiceprint and the readings that vouch for them, ``rivals`` the voiceprints of the other
    learners, ``elsewhere`` the readings on others' lines; ``handicap`` is taken from the evidence.
    """
    own = float(whole @ theirs[0])
    weakest = float((windows @ theirs[0]).min())
    other = float((rivals @ whole).max(initial=-1.0))
    rival = max(other, float((elsewhere @ whole).max(initial=-1.0)), ALIKE)
    ahead = float((theirs @ whole).max()) - rival
    evidence = (own + config.weakest_weight * weakest) / (1 + config.weakest_weight) + ahead - handicap
    if evidence < config.threshold:
        return Verdict(evidence, Nobody.OTHER_VOICE if other > own else Nobody.VOICE_UNSURE)
    behind = (windows @ elsewhere.T).max(axis=1, initial=-1.0) - (windows @ theirs.T).max(axis=1)
    return Verdict(evidence, Nobody.TALKED_OVER if behind.max() > config.overtaken else None)


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
