"""Names on a roster found in a text: any case, without accents, misspelt as they sound, and apart from plain words.

A misspelt name is found by how it is said: the phones of a word (``collection.phones``) and its letters are compared
with those of every name, by Levenshtein and Jaro-Winkler similarity. A word that the language's lexicon holds must also
be spelled nearly like the name, unless it has a capital inside a sentence: "mais" is said like Mei, and is no name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from rapidfuzz.distance import JaroWinkler, Levenshtein

from collection import phones
from collection.pronunciation import gruut_words
from collection.redaction import forgotten_names, name_words
from collection.redaction.forgotten_names import ForgottenNames
from collection.redaction.personal_data import Evidence, Kind, Span

_LETTERS = re.compile(r"(?:[^\W\d_][\u0300-\u036f]*)+")
_ENDS = re.compile(r"[.!?:;\n«»“”\"]|\s[-–—]\s")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "ß": "ss", "đ": "d"})
_FOLD = {"ɛ": "e", "ɔ": "o", "œ": "ø", "ə": "ø", "œ̃": "ɛ̃"}
"""Vowels that a misspelling does not keep apart."""
_LEAST_LETTERS = 3
"""Shorter words are not compared by sound: too much is said like them."""
_NEARLY_THE_SAME = 0.87
"""Jaro-Winkler similarity of the letters from which a word of the lexicon that sounds like a name may be the name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of letters in a text."""

    start: int
    end: int
    text: str
    plain: str
    first: bool
    """It begins a sentence."""

    @property
    def lower(self) -> str:
        """Its letters in lower case, with accents: "à" is not "a"."""
        return unicodedata.normalize("NFC", self.text.lower())

    @property
    def capital(self) -> bool:
        """Whether it is written as names are."""
        return self.text[:1].isupper()


def plain(text: str) -> str:
    """Return letters as they are compared: without case, accents and ligatures."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    folded = "".join(letter for letter in letters if not unicodedata.combining(letter))
    # Capitals that are symbols (bold, circled) become plain ones, which are folded in turn.
    return folded if folded == text else plain(folded)


def tokens(text: str) -> list[Token]:
    """Return the words of a text in order; apostrophes and hyphens part them, digits are none."""
    found: list[Token] = []
    last = 0
    for match in _LETTERS.finditer(text):
        first = not found or _ENDS.search(text, last, match.start()) is not None
        found.append(Token(match.start(), match.end(), match[0], plain(match[0]), first))
        last = match.end()
    return found


def has_case(text: str) -> bool:
    """Tell whether capitals say something in a text: it has some, and not only those."""
    return text != text.lower() and text != text.upper()


_ORDINARY = frozenset(map(plain, name_words.ORDINARY))
_MONTHS = frozenset(map(plain, name_words.MONTHS))


class KnownNames:
    """A matcher of the names of people, by part, and of the names of schools, as a whole, for texts of one language.

    ``forgotten`` are names of people that are known by digests only: found by their letters, by the same sound, and one
    letter away.
    """

    def __init__(
        self,
        primary: str,
        names: Iterable[str],
        schools: Iterable[str],
        similarity: float,
        forgotten: ForgottenNames | None = None,
    ) -> None:
        self._primary, self._similarity, self._forgotten = primary, similarity, forgotten
        self._determiners = name_words.DETERMINERS.get(primary, frozenset())
        self._name_after = name_words.NAME_AFTER.get(primary, frozenset())
        self._no_name_before = name_words.NO_NAME_BEFORE.get(primary, frozenset())
        people = [[token.plain for token in tokens(name)] for name in names]
        self._parts = frozenset(
            part for person in people for part in person if len(part) > 1 and part not in name_words.PARTICLES
        )
        self._halves = frozenset(frozenset(pair) for person in people for pair in pairwise(person))
        self._schools = frozenset(tuple(token.plain for token in tokens(school)) for school in schools) - {()}
        spelled = {token.lower for name in names for token in tokens(name) if token.plain in self._parts}
        self._spellings = sorted(part for part in spelled | self._parts if len(part) >= _LEAST_LETTERS)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the names in a text; parts of a name side by side are spans of their own."""
        words = tokens(text)
        cased = has_case(text)
        unmatched: list[Token] = []
        articled: set[Token] = set()
        for index, word in enumerate(words):
            if word.plain in self._parts or (self._forgotten and self._forgotten.is_part(word.plain)):
                if word.plain not in _ORDINARY or self._is_name(words, index, cased):
                    yield Span(word.start, word.end, Kind.NAME, Evidence.ROSTER)
            elif len(word.plain) >= _LEAST_LETTERS:
                unmatched.append(word)
                if index and words[index - 1].lower in self._determiners:
                    articled.add(word)
        if self._spellings or self._forgotten:
            yield from self._sounding(unmatched, articled, cased)
        yield from self._school(words)

    def _is_name(self, words: Sequence[Token], index: int, cased: bool) -> bool:
        """Decide whether a word that is also a name is the name here; in a text without case, doubt makes it one."""
        word = words[index]
        before = words[index - 1] if index and not word.first else None
        after = words[index + 1] if index + 1 < len(words) and not words[index + 1].first else None
        if any(near is not None and self._are_halves(near.plain, word.plain) for near in (before, after)):
            return True
        if before is None:
            return not (cased and not word.capital) and after is not None and after.lower not in self._no_name_before
        if before.lower in self._determiners or (word.plain in _MONTHS and before.lower in name_words.MONTH_AFTER):
            return False
        return word.capital if cased else before.lower in self._name_after

    def _are_halves(self, one: str, other: str) -> bool:
        known = frozenset((one, other)) in self._halves
        return known or (self._forgotten is not None and self._forgotten.are_halves(one, other))

    def _sounding(self, words: Sequence[Token], articled: Set[Token], cased: bool) -> Iterator[Span]:
        """Yield the words that sound like a name; ``articled`` ones that a lexicon holds are what they look like."""
        lexicon = _known(words, self._primary)
        said = _said([spelling for word in words for spelling in (word.lower, word.plain)], self._primary)
        for word in words:
            plain_word = word.lower in lexicon and not (cased and word.capital and not word.first)
            if plain_word and word in articled:
                continue
            sounds = [*said[word.lower], *said[word.plain]]
            if self._like_a_name(word.plain, sounds, strict=plain_word):
                yield Span(word.start, word.end, Kind.NAME, Evidence.PHONETIC)

    def _like_a_name(self, letters: str, said: Sequence[tuple[str, ...]], strict: bool) -> bool:
        """Tell whether a word is like any name; ``strict`` asks for the same sound and nearly the same letters."""
        for spelling, known in self._phones.items():
            alike = JaroWinkler.similarity(letters, plain(spelling))
            if strict and alike < _NEARLY_THE_SAME:
                continue
            sounds = max((Levenshtein.normalized_similarity(one, other) for one in said for other in known), default=0)
            if sounds == 1 or (not strict and (sounds + alike) / 2 >= self._similarity):
                return True
        if self._forgotten is None:
            return False
        heard, near = self._forgotten.is_said(self._primary, said), self._forgotten.is_near(letters)
        return heard and near if strict else heard or near

    def marks(self, secret: bytes) -> frozenset[str]:
        """Return the digests by which ``ForgottenNames`` finds these people's names, said as in this language."""
        sounds = [(self._primary, phones) for said in self._phones.values() for phones in said]
        return forgotten_names.marks(secret, self._parts, self._halves, sounds)

    @cached_property
    def _phones(self) -> dict[str, list[tuple[str, ...]]]:
        return _said(self._spellings, self._primary)

    def _school(self, words: Sequence[Token]) -> Iterator[Span]:
        for school in self._schools:
            for index in range(len(words) - len(school) + 1):
                if tuple(word.plain for word in words[index : index + len(school)]) == school:
                    yield Span(words[index].start, words[index + len(school) - 1].end, Kind.SCHOOL, Evidence.ROSTER)


def _known(words: Sequence[Token], primary: str) -> frozenset[str]:
    """Return those words that stand in the language's lexicon; one question for all of them."""
    asked = [word.lower for word in words]
    lexicon = phones.Lexicon(primary)
    rest = [word for word in asked if lexicon.stressed(word) is None]
    found = gruut_words.look_up(rest, primary)
    return frozenset(asked) - {word for word in rest if not found[word]}


def _said(words: Sequence[str], primary: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the folded phones of each word's pronunciations, none for letters that the language does not read."""
    lexicon = phones.Lexicon(primary)
    try:
        transcribed = lexicon.transcribe(words)  # one question to the data for all of them
    except phones.PhoneError:
        if len(words) == 1:
            return {words[0]: []}
        return {word: said for one in words for word, said in _said((one,), primary).items()}
    return {
        word.text: [tuple(_FOLD.get(phone, phone) for phone in variant) for variant in word.variants]
        for word in transcribed
    }
