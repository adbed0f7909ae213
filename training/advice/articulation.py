"""How the phones of a language are made: place, manner and voice of consonants; tongue, lips and nose of vowels.

The features are those of gruut_ipa's tables of the International Phonetic Alphabet, for English through the IPA names
of the ARPAbet. Where the tables are silent, wrong, or too coarse for a learner, ``_CORRECTED`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from collection.phones import IPA_TO_ARPABET, PhoneError, inventory, primary_subtag

if TYPE_CHECKING:
    import gruut_ipa.constants

_IPA = {arpabet: ipa for ipa, arpabet in IPA_TO_ARPABET.items()}
"""One IPA name an English phone; AH, which is also the vowel of "cup", goes by the one listed last, schwa."""


@dataclass(frozen=True, slots=True)
class Consonant:
    """Where the air is held back, how, and whether the voice sounds."""

    place: str
    manner: str
    voiced: bool


@dataclass(frozen=True, slots=True)
class Vowel:
    """Where the tongue begins: ``openness`` 0 close to 1 open, ``backness`` 0 front to 1 back; lips, nose, length."""

    openness: float
    backness: float
    rounded: bool
    lax: bool = False
    nasal: bool = False
    long: bool = False
    rhotic: bool = False
    glide: str | None = None
    """Where a diphthong ends, "i" or "u"; ``None`` for a vowel that stays."""


Sound = Consonant | Vowel

_CORRECTED: dict[tuple[str, str], Sound] = {
    # Lips and tongue both matter; the table knows one place only, and not the second sound at all.
    ("en", "W"): Consonant("labiovelar", "approximant", True),
    ("fr", "w"): Consonant("labiovelar", "approximant", True),
    ("es", "w"): Consonant("labiovelar", "approximant", True),
    ("fr", "ɥ"): Consonant("labiopalatal", "approximant", True),
    # The voiced partner of ç, which the table calls voiceless.
    ("es", "ʝ"): Consonant("palatal", "fricative", True),
    # The French "e muet" is said with round lips, further front than the schwa of the table.
    ("fr", "ə"): Vowel(0.5, 0.0, True),
}


@cache
def sounds(language: str) -> Mapping[str, Sound]:
    """Return the features of every phone of a language's inventory; ``PhoneError`` for a language without one."""
    primary = primary_subtag(language)
    symbols = inventory(language).symbols
    return {symbol: _CORRECTED.get((primary, symbol)) or _described(_IPA.get(symbol, symbol)) for symbol in symbols}


def _described(ipa: str) -> Sound:
    from gruut_ipa.constants import VOWELS, ConsonantSoundsLike, ConsonantType, VowelPlacement
    from gruut_ipa.phonemes import Phoneme

    phoneme = Phoneme(ipa)
    if consonant := phoneme.consonant:
        # English R: an approximant too, but what a learner needs to know of it is not what Y and W share.
        like_r = consonant.type is ConsonantType.APPROXIMANT and consonant.sounds_like is ConsonantSoundsLike.R
        return Consonant(consonant.place.value, "rhotic" if like_r else consonant.type.value, consonant.voiced)
    if diphthong := phoneme.dipthong:
        glide = "i" if diphthong.vowel2.placement is VowelPlacement.NEAR_FRONT else "u"
        return replace(_vowel(diphthong.vowel1), glide=glide)
    if vowel := phoneme.vowel:
        return replace(_vowel(vowel), nasal=bool(phoneme.nasalated), long=phoneme.elongated)
    if phoneme.schwa:
        return replace(_vowel(VOWELS["ə"]), rhotic=phoneme.schwa.r_coloured)
    raise PhoneError(f"gruut_ipa has no features for {ipa!r}: add them to _CORRECTED in articulation.py.")


def _vowel(vowel: gruut_ipa.constants.Vowel) -> Vowel:
    from gruut_ipa.constants import VowelHeight, VowelPlacement

    heights, placements = list(VowelHeight), list(VowelPlacement)
    return Vowel(
        openness=heights.index(vowel.height) / (len(heights) - 1),
        backness=placements.index(vowel.placement) / (len(placements) - 1),
        rounded=vowel.rounded,
        lax=vowel.height is VowelHeight.NEAR_CLOSE,
    )
