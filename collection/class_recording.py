"""A whole class in one recording: which consenting, enrolled learner is heard reading what. All others are nobody.

Pure but for the networks it calls. What it returns are intervals: the rest of the recording is never cut out, and so
never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collection import attribute, reading_order
from collection.attribute import AttributionConfig, Nobody, Vectors
from collection.reading_order import OrderConfig, Scorer
from collection.schema import SAMPLE_RATE, ConsentGrant, Seconds
from collection.segment import Interval

Samples = npt.NDArray[np.float32]
Embed = Callable[[list[Samples]], Vectors]

NOT_HEARD = "reading_not_heard"
PROMPT_UNSURE = "prompt_unsure"
NO_VOICEPRINT = "no_voiceprint"
NO_ENROLLED_VOICE = "no_enrolled_voice"
RECORDED_BEFORE_CONSENT = "recorded_before_consent"
TO_REVIEW = (PROMPT_UNSURE, Nobody.VOICE_UNSURE.value, Nobody.OTHER_VOICE.value)
"""Reasons that a person may settle by listening."""


@dataclass
class ClassConfig:
    """How a recording of a whole class is read. Treat as read-only."""

    order: OrderConfig = field(default_factory=OrderConfig)
    """How the reading list is followed."""
    attribution: AttributionConfig = field(default_factory=AttributionConfig)
    """When a voice is believed."""
    scorer: str = "collection.sphinx:scorer"
    """What tells prompts apart, ``module:function``: PocketSphinx (English), or training.prompt_scorer:scorer."""
    model: str | None = None
    """Checkpoint folder for the scorer; PocketSphinx needs none."""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """A consenting learner of a class: their grant, and the vector (256,) of their voiceprint."""

    grant: ConsentGrant
    vector: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last complete reading of one prompt: where, what the voice says (``evidence``), and why it is dropped."""

    prompt: int
    interval: Interval
    evidence: float
    reason: str | None


def listen(
    samples: Samples,
    intervals: Sequence[Interval],
    prompts: Sequence[str],
    readers: Sequence[str | None],
    language: str,
    prints: Mapping[str, Vectors],
    embed: Embed,
    scorer: Scorer,
    config: ClassConfig,
) -> list[Heard]:
    """Return what was heard of the prompts whose readers are enrolled (``prints``, learner id to (256,)).

    ``samples`` (n,) at 16 kHz, ``intervals`` of speech in them, sorted and disjoint. ``readers[i]`` is to read
    ``prompts[i]``; the prompts of everyone else serve to follow the list.
    """
    if not intervals or not prints:
        return []
    starts = [_window_starts(interval) for interval in intervals]
    flat = embed(
        [
            _cut(samples, start, min(start + attribute.WINDOW, interval.end))
            for part, interval in zip(starts, intervals, strict=True)
            for start in part
        ]
    )
    windows = np.split(flat, np.cumsum([len(part) for part in starts])[:-1])
    mean = attribute.recording_mean(windows)
    pieces = [
        piece
        for vectors, part, interval in zip(windows, starts, intervals, strict=True)
        for piece in attribute.split(vectors, part, interval, mean, config.attribution.change)
    ]
    every = [start for part in starts for start in part]
    names = list(prints)
    voices = attribute.unit(np.stack([prints[name] for name in names]))
    heard = []
    for reading in reading_order.follow(samples, pieces, prompts, language, scorer, config.order):
        reader = readers[reading.prompt]
        if reader is None or reader not in prints:
            continue
        own = flat[attribute.inside(every, reading.interval)]
        verdict = attribute.decide(own, voices, names.index(reader), mean, config.attribution)
        unsure = PROMPT_UNSURE if reading.margin < config.order.least_margin else None
        reason = verdict.reason.value if verdict.reason else unsure
        heard.append(Heard(reading.prompt, reading.interval, verdict.evidence, reason))
    return heard


def _window_starts(interval: Interval) -> list[float]:
    """Return where windows begin: every half window over the interval, the last one ending with it."""
    room = max(0.0, interval.duration - attribute.WINDOW)
    count = int(np.ceil(room / (attribute.WINDOW / 2))) + 1
    return [interval.start + float(offset) for offset in np.linspace(0.0, room, count)]


def _cut(samples: Samples, start: Seconds, end: Seconds) -> Samples:
    return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
