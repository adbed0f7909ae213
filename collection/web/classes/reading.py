"""Texts to be read aloud: each line is checked against the pronunciations of the language it is read in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from collection import phones
from collection.phones import Lexicon, PhoneError
from collection.pronunciation import gruut_words

MOST_TEXTS = 200
MOST_LETTERS = 300
"""Characters of a text: half a minute of a slow reader."""
MOST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Checked:
    """One text: ``problem`` says why it cannot be read, ``unknown`` are words in no dictionary (a name, a mistake?)."""

    line: int
    text: str
    problem: str = ""
    unknown: tuple[str, ...] = ()


def split(lines: str) -> list[str]:
    """Return the texts of a pasted block, one a line, empty lines left out."""
    found = (" ".join(unicodedata.normalize("NFC", line).split()) for line in lines.splitlines())
    return [line for line in found if line]


def check(texts: Sequence[str], language: str) -> list[Checked]:
    """Say of each text whether the pipeline can transcribe it, and which of its words it can only guess."""
    lexicon = Lexicon(language)
    return [_check(line, text, lexicon) for line, text in enumerate(texts, start=1)]


def _check(line: int, text: str, lexicon: Lexicon) -> Checked:
    if len(text) > MOST_LETTERS:
        return Checked(line, text, _("plus de %(n)d caractères : coupez ce texte en deux") % {"n": MOST_LETTERS})
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") for letter in text):
        return Checked(line, text, _("un caractère invisible ou inconnu : écrivez ce texte de nouveau"))
    words = phones.normalise(text, lexicon.primary)
    if not words:
        return Checked(line, text, _("aucun mot à lire"))
    if len(words) > MOST_WORDS:
        return Checked(line, text, _("plus de %(n)d mots : coupez ce texte en deux") % {"n": MOST_WORDS})
    unread = [word for word in dict.fromkeys(words) if not _readable(word, lexicon)]
    if unread:
        return Checked(line, text, _("ne se prononce pas : %(words)s") % {"words": ", ".join(unread)})
    return Checked(line, text, unknown=tuple(_guessed(words, lexicon)))


def _readable(word: str, lexicon: Lexicon) -> bool:
    try:
        lexicon.pronunciations(word)
    except PhoneError:
        return False
    return True


def _guessed(words: Iterable[str], lexicon: Lexicon) -> list[str]:
    """Return the words that no dictionary of the language has; parts bound by an apostrophe or hyphen count alone."""
    wanted = [word for word in dict.fromkeys(words) if not lexicon.stressed_forms(word)]
    parts = {word: [part for part in word.replace("-", "'").split("'") if len(part) > 1] for word in wanted}
    asked = [*wanted, *(part for word in wanted for part in parts[word])]
    listed = gruut_words.look_up(list(dict.fromkeys(asked)), lexicon.primary)

    def known(word: str) -> bool:
        return bool(listed.get(word)) or bool(lexicon.stressed_forms(word))

    return [word for word in wanted if not known(word) and not (len(parts[word]) and all(map(known, parts[word])))]


def problems(checked: Iterable[Checked]) -> list[str]:
    """Return what keeps a list from being used, a line each."""
    return [
        _("Ligne %(line)d : %(problem)s.") % {"line": one.line, "problem": one.problem}
        for one in checked
        if one.problem
    ]


def doubts(checked: Iterable[Checked]) -> list[str]:
    """Return the words to look at once more, a line each."""
    return [
        _("Ligne %(line)d : mot inconnu du dictionnaire, prononciation devinée : %(words)s.")
        % {"line": one.line, "words": ", ".join(one.unknown)}
        for one in checked
        if one.unknown
    ]
