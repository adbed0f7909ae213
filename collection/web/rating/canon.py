"""The words and sounds that are to be scored in a text, and how they are shown to an expert."""

from __future__ import annotations

import unicodedata
from typing import TypedDict

from collection.phones import IPA_TO_ARPABET, Lexicon, normalise, primary_subtag
from collection.pronunciation import english

_IPA_VOWELS = frozenset("aeiouyøœɐɑɒɔəɛɜɪʊʌʏæ")
_ENGLISH_IPA = {arpabet: ipa for ipa, arpabet in reversed(IPA_TO_ARPABET.items())}
# Without a stress digit, schwa and the vowel of "cup" are one phone.
_ENGLISH_IPA["AH"] = "ʌ, ə"


class CanonicalWord(TypedDict):
    """A word as the pipeline reads it: its canonical phones, how many of them are vowels, and which is stressed."""

    text: str
    phones: list[str]
    syllables: int
    stressed: int | None


def canon(text: str, language: str) -> list[CanonicalWord]:
    """Return the words of a text; raises PhoneError for what nobody could read in this language."""
    lexicon = Lexicon(language)
    found = []
    for word in lexicon.transcribe(normalise(text, language)):
        phones = list(word.canonical)
        syllables = sum(_is_vowel(phone) for phone in phones)
        stressed = lexicon.stressed(word.text) or ()
        same = list(english.plain(stressed)) == phones
        main = next((place for place, phone in enumerate(stressed) if phone.endswith("1")), None) if same else None
        found.append(CanonicalWord(text=word.text, phones=phones, syllables=syllables, stressed=main))
    return found


def ipa(phone: str, language: str) -> str:
    """Return a phone of the inventory in the international alphabet."""
    return _ENGLISH_IPA.get(phone, phone) if primary_subtag(language) == "en" else phone


def _is_vowel(phone: str) -> bool:
    return phone in english.VOWELS or unicodedata.normalize("NFD", phone)[0] in _IPA_VOWELS
