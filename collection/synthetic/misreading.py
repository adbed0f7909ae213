"""What a synthetic learner says instead of what the prompt asks, and how simulated experts score it.

Errors are those that teachers know: a sound of the first language in place of an English one, a final consonant lost.
Scores follow the errors with the noise of human raters; they are plausible, not measured on anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collection.pronunciation.english import VOWELS
from collection.ratings import consensus
from collection.schema import Phone, Rating, Scores, Word, WordScores

_COMMON = {"TH": "S", "DH": "Z", "IH": "IY", "AE": "EH", "UH": "UW", "Z": "S"}
CONFUSIONS: dict[str, dict[str, str]] = {
    "fr": {"TH": "S", "DH": "Z", "HH": "", "IH": "IY", "AE": "AA", "UH": "UW", "CH": "SH", "JH": "ZH", "NG": "N"},
    "es": {"V": "B", "Z": "S", "IH": "IY", "SH": "CH", "Y": "JH", "AE": "AA", "AH": "AA", "DH": "D", "JH": "Y"},
    "ar": {"P": "B", "V": "F", "IH": "EH", "NG": "N", "CH": "SH", "TH": "S", "OW": "AO", "EY": "EH", "JH": "ZH"},
    "pt": {"TH": "T", "DH": "D", "IH": "IY", "AE": "EH", "UH": "UW", "HH": "R", "CH": "SH", "JH": "ZH"},
    "zh": {"TH": "S", "DH": "Z", "V": "W", "R": "L", "Z": "S", "N": "NG", "AE": "EH", "IH": "IY", "EY": "EH"},
    "de": {"TH": "S", "DH": "Z", "W": "V", "AE": "EH", "Z": "S", "D": "T", "JH": "CH", "V": "F"},
}
"""ARPAbet confusions by first language (ISO 639-1); "" is a deletion. Other languages have the common ones."""

_FINAL_LOST = 0.5
"""How often a final consonant is lost, as a share of the error rate."""
_TRUE, _SUBSTITUTED, _DELETED = (0.02, 0.06, 0.92), (0.62, 0.31, 0.07), (0.95, 0.05, 0.0)
"""Chances that a rater gives 0, 1 or 2 to a phone that is right, replaced or missing."""
_EASE = {"A1": 5.5, "A2": 6.5, "B1": 7.5, "B2": 8.5, "C1": 9.3}
"""Usual fluency and prosody by level of the CEFR, 0-10."""
LEVELS = tuple(_EASE)


@dataclass(frozen=True, slots=True)
class SaidPhone:
    """One canonical phone (ARPAbet, stress digit kept) and what was said for it ("" for nothing)."""

    canonical: str
    realised: str
    word_index: int

    @property
    def wrong(self) -> bool:
        """Whether something else, or nothing, was said."""
        return self.canonical != self.realised


def misread(
    words: Sequence[Sequence[str]], first_language: str, error_rate: float, rng: np.random.Generator
) -> list[SaidPhone]:
    """Return what is said of each phone when phones open to confusion go wrong at ``error_rate`` (0-1)."""
    confusions = CONFUSIONS.get(first_language, _COMMON)
    said: list[SaidPhone] = []
    for index, word in enumerate(words):
        for position, phone in enumerate(word):
            plain = phone.rstrip("012")
            final = position == len(word) - 1 and len(word) > 2 and plain not in VOWELS
            draw = rng.random()
            realised = phone
            if plain in confusions and draw < error_rate:
                realised = confusions[plain] and confusions[plain] + phone[len(plain) :]
            elif final and draw < error_rate * _FINAL_LOST:
                realised = ""
            said.append(SaidPhone(phone, realised, index))
    return said


def score(
    texts: Sequence[str], said: Sequence[SaidPhone], level: str, raters: Sequence[str], rng: np.random.Generator
) -> tuple[tuple[Word, ...], tuple[Phone, ...], Scores, tuple[Rating, ...]]:
    """Return words, phones, utterance scores and the raters' own scores of one reading.

    Labels are made of ratings as ``collection.ratings`` does.
    """
    ratings = tuple(_rate(len(texts), said, level, rater, rng) for rater in raters)
    phones = [
        Phone(each.canonical.rstrip("012"), each.word_index, realised=each.realised.rstrip("012")) for each in said
    ]
    return (*consensus([Word(text) for text in texts], phones, ratings), ratings)


def _rate(count: int, said: Sequence[SaidPhone], level: str, rater: str, rng: np.random.Generator) -> Rating:
    phones = tuple(float(rng.choice(3, p=_chances(each))) for each in said)
    words = []
    for index in range(count):
        heard = [value for value, each in zip(phones, said, strict=True) if each.word_index == index]
        accuracy = float(round(5 * float(np.mean(heard))))
        stress = 10.0 if rng.random() < 0.95 else 5.0
        words.append(WordScores(accuracy, stress, float(round(0.8 * accuracy + 0.2 * stress))))
    kept = [any(each.realised for each in said if each.word_index == index) for index in range(count)]
    accuracy = float(round(float(np.mean([word.accuracy for word in words]))))
    fluency, prosody = (float(np.clip(round(_EASE[level] + rng.normal(0, 0.7)), 0, 10)) for _ in range(2))
    scores = Scores(
        accuracy=accuracy,
        fluency=fluency,
        completeness=float(round(10 * float(np.mean(kept)))),
        prosody=prosody,
        total=float(round(0.5 * accuracy + 0.25 * fluency + 0.25 * prosody)),
    )
    return Rating(rater, scores, tuple(words), phones)


def _chances(said: SaidPhone) -> tuple[float, float, float]:
    if not said.wrong:
        return _TRUE
    return _SUBSTITUTED if said.realised else _DELETED
