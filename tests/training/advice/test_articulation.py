"""How phones are made, against what any phonetics table says."""

from __future__ import annotations

import pytest

from collection.phones import PhoneError, inventory
from training.advice.articulation import Consonant, Sound, Vowel, sounds

LANGUAGES = ("en-US", "fr-FR", "de-DE", "es-ES")


@pytest.mark.parametrize(
    ("language", "symbol", "expected"),
    [
        ("en-US", "T", Consonant("alveolar", "plosive", False)),
        ("en-US", "R", Consonant("alveolar", "rhotic", True)),
        ("en-US", "Y", Consonant("palatal", "approximant", True)),
        ("en-US", "W", Consonant("labiovelar", "approximant", True)),
        ("en-US", "JH", Consonant("post-alveolar", "affricate", True)),
        ("en-US", "IY", Vowel(0, 0, False)),
        ("en-US", "IH", Vowel(1 / 6, 1 / 4, False, lax=True)),
        ("en-US", "AA", Vowel(1, 1, False)),
        ("en-US", "AH", Vowel(1 / 2, 1 / 2, False)),
        ("en-US", "ER", Vowel(1 / 2, 1 / 2, False, rhotic=True)),
        ("en-US", "OW", Vowel(1 / 3, 1, True, glide="u")),
        ("en-US", "AY", Vowel(1, 0, False, glide="i")),
        ("fr-FR", "ʁ", Consonant("uvular", "fricative", True)),
        ("fr-FR", "ɛ̃", Vowel(2 / 3, 0, False, nasal=True)),
        ("fr-FR", "ə", Vowel(1 / 2, 0, True)),
        ("de-DE", "ç", Consonant("palatal", "fricative", False)),
        ("de-DE", "yː", Vowel(0, 0, True, long=True)),
        ("es-ES", "ʝ", Consonant("palatal", "fricative", True)),
        ("es-ES", "ɾ", Consonant("alveolar", "flap", True)),
    ],
)
def test_features(language: str, symbol: str, expected: Sound) -> None:
    assert sounds(language)[symbol] == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phone_has_features_that_no_other_of_its_language_has(language: str) -> None:
    known = sounds(language)
    assert tuple(known) == inventory(language).symbols
    assert len(set(known.values())) == len(known)


def test_regions_share_and_other_languages_are_refused() -> None:
    assert sounds("fr-BE") == sounds("fr")
    with pytest.raises(PhoneError, match="fr-FR"):
        sounds("pl-PL")
