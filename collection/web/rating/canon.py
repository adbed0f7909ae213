"""The words and sounds that are to be scored in a text, and how they are shown to an expert."""

from __future__ import annotations

import unicodedata
from typing import TypedDict

from collection.phones import IPA_TO_ARPABET, Lexicon, PhoneError, normalise, primary_subtag
from collection.pronunciation import english

_IPA_VOWELS = frozenset("aeiouyøœɐɑɒɔəɛɜɪʊʌʏæ")
_ENGLISH_IPA = {arpabet: ipa for ipa, arpabet in reversed(IPA_TO_ARPABET.items())}
# Without a stress digit, schwa and the vowel of "cup" are one phone.
_ENGLISH_IPA["AH"] = "ə, ʌ"


class CanonicalWord(TypedDict):
    """A word as the pipeline reads it: its canonical phones, how many of them are vowels, and which is stressed."""

    text: str
    phones: list[str]
    syllables: int
    stressed: int | None


def canon(text: str, language: str) -> list[CanonicalWord]:
    """Return the words of a text; raises PhoneError for what nobody could read in this language.

    What is read otherwise than it is written (``3``, ``%``) stays as written, with the phones of all the words it is
    read as: ratings name the words of their text.
    """
    lexicon = Lexicon(language)
    spoken = [(token, normalise(token, language)) for token in text.split()]
    if [word for _, words in spoken for word in words] != normalise(text, language):
        raise PhoneError(f"the words of {text!r} cannot be told apart: write its numbers as words.")
    found = []
    for token, words in spoken:
        transcribed = lexicon.transcribe(words)
        if _letters("".join(words)) == _letters(token):
            found += [_word(lexicon, word.text, word.canonical) for word in transcribed]
        else:
            phones = tuple(phone for word in transcribed for phone in word.canonical)
            found.append(_word(lexicon, token.strip(',;:.?!…«»“”"()'), phones))
    return found


def _word(lexicon: Lexicon, text: str, phones: tuple[str, ...]) -> CanonicalWord:
    stressed = lexicon.stressed(text) or ()
    same = english.plain(stressed) == phones
    main = next((place for place, phone in enumerate(stressed) if phone.endswith("1")), None) if same else None
    syllables = sum(_is_vowel(phone) for phone in phones)
    return CanonicalWord(text=text, phones=list(phones), syllables=syllables, stressed=main)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def ipa(phone: str, language: str, stressed: bool = False) -> str:
    """Return a phone of the inventory in the international alphabet, behind its mark when it is stressed."""
    if primary_subtag(language) != "en":
        return phone
    if stressed:
        return f"ˈ{'ʌ' if phone == 'AH' else _ENGLISH_IPA[phone]}"
    return _ENGLISH_IPA.get(phone, phone)


def _is_vowel(phone: str) -> bool:
    return phone in english.VOWELS or unicodedata.normalize("NFD", phone)[0] in _IPA_VOWELS
