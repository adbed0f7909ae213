"""Pauses, pace, melody and word stress of one reading, each with its evidence: sound and alignment in, records out.

    found = measure(waveform, assessment.words, assessment.phones, text, "en-US")
    json.dumps(dataclasses.asdict(found), allow_nan=False)

Nothing here learns or judges fluency: the measures go to a reader's feedback and, as ``fluency_features``, to a scorer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collection.phones import primary_subtag
from collection.schema import Seconds
from training.errors import AssessmentError
from training.prosodic import pauses, pitch, stress
from training.prosodic.pauses import Pace, Pause, PauseKind, PauseSettings, TimedPhone
from training.prosodic.pitch import Pitch, PitchSettings
from training.prosodic.punctuation import punctuation
from training.prosodic.stress import StressSettings, StressVerdict, WordStress


class SpokenWord(Protocol):
    """A word of the text as it is read: ``training.advice.assessment.WordScore`` is one."""

    @property
    def text(self) -> str:
        """The word, lower case."""


@dataclass
class ProsodySettings:
    """Every threshold of the measures. Treat as read-only."""

    pauses: PauseSettings = field(default_factory=PauseSettings)
    """What silence and a pause are."""
    pitch: PitchSettings = field(default_factory=PitchSettings)
    """How pitch is followed."""
    stress: StressSettings = field(default_factory=StressSettings)
    """What makes a vowel stand out."""
    silence_dbfs: float = -60.0
    """dBFS of the highest sample, mean removed; below it nothing is measured."""


@dataclass(frozen=True, slots=True)
class Prosody:
    """The prosody of one reading; ``None`` is what the sound does not tell. Times are seconds from its start."""

    contrast_db: float | None = None
    """dB from the quietest frames to speech; ``None`` where they are too close to hear a pause."""
    pauses: tuple[Pause, ...] | None = None
    """In order; ``None`` where a pause could not be heard."""
    pace: Pace | None = None
    """``None`` without aligned phones."""
    pitch: Pitch | None = None
    """``None`` with too little voiced speech."""
    stress: tuple[WordStress, ...] | None = None
    """The words with several vowels; ``None`` in other languages than English, whose dictionary marks stress."""


def measure(
    waveform: npt.NDArray[np.floating],
    words: Sequence[SpokenWord],
    phones: Sequence[TimedPhone],
    text: str,
    language: str,
    settings: ProsodySettings | None = None,
) -> Prosody:
    """Return the prosody of a reading: mono samples (N,) at 16 kHz, the words and phones an ``Assessor`` aligned.

    ``text`` is what was to be read, with its punctuation; ``language`` a BCP 47 tag with an inventory. The level of the
    sound does not matter. Silent, damaged (NaN) or empty sound, and sound without aligned phones, gives ``Prosody()``.
    Raises ``AssessmentError`` for phones that are out of order or belong to no word, ``PhoneError`` for a language or
    a text that nobody can read.
    """
    chosen = settings or ProsodySettings()
    _check(waveform, words, phones)
    samples = _levelled(waveform, chosen.silence_dbfs)
    if samples is None or not phones:
        return Prosody()
    level = pauses.levels(samples)
    heard = pauses.contrast(level, phones, chosen.pauses)
    limit = None if heard is None else heard[1]
    found: tuple[Pause, ...] | None = None
    if limit is not None:
        marks = punctuation(text, [word.text for word in words], language)
        found = pauses.find_pauses(level, limit, phones, marks, chosen.pauses)
    track = _spoken(pitch.follow(samples, chosen.pitch), level, limit, phones[0].start, phones[-1].end)
    track = pitch.without_octave_errors(track, chosen.pitch)
    stresses: tuple[WordStress, ...] | None = None
    if primary_subtag(language) == "en":
        sung = track[track > 0]
        notes = pitch.semitones(track, float(np.median(sung)) if len(sung) else 1.0)
        after = frozenset(pause.after_word for pause in _real(found or ()) if not pause.inside_word)
        named = [word.text for word in words]
        stresses = stress.word_stresses(phones, named, level, limit, notes, after, chosen.stress)
    pace = pauses.measure_pace(phones, found)
    return Prosody(None if heard is None else heard[0], found, pace, pitch.measure_pitch(track, chosen.pitch), stresses)


def _check(waveform: npt.NDArray[np.floating], words: Sequence[SpokenWord], phones: Sequence[TimedPhone]) -> None:
    if waveform.ndim != 1:
        raise AssessmentError(
            f"A waveform is one row of samples (N,), this one has shape {waveform.shape}: mix to mono."
        )
    lost = [phone.word_index for phone in phones if not 0 <= phone.word_index < len(words)]
    if lost:
        raise AssessmentError(
            f"A phone belongs to word {lost[0]}, but there are {len(words)} words: give both of one text."
        )
    times = all(0 <= phone.start <= phone.end < np.inf for phone in phones)
    order = all(a.word_index <= b.word_index and a.start + a.end <= b.start + b.end for a, b in pairwise(phones))
    if not (times and order):
        raise AssessmentError("Phones must come in the order of the text, with times in seconds: give an alignment's.")


def _levelled(waveform: npt.NDArray[np.floating], silence_dbfs: float) -> npt.NDArray[np.float64] | None:
    """Return samples with mean 0 and peak 1, so that no level matters; ``None`` for silence and damaged sound."""
    samples = np.asarray(waveform, np.float64)
    if not len(samples) or not np.isfinite(samples).all():
        return None
    samples = samples - samples.mean()
    peak = float(np.abs(samples).max())
    return samples / peak if peak >= 10 ** (silence_dbfs / 20) else None


def _spoken(track: pitch.Track, level: pauses.Levels, limit: float | None, start: Seconds, end: Seconds) -> pitch.Track:
    """Return the track with 0 outside the reading and in its silences."""
    time = np.arange(len(track)) * pitch.STEP
    kept = (time >= start) & (time < end)
    if limit is not None and len(level):
        # Level f is centred where pitch f + 1 is.
        kept &= level[np.clip(np.arange(len(track)) - 1, 0, len(level) - 1)] >= limit
    return np.where(kept, track, 0.0)


def _real(found: Sequence[Pause]) -> list[Pause]:
    """Return the pauses that were made."""
    return [pause for pause in found if pause.kind is not PauseKind.MISSING]


_NEUTRAL = {
    "pace_known": 0.0, "speech_rate": 1.2, "phone_rate": 2.1, "unplaced_share": 0.1, "syllables": 1.9,
    "pauses_known": 0.0, "articulation_rate": 1.2, "phonation_share": 1.0, "mean_run": 1.9, "pauses_a_second": 0.0,
    "unexpected_a_second": 0.0, "longest_pause": 0.0, "broken_words": 0.0, "missing_pauses": 0.0,
    "pitch_known": 0.0, "pitch_range": 5.5, "monotone": 0.0, "voiced_share": 0.5,
    "stress_known": 0.0, "stress_expected": 0.8, "stress_elsewhere": 0.0,
}  # fmt: skip
"""Feature: what stands for it where the sound does not tell it, about the median of training readings."""

FLUENCY_FEATURES = tuple(_NEUTRAL)
"""Names of what ``fluency_features`` returns, in order."""

_LARGEST = 100.0


def fluency_features(prosody: Prosody) -> npt.NDArray[np.float32]:
    """Return the measures as a vector (len(FLUENCY_FEATURES),) that a scorer can learn from: always finite.

    Rates, ``mean_run`` and ``syllables`` are natural logarithms; ``longest_pause`` is in seconds, ``pitch_range`` in
    semitones; the three last counts of pauses are of pauses, the stresses are means over words with a known stress. A
    feature that ends in ``_known`` is 1 where those behind it were measured and 0 where they hold a neutral value.
    """
    known = {**_of_pace(prosody.pace), **_of_pauses(prosody), **_of_pitch(prosody), **_of_stress(prosody.stress or ())}
    values = [known.get(name, neutral) for name, neutral in _NEUTRAL.items()]
    return np.clip(np.asarray(values, np.float32), -_LARGEST, _LARGEST)


def _log(value: float) -> float:
    return float(np.log(max(value, 0.1)))


def _of_pace(pace: Pace | None) -> dict[str, float]:
    if pace is None:
        return {}
    return {
        "pace_known": 1.0,
        "speech_rate": _log(pace.speech_rate),
        "phone_rate": _log(pace.phone_rate),
        "unplaced_share": pace.unplaced_share,
        "syllables": _log(pace.syllables),
    }


def _of_pauses(prosody: Prosody) -> dict[str, float]:
    pace = prosody.pace
    if prosody.pauses is None or pace is None or pace.articulation_rate is None:
        return {}
    real, span = _real(prosody.pauses), pace.end - pace.start
    unexpected = sum(pause.kind is PauseKind.UNEXPECTED for pause in real)
    return {
        "pauses_known": 1.0,
        "articulation_rate": _log(pace.articulation_rate),
        "phonation_share": pace.phonation_share or 0.0,
        "mean_run": _log(pace.mean_run or 0.0),
        "pauses_a_second": len(real) / span,
        "unexpected_a_second": unexpected / span,
        "longest_pause": max((pause.silence for pause in real), default=0.0),
        "broken_words": float(sum(pause.inside_word for pause in real)),
        "missing_pauses": float(len(prosody.pauses) - len(real)),
    }


def _of_pitch(prosody: Prosody) -> dict[str, float]:
    found, pace = prosody.pitch, prosody.pace
    if found is None or pace is None:
        return {}
    share = min(1.0, found.voiced / (pace.end - pace.start))
    return {
        "pitch_known": 1.0,
        "pitch_range": found.range,
        "monotone": float(found.monotone or False),
        "voiced_share": share,
    }


def _of_stress(words: Sequence[WordStress]) -> dict[str, float]:
    judged = [word for word in words if word.verdict is not None]
    if not judged:
        return {}
    expected = [sum(word.vowels[place].probability for place in word.expected) for word in judged]
    elsewhere = [word.verdict is StressVerdict.ELSEWHERE for word in judged]
    return {
        "stress_known": 1.0,
        "stress_expected": float(np.mean(expected)),
        "stress_elsewhere": float(np.mean(elsewhere)),
    }
