"""Word stress: vowels of known level, pitch and length, and a synthetic voice that moves the stress."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr

from collection.phones import Lexicon
from collection.synthetic.voices import Synthesiser, Voice
from tests.factories import noise
from tests.training.prosodic.test_pauses import Said, said
from training.prosodic.pauses import FLOOR_DB
from training.prosodic.prosody import SpokenWord, measure
from training.prosodic.stress import (
    StressSettings,
    StressVerdict,
    WordStress,
    expected_stress,
    probabilities,
    vowel_cues,
    word_stresses,
)

SETTINGS = StressSettings()
LIMIT = -40.0
"""dB below which the made-up sounds are silent."""


def test_expected_stress_knows_every_form_of_the_dictionary() -> None:
    assert expected_stress("banana", 3) == (1,)
    assert expected_stress("record", 2) == (0, 1)
    assert expected_stress("understand", 3) == (2,)
    assert expected_stress("teacher's", 2) == (0,)
    # "every" is read with two or three vowels, "banana" never with two; nobody knows the last word.
    assert (expected_stress("every", 2), expected_stress("every", 3)) == ((0,), (0,))
    assert expected_stress("banana", 2) == expected_stress("zzgrk", 2) == ()
    assert Lexicon("fr-FR").stressed_forms("table") == ()


def banana(*levels_db: float) -> tuple[list[Said], np.ndarray]:
    """Six phones of 0.1 s from 0 on; the three vowels have these levels, consonants -30 dB."""
    phones = said(*((symbol, 0, k / 10, (k + 1) / 10) for k, symbol in enumerate(["B", "AH", "N", "AE", "N", "AH"])))
    level = np.full(60, -30.0)
    for place, value in zip((1, 3, 5), levels_db, strict=True):
        # Frame f is centred on (f + 1) / 100 s: 0.1 s begin with frame 9.
        level[place * 10 - 1 : place * 10 + 9] = value
    return phones, level


def judged(level_db: tuple[float, float, float], word: str = "banana", limit: float | None = LIMIT) -> WordStress:
    phones, level = banana(*level_db)
    notes = np.full(61, np.nan)
    (found,) = word_stresses(phones, [word], level, limit, notes, frozenset(), SETTINGS)
    return found


def test_cues_are_told_against_the_mean_of_the_vowels() -> None:
    phones, level = banana(-20, -8, -14)
    level = np.r_[level[:59], np.full(10, -14.0)]
    notes = np.full(61, np.nan)
    notes[10:20], notes[35:38] = 1.0, 5.0
    cues, heard = vowel_cues([phones[1], phones[3], Said("AH", 0, 0.5, 0.7)], level, notes, True)
    assert list(heard) == [True, True, False]
    assert cues[:, 0] == pytest.approx([-6, 6, 0])
    assert cues[:, 1] == pytest.approx([-2, 2, 0])
    mean = (2 * math.log(0.1) + math.log(0.2)) / 3
    assert cues[:, 2] == pytest.approx([math.log(0.1) - mean, math.log(0.1) - mean, math.log(0.2) - mean])
    assert cues[:, 3] == pytest.approx([-1 / 3, -1 / 3, 2 / 3])
    assert cues[:, 4] == pytest.approx([-1 / 3, -1 / 3, 2 / 3])
    assert not vowel_cues(phones[1:4:2], level, notes, False)[0][:, 4].any()


def test_probabilities_are_a_softmax_of_the_weighted_cues() -> None:
    settings = StressSettings(
        per_db=0.5, per_semitone=1.0, most_semitones=2.0, per_log_second=0, last=0, before_pause=0
    )
    cues = np.array([[1.0, 0.5, 9, 9, 9], [-1.0, -0.5, -9, -9, -9]])
    assert probabilities(cues, settings)[0] == pytest.approx(1 / (1 + math.exp(-2)))
    # An octave between two vowels of a word counts as 2 semitones on either side of their mean.
    wide = np.array([[0.0, 6.0, 0, 0, 0], [0.0, -6.0, 0, 0, 0]])
    assert probabilities(wide, settings)[0] == pytest.approx(1 / (1 + math.exp(-4)))


def test_the_loudest_vowel_carries_the_stress() -> None:
    found = judged((-20, -5, -20))
    assert (found.expected, found.realised, found.verdict) == ((1,), 1, StressVerdict.EXPECTED)
    assert [vowel.symbol for vowel in found.vowels] == ["AH", "AE", "AH"]
    assert [vowel.level_db for vowel in found.vowels] == pytest.approx([-5, 10, -5])
    assert [(vowel.start, vowel.end) for vowel in found.vowels] == [(0.1, 0.2), (0.3, 0.4), (0.5, 0.6)]
    assert sum(vowel.probability for vowel in found.vowels) == pytest.approx(1)
    assert {vowel.semitones for vowel in found.vowels} == {None}
    moved = judged((-5, -20, -20))
    assert (moved.realised, moved.verdict) == (0, StressVerdict.ELSEWHERE)


def test_even_vowels_give_no_verdict() -> None:
    assert judged((-10, -10, -10)).verdict is StressVerdict.UNSURE


def test_weak_evidence_gives_no_verdict() -> None:
    assert judged((-5, -20, -20), limit=None).verdict is StressVerdict.UNSURE
    # The last two vowels lie 5 dB over silence.
    assert judged((-5, -20, -20), limit=-25).verdict is StressVerdict.UNSURE
    phones, level = banana(-5, -20, -20)
    short = [phone if phone.symbol != "AE" else Said("AE", 0, 0.34, 0.36) for phone in phones]
    (found,) = word_stresses(short, ["banana"], level, LIMIT, np.full(61, np.nan), frozenset(), SETTINGS)
    assert found.verdict is StressVerdict.UNSURE


def test_unknown_words_and_free_stress() -> None:
    unknown = judged((-5, -20, -20), "zzgrk")
    assert (unknown.expected, unknown.verdict, unknown.realised) == ((), None, 0)
    phones, level = banana(-5, -20, -20)
    record = [phone for phone in phones if phone.symbol != "AE"]
    (found,) = word_stresses(record, ["record"], level, None, np.full(61, np.nan), frozenset(), SETTINGS)
    assert (found.expected, found.verdict) == ((0, 1), StressVerdict.EXPECTED)


def test_words_of_one_vowel_have_no_stress() -> None:
    phones = said(("K", 0, 0, 0.1), ("AE", 0, 0.1, 0.2), ("T", 0, 0.2, 0.3), ("AH", 1, 0.3, 0.4))
    assert word_stresses(phones, ["cat", "a"], np.zeros(40), LIMIT, np.zeros(41), frozenset(), SETTINGS) == ()
    assert word_stresses([], [], np.zeros(40), LIMIT, np.zeros(41), frozenset(), SETTINGS) == ()


def test_a_vowel_beyond_the_sound_is_silent() -> None:
    phones, level = banana(-5, -20, -20)
    (found,) = word_stresses(phones, ["banana"], level[:30], LIMIT, np.zeros(0), frozenset(), SETTINGS)
    assert found.verdict is StressVerdict.UNSURE
    assert found.vowels[2].level_db < FLOOR_DB / 2


SPOKEN = ("permit P ER M IH T", "police P OW L IY S", "before B IY F AO R", "window W IH N D OW", "canoe K AA N UW")


class Word:
    """A word of a text."""

    def __init__(self, text: str) -> None:
        self.text = text


def spoken(word: str, stressed: int) -> WordStress:
    """What is found where espeak-ng says a word of two syllables with stress on one of them."""
    text, *symbols = word.split()
    vowels = [symbol for symbol in symbols if symbol in {"ER", "IH", "OW", "IY", "AO", "AA", "UW"}]
    marked = [symbol + str(int(vowels.index(symbol) == stressed)) if symbol in vowels else symbol for symbol in symbols]
    with Synthesiser() as synthesiser:
        speech = synthesiser.speak(Voice("f2", pitch=60, range=50, rate=140, formants=1.0), [marked])
    assert speech.times is not None
    sound = soxr.resample(speech.samples, speech.rate, 16_000).astype(np.float32)
    sound = np.pad(sound, 4000)
    phones = [
        Said(symbol, 0, 0.25 + start, 0.25 + end) for symbol, (start, end) in zip(symbols, speech.times, strict=True)
    ]
    named: list[SpokenWord] = [Word(text)]
    found = measure(sound + noise(len(sound) / 16_000, 1e-4), named, phones, text, "en-US")
    assert found.stress is not None
    return found.stress[0]


@pytest.mark.parametrize("word", SPOKEN)
def test_a_synthetic_voice_that_moves_the_stress_is_heard(word: str) -> None:
    first, second = spoken(word, 0), spoken(word, 1)
    assert first.vowels[0].probability > second.vowels[0].probability + 0.2
    assert second.verdict is not StressVerdict.ELSEWHERE or second.expected == (0,)
    assert first.verdict is not StressVerdict.ELSEWHERE or first.expected == (1,)


def test_a_synthetic_voice_with_the_stress_elsewhere_is_told_so() -> None:
    found = spoken("police P OW L IY S", 0)
    assert (found.expected, found.realised, found.verdict) == ((1,), 0, StressVerdict.ELSEWHERE)
