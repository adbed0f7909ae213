"""What the pipeline hears in a recording, as segments with a fate and its reasons.

Nothing is decided here that the pipeline decides: it decodes, cuts, matches texts and judges quality; what it leaves to
a person is flagged for the teacher. In the recording of a class, a voice that is not surely that of a consenting, known
learner belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from collection import phones, prompts, quality
from collection.building.pipeline import NO_PRONUNCIATION, segmenter
from collection.classes import class_recording, voice_encoder
from collection.classes.class_recording import PROMPT_UNSURE, ClassConfig
from collection.hearing import listening
from collection.phones import PhoneError
from collection.prompts import Doubt
from collection.quality import QualityPolicy
from collection.schema import SAMPLE_RATE
from collection.segment import Interval, Samples, SegmentConfig, cut
from collection.web.recordings.models import Fate, Segment

POLICY = QualityPolicy()
READING = SegmentConfig(min_silence=0.9)
"""Children stop between words for longer than the pipeline's 0.3 s, and the page asks for two seconds between texts."""
PEAKS = 600
"""Columns of a drawn wave."""
_FATES = {quality.Action.KEEP: Fate.KEPT, quality.Action.FLAG: Fate.FLAGGED, quality.Action.DROP: Fate.DROPPED}


@dataclass
class Heard:
    """Segments of one recording, not saved; why nothing or less could be kept; positions not heard, by reason."""

    segments: list[Segment] = field(default_factory=list)
    reason: str = ""
    unheard: dict[str, list[int]] = field(default_factory=dict)


def one_text(samples: Samples, position: int, text: str, language: str, learner_id: str) -> Heard:
    """Hear a file of one text, recorded at the computer: it is not cut again."""
    whole = Interval(0.0, len(samples) / SAMPLE_RATE)
    drafts = [_segment(samples, whole, position, text, language, learner_id)]
    if not segmenter(SegmentConfig()).intervals(samples):
        drafts[0].fate, drafts[0].reasons = Fate.DROPPED, [Doubt.NO_SPEECH.value]
    return Heard(drafts)


def one_learner(samples: Samples, texts: Sequence[tuple[int, str]], language: str, learner_id: str) -> Heard:
    """Hear a learner read ``texts`` (position, text) in order. What does not fit is left to the teacher's ear."""
    intervals = sorted(segmenter(READING).intervals(samples))
    matching = prompts.match(intervals, [text for _, text in texts])
    if matching.flagged is not None:
        unknown = [_segment(samples, interval, None, "", language, learner_id) for interval in intervals]
        for draft in unknown:
            _doubt(draft, matching.flagged.value)
        return Heard(unknown, matching.flagged.value)
    heard = Heard()
    for index, interval in enumerate(intervals):
        draft = _segment(samples, interval, *texts[index], language, learner_id)
        if (doubt := matching.doubtful.get(index)) is not None:
            _doubt(draft, doubt.value)
        heard.segments.append(draft)
    return heard


def whole_class(
    samples: Samples,
    texts: Sequence[tuple[int, str]],
    readers: Sequence[str | None],
    language: str,
    prints: Mapping[str, npt.NDArray[np.float32]],
    config: ClassConfig,
    children: Collection[str] = (),
) -> Heard:
    """Hear a class take turns: of the learners in ``prints`` (id to voiceprint) only, what they surely read.

    ``readers[i]`` is to read ``texts[i]``. Raises ConfigError for a language that the listener does not know.
    ``children`` are known to be under 16.
    """
    heard = Heard()
    found = class_recording.listen(
        samples,
        segmenter(SegmentConfig()).intervals(samples),
        [text for _, text in texts],
        readers,
        language,
        prints,
        voice_encoder.embed_many,
        listening.load(config.listener, config.model),
        config,
        children,
    )
    for one in found:
        position, text = texts[one.prompt]
        if one.reason in (None, PROMPT_UNSURE):
            draft = _segment(samples, one.interval, position, text, language, readers[one.prompt])
            if one.reason is not None:
                _doubt(draft, one.reason)
        else:
            draft = _stretch(one.interval, position, text, None)
            draft.fate, draft.reasons = Fate.DROPPED, [one.reason]
        heard.segments.append(draft)
    missing = {index for index, reader in enumerate(readers) if reader in prints} - {one.prompt for one in found}
    if missing:
        heard.unheard[class_recording.NOT_HEARD] = [texts[index][0] for index in sorted(missing)]
    return heard


def peaks(samples: Samples, columns: int = PEAKS) -> list[int]:
    """Return the loudest amplitude of each of at most ``columns`` equal parts, in hundredths of full scale."""
    if not len(samples):
        return []
    edges = np.linspace(0, len(samples), min(columns, len(samples)) + 1).astype(np.int64)
    loudest = np.maximum.reduceat(np.abs(samples), edges[:-1])
    return [int(value) for value in np.clip(np.rint(loudest * 100), 0, 100)]


def judged(samples: Samples, interval: Interval) -> tuple[Fate, list[str], dict[str, float | None]]:
    """Return what quality says of a stretch of a recording: its fate, the reasons, and what was measured."""
    measured = quality.measure(cut(samples, interval))
    verdict = quality.judge(measured, POLICY)
    return _FATES[verdict.action], [issue.value for issue in verdict.reasons], asdict(measured)


def _segment(
    samples: Samples, interval: Interval, position: int | None, text: str, language: str, learner_id: str | None
) -> Segment:
    draft = _stretch(interval, position, text, learner_id)
    draft.fate, draft.reasons, draft.quality = judged(samples, interval)
    if text and not pronounceable(text, language):
        draft.fate, draft.reasons = Fate.DROPPED, [NO_PRONUNCIATION, *draft.reasons]
    return draft


def _doubt(draft: Segment, reason: str) -> None:
    """Leave a segment to the teacher's ear; one that is dropped stays so."""
    draft.fate = Fate.FLAGGED if draft.fate == Fate.KEPT else draft.fate
    draft.reasons = [reason, *draft.reasons]


def _stretch(interval: Interval, position: int | None, text: str, learner_id: str | None) -> Segment:
    return Segment(learner_id=learner_id, position=position, text=text, start=interval.start, end=interval.end)


@lru_cache(maxsize=4096)
def pronounceable(text: str, language: str) -> bool:
    """Tell whether the build will know the phones of a text."""
    try:
        return bool(phones.transcribe(text, language))
    except PhoneError:
        return False
