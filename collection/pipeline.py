"""From one recording to release rows: consent, decoding, cutting, prompts, quality, phones - in that order.

``process`` keeps no state and writes nothing: it returns rows, and the reason of every reading that is not among them.
Consent is its first door: a recording that does not pass is never opened.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache

from collection import audio, phones, prompts, quality
from collection.audio import AudioLimits
from collection.consent import may_use
from collection.errors import AudioError
from collection.intake import Annotation, Recording
from collection.manifest import canonical_json
from collection.naming import Naming
from collection.phones import PhoneError
from collection.pseudonymise import device_kind
from collection.quality import QualityPolicy
from collection.schema import (
    SAMPLE_RATE,
    ConsentGrant,
    Phone,
    Purpose,
    Quality,
    Rating,
    Scores,
    Speaker,
    Utterance,
    Word,
)
from collection.segment import Interval, SegmentConfig, Segmenter

NO_CONSENT = "consent_no_longer_held"
NO_PRONUNCIATION = "no_pronunciation"


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for every recording of a build."""

    naming: Naming
    purposes: tuple[Purpose, ...]
    on: date
    usage: str
    limits: AudioLimits
    segment: SegmentConfig
    match: prompts.MatchConfig
    quality: QualityPolicy


@dataclass(frozen=True, slots=True)
class Task:
    """One recording with the consent it is processed under and what experts said of its readings, by prompt index."""

    recording: Recording
    grant: ConsentGrant
    annotations: Mapping[int, Annotation]


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """Rows of one recording; ``drops`` count readings by reason, and rows plus drops are all its readings.

    ``flags`` count what is odd about kept rows. ``review`` maps the pseudonym of a recording or of one of its readings
    to the reason why someone should listen to it.
    """

    rows: tuple[Utterance, ...]
    drops: Counter[str]
    flags: Counter[str]
    review: Mapping[str, str]


def process(task: Task, context: Context) -> RecordingResult:
    """Return the release rows of one recording; a file that cannot be used is a counted reason, never an exception.

    Speaker demographics and the end of consent are left open, which makes the rows of consented learners unusable: both
    are generalised over all speakers when the release is put together.
    """
    recording = task.recording
    if not all(may_use(task.grant, purpose, context.on) for purpose in context.purposes):
        return _nothing(recording, NO_CONSENT)
    try:
        samples = audio.decode(recording.path, context.limits).samples
    except AudioError as error:
        return _nothing(recording, error.reason)
    doubtful: Mapping[int, prompts.Doubt] = {}
    if recording.segmented:
        readings: Sequence[tuple[int, Interval]] = [(0, Interval(0.0, len(samples) / SAMPLE_RATE))]
    else:
        intervals = _segmenter(context.segment).intervals(samples)
        matching = prompts.match(intervals, recording.prompts, context.match)
        if matching.flagged is not None:
            review = {context.naming.recording(recording.recording_id): matching.flagged.value}
            return replace(_nothing(recording, matching.flagged.value), review=review)
        readings, doubtful = matching.assignments, matching.doubtful
    rows: list[Utterance] = []
    drops: Counter[str] = Counter(doubt.value for doubt in doubtful.values())
    flags: Counter[str] = Counter()
    for index, interval in readings:
        cut = samples[round(interval.start * SAMPLE_RATE) : round(interval.end * SAMPLE_RATE)]
        measured = quality.measure(cut)
        verdict = quality.judge(measured, context.quality)
        if verdict.action is quality.Action.DROP:
            drops[_dropping(measured, context.quality)] += 1
            continue
        try:
            words, phone_row, scores, raters = _said(recording, index, task.annotations.get(index), context.naming)
        except PhoneError:
            drops[NO_PRONUNCIATION] += 1
            continue
        flags.update(issue.value for issue in verdict.reasons)
        rows.append(
            Utterance(
                utterance_id=context.naming.utterance(recording.recording_id, index),
                speaker_id=context.naming.speaker(recording.learner_id),
                session_id=context.naming.session(recording.session_id),
                audio=audio.encode_flac(cut),
                duration=len(cut) / SAMPLE_RATE,
                language=recording.language,
                text=recording.prompts[index],
                words=words,
                phones=phone_row,
                scores=scores,
                raters=raters,
                speaker=Speaker(),
                device=device_kind(recording.device),
                quality=measured,
                consent=replace(task.grant, expires=None),
                usage=context.usage,
                source=context.naming.source,
            )
        )
    listen = {context.naming.utterance(recording.recording_id, index): doubt.value for index, doubt in doubtful.items()}
    return RecordingResult(tuple(rows), drops, flags, listen)


def _nothing(recording: Recording, reason: str) -> RecordingResult:
    return RecordingResult((), Counter({reason: len(recording.prompts)}), Counter(), {})


def _dropping(measured: Quality, policy: QualityPolicy) -> str:
    """Return the first issue past its drop threshold; a verdict lists those past a flag threshold too."""
    names = [name.removeprefix("drop_") for name in vars(policy) if name.startswith("drop_")]
    strict = replace(policy, **{f"flag_{name}": getattr(policy, f"drop_{name}") for name in names})
    return quality.judge(measured, strict).reasons[0].value


def _said(
    recording: Recording, index: int, annotation: Annotation | None, naming: Naming
) -> tuple[tuple[Word, ...], tuple[Phone, ...], Scores, tuple[Rating, ...]]:
    """Return words, canonical phones, scores and raters of a reading; without experts, phones come from the prompt.

    Raises ``PhoneError`` when the text has no pronunciation, or experts used phones that the language does not have.
    """
    if annotation is not None:
        known = phones.inventory(recording.language)
        known.encode(symbol for phone in annotation.phones for symbol in (phone.canonical, phone.realised) if symbol)
        raters = tuple(replace(rating, rater=naming.rater(rating.rater)) for rating in annotation.raters)
        return annotation.words, annotation.phones, annotation.scores, raters
    spoken = phones.transcribe(recording.prompts[index], recording.language)
    words = tuple(Word(word.text) for word in spoken)
    expected = tuple(Phone(symbol, position) for position, word in enumerate(spoken) for symbol in word.canonical)
    if not expected:
        raise PhoneError("the prompt has no words")
    return words, expected, Scores(), ()


@lru_cache(maxsize=1)
def _loaded(settings: str) -> Segmenter:
    return Segmenter(SegmentConfig(**json.loads(settings)))


def _segmenter(config: SegmentConfig) -> Segmenter:
    """Return the segmenter of a configuration; its model loads once a process."""
    return _loaded(canonical_json(asdict(config)))
