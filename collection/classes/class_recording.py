"""A whole class in one recording: which consenting, enrolled learner is heard reading what. All others are nobody.

Pure but for the networks it calls. What it returns are intervals: the rest of the recording is never cut out, and so
never written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collection import attribute
from collection.attribute import AttributionConfig, Nobody, Vectors
from collection.hearing import reading_order
from collection.hearing.listening import Listener, spell
from collection.hearing.reading_order import OrderConfig
from collection.schema import ConsentGrant
from collection.segment import Interval, cut

Samples = npt.NDArray[np.float32]
Embed = Callable[[list[Samples]], Vectors]

GROWN = 16
"""Years from which a voice counts as grown."""
NOT_HEARD = "reading_not_heard"
PROMPT_UNSURE = "prompt_unsure"
NO_VOICEPRINT = "no_voiceprint"
NO_ENROLLED_VOICE = "no_enrolled_voice"
RECORDED_BEFORE_CONSENT = "recorded_before_consent"
RECORDED_NOBODY_KNOWS_WHEN = "recorded_nobody_knows_when"
TO_REVIEW = (PROMPT_UNSURE, *(reason.value for reason in Nobody))
"""Reasons that a person may settle by listening."""


@dataclass
class ClassConfig:
    """How a recording of a whole class is read. Treat as read-only."""

    order: OrderConfig = field(default_factory=OrderConfig)
    """How the reading list is followed."""
    attribution: AttributionConfig = field(default_factory=AttributionConfig)
    """When a voice is believed."""
    listener: str = "collection.hearing.sphinx:listener"
    """What hears phones, ``module:function``: PocketSphinx (English), or training.listener:listener."""
    model: str | None = None
    """Checkpoint folder for the listener; PocketSphinx needs none."""


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """A consenting learner of a class: their grant, and the vector (256,) of their voiceprint."""

    grant: ConsentGrant
    vector: npt.NDArray[np.float32] = field(repr=False)
    child: bool = False
    """Known to have been under 16 when the class was recorded."""


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
    listener: Listener,
    config: ClassConfig,
    children: Collection[str] = (),
) -> list[Heard]:
    """Return what was heard of the prompts whose readers are enrolled (``prints``, learner id to (256,)).

    ``samples`` (n,) at 16 kHz, ``intervals`` of speech in them, sorted and disjoint. ``readers[i]`` is to read
    ``prompts[i]``; the prompts of everyone else serve to follow the list. ``children`` are known to be under 16.
    """
    if not intervals or not prints:
        return []
    windows = [_windows(interval) for interval in intervals]
    vectors = _embed_all(samples, windows, embed)
    mean = attribute.recording_mean(vectors)
    pieces = [
        piece
        for each, part, interval in zip(vectors, windows, intervals, strict=True)
        for piece in attribute.split(each, [window.start for window in part], interval, mean, config.attribution.change)
    ]
    heard = listener(samples, intervals, language)
    readings = reading_order.follow(heard, spell(prompts, language), pieces, config.order)
    numbers = {name: number for number, name in enumerate(prints)}
    voices = attribute.unit(np.stack(list(prints.values())))
    verdicts = attribute.decide(
        _embed_all(samples, [_windows(reading.interval) for reading in readings], embed),
        [numbers.get(readers[reading.prompt] or "") for reading in readings],
        voices,
        mean,
        config.attribution,
        {numbers[name] for name in children if name in numbers},
    )
    found = []
    for reading, verdict in zip(readings, verdicts, strict=True):
        if verdict is None:
            continue
        unsure = PROMPT_UNSURE if reading.margin < heard.least_margin else None
        reason = verdict.reason.value if verdict.reason else unsure
        found.append(Heard(reading.prompt, reading.interval, verdict.evidence, reason))
    return found


def _embed_all(samples: Samples, parts: Sequence[Sequence[Interval]], embed: Embed) -> list[Vectors]:
    """Return the embeddings of each part's windows."""
    flat = embed([cut(samples, window) for part in parts for window in part])
    return np.split(flat, np.cumsum([len(part) for part in parts])[:-1]) if parts else []


def _windows(interval: Interval) -> list[Interval]:
    """Return windows over an interval, one every half window, the last ending with it; a short one is one window."""
    room = max(0.0, interval.duration - attribute.WINDOW)
    count = int(np.ceil(room / (attribute.WINDOW / 2))) + 1
    starts = (interval.start + float(offset) for offset in np.linspace(0.0, room, count))
    return [Interval(start, min(start + attribute.WINDOW, interval.end)) for start in starts]
