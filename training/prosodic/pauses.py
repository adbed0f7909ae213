"""Where a reader pauses, and how fast the reading goes: levels, aligned phones and the text's punctuation in.

A phone model that was trained with CTC says where phones are, not how long they last. Silence is therefore measured on
the sound, between the centres of neighbouring phones; the alignment says only between which words it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collection.pronunciation.english import VOWELS
from collection.schema import SAMPLE_RATE, Seconds
from training.prosodic.punctuation import Mark

HOP = 160
"""Samples from one level to the next: 10 ms."""

WINDOW = 320
"""Samples a level is taken over: 20 ms."""

STEP: Seconds = HOP / SAMPLE_RATE

FLOOR_DB = -100.0
"""What digital silence is reported as."""

Levels = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class TimedPhone(Protocol):
    """A phone that an alignment found: ``training.advice.assessment.PhoneScore`` is one."""

    @property
    def symbol(self) -> str:
        """ARPAbet or IPA, without stress."""

    @property
    def word_index(self) -> int:
        """Place of its word in the text."""

    @property
    def start(self) -> Seconds:
        """Seconds from the start of the sound."""

    @property
    def end(self) -> Seconds:
        """Seconds from the start of the sound."""


class PauseKind(StrEnum):
    """What a pause means for the reading."""

    EXPECTED = "expected"
    """Where the text has punctuation."""
    UNEXPECTED = "unexpected"
    """Within a phrase, and long."""
    BRIEF = "brief"
    """Within a phrase, but short: measured, and held against nobody."""
    MISSING = "missing"
    """The text ends a sentence and goes on, the voice does not stop."""


@dataclass
class PauseSettings:
    """From when on a silence is a pause, and a pause is unexpected. Chosen on training speakers (``docs/lab.md``)."""

    shortest: Seconds = 0.25
    """s; a shorter silence is the closure of a stop or a join of words, not a pause."""
    unexpected: Seconds = 0.35
    """s; from this length on a pause within a phrase is unexpected."""
    missing: Seconds = 0.1
    """s; at the end of a sentence that goes on, a longest silence under this is a missing pause."""
    room: Seconds = 0.3
    """s; two phones whose centres are this far apart leave room for a pause that noise may hide: none is missing."""
    click: Seconds = 0.03
    """s; a sound up to this length does not end a silence."""
    core: Seconds = 0.03
    """s; on both sides of a phone's centre there is speech, however weak: noise would swallow it otherwise."""
    rise: float = 1 / 3
    """Share 0-1 of the way, in dB, from the quietest frames up to speech; what lies below is silent."""
    least_rise_db: float = 3.0
    """dB; the limit of silence lies at least so far above the quietest frames, whose levels scatter."""
    range_db: float = 45.0
    """dB; quieter frames than this far below speech count as this far below: a mute tells nothing of the room."""
    least_contrast_db: float = 10.0
    """dB from the quietest frames to speech; with less, nobody can say whether the reader paused."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause, or its absence, between the word ``after_word`` and what follows.

    ``start`` and ``end`` are those of the silence; of a missing pause, the centres of the two phones that it belongs
    between. ``silence`` is the longest silence measured there, in seconds; with ``inside_word`` it breaks that word.
    """

    kind: PauseKind
    start: Seconds
    end: Seconds
    after_word: int
    inside_word: bool
    silence: Seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a text was read, from the first phone (``start``, s) to the last (``end``, s).

    ``phones`` and ``syllables`` are those of the text. Rates are a second; those of articulation leave the pauses out.
    ``None`` where pauses cannot be heard.
    """

    start: Seconds
    end: Seconds
    phones: int
    syllables: int
    speech_rate: float
    """Syllables a second, pauses included."""
    phone_rate: float
    """Phones a second, pauses included."""
    articulation_rate: float | None
    """Syllables a second of phonation."""
    phonation_share: float | None
    """Share 0-1 of the time without pauses."""
    mean_run: float | None
    """Syllables from one pause to the next, on average."""
    unplaced_share: float
    """Share 0-1 of the time that the alignment gives to no phone: pauses, drawn-out, repeated and unread sounds."""


def levels(samples: npt.NDArray[np.floating]) -> Levels:
    """Return the level (F,) in dB of each 20 ms of samples (N,), every 10 ms; frame f is centred on (f + 1) / 100 s.

    The mean of a frame is taken off, so that an offset is no sound.
    """
    sound = np.asarray(samples, np.float64)
    sums, energy = (np.concatenate(([0.0], np.cumsum(values))) for values in (sound, np.square(sound)))
    starts = np.arange(0, len(sound) - WINDOW + 1, HOP)
    means, powers = ((total[starts + WINDOW] - total[starts]) / WINDOW for total in (sums, energy))
    heard = np.maximum(powers - np.square(means), 10 ** (FLOOR_DB / 10))
    return np.asarray(10 * np.log10(heard), np.float64)


def frame_times(count: int) -> Levels:
    """Return the centres in seconds of so many levels."""
    return np.asarray(np.arange(1, count + 1) * STEP, np.float64)


def contrast(level: Levels, phones: Sequence[TimedPhone], settings: PauseSettings) -> tuple[float, float] | None:
    """Return (dB from the quietest frames to speech, the level in dB below which a frame is silent).

    Speech is the 95th percentile of the levels (F,) while a phone lasts, the quietest frames the 5th percentile of all.
    ``None`` where these are too close to tell silence from sound, or there is neither.
    """
    time = frame_times(len(level))
    reading = level[(time >= phones[0].start) & (time < phones[-1].end)]
    spoken = np.zeros(len(level), np.bool_)
    for phone in phones:
        spoken |= (time >= phone.start) & (time < phone.end)
    if not spoken.any():
        return None
    speech = float(np.percentile(level[spoken], 95))
    audible = level[level > FLOOR_DB]
    if speech <= FLOOR_DB:
        return None
    floor = float(np.percentile(audible, 5))
    if speech - floor < settings.least_contrast_db and reading.min() <= FLOOR_DB:
        floor = FLOOR_DB  # a device that mutes what it takes for silence lets no quiet frame through
    floor = max(floor, speech - settings.range_db)
    if speech - floor < settings.least_contrast_db:
        return None
    return speech - floor, floor + max(settings.least_rise_db, settings.rise * (speech - floor))


def find_pauses(
    level: Levels, limit: float, phones: Sequence[TimedPhone], marks: Sequence[Mark], settings: PauseSettings
) -> tuple[Pause, ...]:
    """Return the pauses between phones in their order: ``level`` (F,) below ``limit`` is silent, both in dB.

    ``marks`` has the punctuation after each word. Silence before the first phone and after the last is no pause.
    """
    silent = level < limit
    found: list[Pause] = []
    for left, right in pairwise(phones):
        before, after = (left.start + left.end) / 2, (right.start + right.end) / 2
        inside = left.word_index == right.word_index
        mark = Mark.NONE if inside else max(marks[left.word_index : max(right.word_index, left.word_index + 1)])
        if after - before < settings.shortest + 2 * settings.core and mark is not Mark.SENTENCE:
            continue
        # Frame f tells of the 10 ms around its centre, from f + 1/2 steps on.
        first = max(0, int(np.ceil((before + settings.core) / STEP - 0.5)))
        last = min(len(silent), int((after - settings.core) / STEP - 0.5))
        runs = silent_runs(silent[first:last], round(settings.click / STEP))
        times = [((first + start + 0.5) * STEP, (first + end + 0.5) * STEP) for start, end in runs]
        kind = _kind(mark)
        for start, end in times:
            if end - start >= settings.shortest:
                long = end - start >= settings.unexpected
                named = kind or (PauseKind.UNEXPECTED if long else PauseKind.BRIEF)
                found.append(Pause(named, start, end, left.word_index, inside, end - start))
        longest = max((end - start for start, end in times), default=0.0)
        if mark is Mark.SENTENCE and longest < settings.missing and after - before < settings.room:
            found.append(Pause(PauseKind.MISSING, before, after, left.word_index, False, longest))
    return tuple(found)


def _kind(mark: Mark) -> PauseKind | None:
    return None if mark is Mark.NONE else PauseKind.EXPECTED


def silent_runs(silent: Mask, click: int) -> list[tuple[int, int]]:
    """Return the runs (start, end exclusive) of a mask (F,), joined over up to ``click`` frames of sound."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], silent, [False]))))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] <= click:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def measure_pace(phones: Sequence[TimedPhone], pauses: Sequence[Pause] | None) -> Pace | None:
    """Return how fast phones (in order) were read; ``None`` without any phone that lasts."""
    start, end = (phones[0].start, max(phone.end for phone in phones)) if phones else (0.0, 0.0)
    span = end - start
    if span <= 0:
        return None
    count = sum(syllable_starts(phones))
    placed = sum(phone.end - phone.start for phone in phones)
    articulation = share = run = None
    if pauses is not None:
        real = [pause for pause in pauses if pause.kind is not PauseKind.MISSING]
        spoken = span - sum(pause.end - pause.start for pause in real)
        share = min(1.0, max(0.0, spoken / span))
        articulation = count / spoken if spoken > STEP else None
        run = count / (len(real) + 1)
    return Pace(
        start, end, len(phones), count, count / span, len(phones) / span, articulation, share, run,
        min(1.0, max(0.0, 1 - placed / span)),
    )  # fmt: skip


_IPA_VOWELS = frozenset("aeiouyøœɑɔəɛɪʊʏɐ")
_DIPHTHONGS = frozenset({("a", "ɪ"), ("a", "ʊ"), ("ɔ", "ʏ")})
"""German ones, which its inventory writes as two vowels."""


def is_vowel(symbol: str) -> bool:
    """Return whether a phone of any inventory is a vowel: the nucleus of a syllable."""
    return symbol in VOWELS or symbol[:1] in _IPA_VOWELS


def syllable_starts(phones: Sequence[TimedPhone]) -> list[bool]:
    """Return for each phone whether a new syllable's vowel begins there."""
    before = [None, *phones]
    return [
        is_vowel(phone.symbol)
        and (last is None or last.word_index != phone.word_index or (last.symbol, phone.symbol) not in _DIPHTHONGS)
        for last, phone in zip(before, phones, strict=False)
    ]
