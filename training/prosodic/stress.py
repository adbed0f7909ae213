"""Which syllable of an English word was stressed, and whether the dictionary agrees.

A stressed vowel is louder, higher and longer than its neighbours in the word (Fry, 1958). How much each cue counts is a
conditional logit over the vowels of a word, learned from training speakers; the dictionary is asked only afterwards, so
that the evidence does not know what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import numpy as np
import numpy.typing as npt

from collection.phones import Lexicon
from collection.pronunciation.english import VOWELS
from collection.schema import Seconds
from training.prosodic import pitch
from training.prosodic.pauses import FLOOR_DB, Levels, TimedPhone, frame_times

Cues = npt.NDArray[np.float64]


class StressVerdict(StrEnum):
    """Where the stress fell."""

    EXPECTED = "expected"
    ELSEWHERE = "elsewhere"
    UNSURE = "unsure"
    """The vowels are too much alike, too short or too near the noise to tell."""


@dataclass
class StressSettings:
    """What each cue is worth, and how sure a verdict must be. Learned on training speakers (``docs/lab.md``)."""

    per_db: float = 0.29
    """Log-odds of being stressed for each dB above the mean of the word's vowels."""
    per_semitone: float = 0.40
    """Log-odds for each semitone above their mean."""
    most_semitones: float = 2.0
    """Semitones from the mean up to which pitch counts: further off it is more often an octave error than stress."""
    per_log_second: float = 0.98
    """Log-odds for each unit of the natural logarithm of the duration above their mean."""
    last: float = -0.75
    """Log-odds of a word's last vowel, which stands out less or more by its place alone."""
    before_pause: float = 1.45
    """Log-odds added to a last vowel before a pause or the end, where voices sink."""
    sure_expected: float = 0.6
    """Probability 0-1 from which the stress is where the dictionary has it."""
    sure_elsewhere: float = 0.9
    """Probability 0-1 of one other vowel from which the stress is elsewhere."""
    shortest: Seconds = 0.03
    """s; a word with a shorter vowel gets no verdict: the alignment found no room for it."""
    above_noise_db: float = 6.0
    """dB over the limit of silence that every vowel of a word must reach for a verdict."""


@dataclass(frozen=True, slots=True)
class VowelStress:
    """The evidence of one vowel; level and pitch are told against the mean of the word's vowels.

    ``semitones`` is ``None`` where no pitch is heard; ``probability`` (0-1, over a word 1) says how much it stands out.
    """

    symbol: str
    start: Seconds
    end: Seconds
    level_db: float
    semitones: float | None
    probability: float


@dataclass(frozen=True, slots=True)
class WordStress:
    """The stress of one word of several syllables: which vowel stands out, and which may.

    ``expected`` numbers the vowels (from 0) that carry primary stress in an accepted form; where it is empty the
    dictionary does not know the word as it was read, and ``verdict`` is ``None``. ``realised`` is the likeliest vowel.
    """

    word_index: int
    text: str
    expected: tuple[int, ...]
    realised: int
    verdict: StressVerdict | None
    vowels: tuple[VowelStress, ...]


def expected_stress(word: str, vowels: int) -> tuple[int, ...]:
    """Return the vowels (numbers from 0) with primary stress in the dictionary's forms that have so many vowels."""
    lexicon = Lexicon("en-US")
    forms = lexicon.stressed_forms(word) or lexicon.stressed_forms(word.removesuffix("'s"))
    digits = [[phone[-1] for phone in form if phone[-1].isdigit()] for form in forms]
    return tuple(
        sorted({place for form in digits if len(form) == vowels for place in range(vowels) if form[place] == "1"})
    )


def vowel_cues(
    vowels: Sequence[TimedPhone], level: Levels, notes: pitch.Track, before_pause: bool
) -> tuple[Cues, npt.NDArray[np.bool_]]:
    """Return the cues (V, 5) of a word's vowels, and whether pitch was heard in each (V,).

    Columns: mean level (dB), mean pitch (semitones, the mean of the others where none is heard), log duration (s), last
    vowel of the word, last vowel before a pause; each less its mean over the vowels. ``level`` (F,) is that of
    ``pauses.levels``, ``notes`` (P,) semitones each 10 ms from 0 on, NaN unvoiced.
    """
    level_times, note_times = frame_times(len(level)), np.arange(len(notes)) * pitch.STEP
    cues = np.zeros((len(vowels), 5))
    heard = np.zeros(len(vowels), np.bool_)
    for row, vowel in enumerate(vowels):
        own = level[(level_times >= vowel.start) & (level_times < vowel.end)]
        sung = notes[(note_times >= vowel.start) & (note_times < vowel.end)]
        sung = sung[np.isfinite(sung)]
        heard[row] = len(sung) > 0
        cues[row, 0] = own.mean() if len(own) else FLOOR_DB
        cues[row, 1] = sung.mean() if len(sung) else np.nan
        cues[row, 2] = np.log(max(vowel.end - vowel.start, pitch.STEP))
    cues[~heard, 1] = cues[heard, 1].mean() if heard.any() else 0.0
    cues[-1, 3], cues[-1, 4] = 1.0, float(before_pause)
    return cues - cues.mean(axis=0), heard


def probabilities(cues: Cues, settings: StressSettings) -> npt.NDArray[np.float64]:
    """Return for each vowel (V,) the probability of being the stressed one, from cues (V, 5)."""
    weights = (settings.per_db, settings.per_semitone, settings.per_log_second, settings.last, settings.before_pause)
    cues = cues.copy()
    cues[:, 1] = np.clip(cues[:, 1], -settings.most_semitones, settings.most_semitones)
    score = cues @ np.asarray(weights)
    odds = np.exp(score - score.max())
    return np.asarray(odds / odds.sum())


def word_stresses(
    phones: Sequence[TimedPhone],
    words: Sequence[str],
    level: Levels,
    limit: float | None,
    notes: pitch.Track,
    pauses_after: frozenset[int],
    settings: StressSettings,
) -> tuple[WordStress, ...]:
    """Return the stress of each English word with several vowels, in order.

    ``limit`` is the level of silence, ``None`` where the sound does not tell it: then nothing is sure. ``pauses_after``
    numbers the words with a pause behind them; the last word read always counts as one.
    """
    final = phones[-1].word_index if phones else -1
    found = []
    for index, group in groupby(phones, key=lambda phone: phone.word_index):
        vowels = [phone for phone in group if phone.symbol in VOWELS]
        if len(vowels) < 2:
            continue
        cues, heard = vowel_cues(vowels, level, notes, index == final or index in pauses_after)
        likely = probabilities(cues, settings)
        evidence = tuple(
            VowelStress(
                vowel.symbol, vowel.start, vowel.end, float(cue[0]), float(cue[1]) if known else None, float(part)
            )
            for vowel, cue, known, part in zip(vowels, cues, heard, likely, strict=True)
        )
        expected = expected_stress(words[index], len(vowels))
        weak = limit is None or not _clear(vowels, level, limit, settings)
        verdict = _verdict(likely, expected, weak, settings)
        found.append(WordStress(index, words[index], expected, int(likely.argmax()), verdict, evidence))
    return tuple(found)


def _clear(vowels: Sequence[TimedPhone], level: Levels, limit: float, settings: StressSettings) -> bool:
    """Return whether every vowel has a length and stands out of the noise."""
    time = frame_times(len(level))
    for vowel in vowels:
        own = level[(time >= vowel.start) & (time < vowel.end)]
        if vowel.end - vowel.start < settings.shortest or not len(own) or own.max() < limit + settings.above_noise_db:
            return False
    return True


def _verdict(
    likely: npt.NDArray[np.float64], expected: tuple[int, ...], weak: bool, settings: StressSettings
) -> StressVerdict | None:
    if not expected:
        return None
    others = np.delete(likely, expected)
    if not len(others):
        return StressVerdict.EXPECTED  # every stress is right
    if not weak and likely[list(expected)].sum() >= settings.sure_expected:
        return StressVerdict.EXPECTED
    return StressVerdict.ELSEWHERE if not weak and others.max() >= settings.sure_elsewhere else StressVerdict.UNSURE
