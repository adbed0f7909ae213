"""From one recording to release rows: consent, decoding, cutting, prompts, quality, phones, redaction, voice.

``process`` keeps no state and writes nothing: it returns rows, and the reason of every reading that is not among them.
Consent is its first door: a recording that does not pass is never opened.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import lru_cache, partial

from collection import audio, phones, prompts, quality, redact, voice
from collection.audio import AudioLimits
from collection.classes.class_recording import ClassConfig, Enrolled
from collection.consent import may_use
from collection.errors import AudioError
from collection.hearing import listening
from collection.intake import Annotation, Recording
from collection.manifest import canonical_json
from collection.phones import PhoneError
from collection.pseudonymise import device_kind
from collection.pseudonyms.naming import Naming
from collection.quality import QualityPolicy
from collection.redact import Reading, RedactionConfig, Redactor
from collection.redaction import word_times
from collection.redaction.forgotten_names import ForgottenNames
from collection.redaction.personal_data import Span
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
from collection.segment import Interval, Samples, SegmentConfig, Segmenter, cut
from collection.voice import VoiceConfig

NO_CONSENT = "consent_no_longer_held"
NO_PRONUNCIATION = "no_pronunciation"
PERSONAL_DATA = "personal_data_in_text"
"""Reason of readings whose text holds personal data that cannot be silenced, because nobody knows when it was said."""
SILENCED = "personal_data_silenced"
"""Flag of rows in which personal data are silenced and replaced."""


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
    voice: VoiceConfig
    redaction: RedactionConfig = field(default_factory=RedactionConfig)
    classes: ClassConfig = field(default_factory=ClassConfig)
    names: tuple[str, ...] = field(default=(), repr=False)
    """Names on the roster, looked for in texts."""
    schools: tuple[str, ...] = field(default=(), repr=False)
    forgotten: ForgottenNames | None = None
    """Names of learners who withdrew, looked for too."""
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    """What the folders of checkpoints held when the build began (SHA-256), by path."""


@dataclass(frozen=True, slots=True)
class Task:
    """One recording with the consent it is processed under and what experts said of its readings, by prompt index."""

    recording: Recording
    grant: ConsentGrant
    annotations: Mapping[int, Annotation]
    enrolled: Mapping[str, Enrolled] = field(default_factory=dict)
    """A class recording's consenting learners, by learner id; ``grant`` allows nothing then."""

    @property
    def readings(self) -> int:
        """How many readings it is worked on for."""
        asked = self.recording.readings
        return sum(asked[learner] for learner in self.enrolled) if self.recording.readers else sum(asked.values())


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
        intervals = segmenter(context.segment).intervals(samples)
        matching = prompts.match(intervals, recording.prompts, context.match)
        if matching.flagged is not None:
            review = {context.naming.recording(recording.recording_id): matching.flagged.value}
            return replace(_nothing(recording, matching.flagged.value), review=review)
        readings, doubtful = matching.assignments, matching.doubtful
    drops: Counter[str] = Counter(doubt.value for doubt in doubtful.values())
    kept = rows_of(task, samples, readings, context)
    listen = {context.naming.utterance(recording.recording_id, index): doubt.value for index, doubt in doubtful.items()}
    return replace(kept, drops=kept.drops + drops, review=listen)


def rows_of(
    task: Task, samples: Samples, readings: Sequence[tuple[int, Interval]], context: Context
) -> RecordingResult:
    """Return the rows of one learner's readings (prompt index, interval) in the samples of a recording."""
    recording = task.recording
    speaker_id = context.naming.speaker(recording.learner_id)
    voice_seed = voice.speaker_seed(context.naming.subkey, speaker_id)
    rows: list[Utterance] = []
    drops: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    for index, interval in readings:
        piece = cut(samples, interval)
        measured = quality.measure(piece)
        verdict = quality.judge(measured, context.quality)
        if verdict.action is quality.Action.DROP:
            drops[_dropping(measured, context.quality)] += 1
            continue
        try:
            words, phone_row, scores, raters = _said(recording, index, task.annotations.get(index), context.naming)
        except PhoneError:
            drops[NO_PRONUNCIATION] += 1
            continue
        said = Reading(piece, recording.prompts[index], words, phone_row, raters)
        redacted = _redacted(said, recording, context)
        if redacted is None:
            drops[PERSONAL_DATA] += 1
            continue
        if redacted is not said:
            flags[SILENCED] += 1
        flags.update(issue.value for issue in verdict.reasons)
        rows.append(
            Utterance(
                utterance_id=context.naming.utterance(recording.recording_id, index),
                speaker_id=speaker_id,
                session_id=context.naming.session(recording.session_id),
                # Quality is of what was recorded; the disguise comes last.
                audio=audio.encode_flac(voice.transform(redacted.samples, context.voice, voice_seed)),
                duration=len(piece) / SAMPLE_RATE,
                language=recording.language,
                text=redacted.text,
                words=redacted.words,
                phones=redacted.phones,
                scores=scores,
                raters=redacted.raters,
                speaker=Speaker(),
                device=device_kind(recording.device),
                quality=measured,
                consent=replace(task.grant, expires=None),
                usage=context.usage,
                source=context.naming.source,
            )
        )
    return RecordingResult(tuple(rows), drops, flags, {})


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


def _redacted(reading: Reading, recording: Recording, context: Context) -> Reading | None:
    """Return a reading without personal data: itself when it has none, ``None`` when it cannot be freed of them."""
    if not context.redaction.enabled:
        return reading
    settings = canonical_json(asdict(context.redaction))
    spans = _personal(reading.text, recording.language, context.names, context.schools, context.forgotten, settings)
    if not spans:
        return reading
    if not recording.segmented:
        # Experts' times count from a start that our cut has moved.
        untimed = tuple(replace(word, start=None, end=None) for word in reading.words)
        reading = replace(reading, words=untimed)
    align = None
    if context.redaction.listener is not None:
        align = partial(word_times.align, listening.load(context.redaction.listener, context.redaction.model))
    return redact.redact_reading(reading, spans, recording.language, align)


@lru_cache(maxsize=4096)
def _personal(
    text: str,
    language: str,
    names: tuple[str, ...],
    schools: tuple[str, ...],
    forgotten: ForgottenNames | None,
    settings: str,
) -> tuple[Span, ...]:
    """Return the personal data in a text; a class reads the same texts again and again."""
    return _redactor(language, names, schools, forgotten, settings).find(text)


@lru_cache(maxsize=4)
def _redactor(
    language: str, names: tuple[str, ...], schools: tuple[str, ...], forgotten: ForgottenNames | None, settings: str
) -> Redactor:
    return Redactor(language, names, schools, RedactionConfig(**json.loads(settings)), forgotten)


@lru_cache(maxsize=1)
def _loaded(settings: str) -> Segmenter:
    return Segmenter(SegmentConfig(**json.loads(settings)))


def segmenter(config: SegmentConfig) -> Segmenter:
    """Return the segmenter of a configuration; its model loads once a process."""
    return _loaded(canonical_json(asdict(config)))
