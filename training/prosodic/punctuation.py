"""Where a text lets its reader pause: the punctuation behind each word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import accumulate

from collection.phones import normalise, primary_subtag


class Mark(IntEnum):
    """The strongest punctuation after a word."""

    NONE = 0
    PHRASE = 1
    SENTENCE = 2


_BREAK = re.compile(r"\.{2,}|[.!?]+|[,;:…–—()«»„“”\"\n]|\s-+\s")
_ABBREVIATIONS = {
    "mr", "mrs", "ms", "dr", "st", "prof", "no", "vs", "etc", "mme", "mlle", "mm", "env", "bzw", "usw", "nr", "str",
    "ca", "sr", "sra", "ud", "uds", "pág",
}  # fmt: skip


def punctuation(text: str, words: Sequence[str], language: str) -> tuple[Mark, ...]:
    """Return the strongest punctuation after each of the words that ``text`` is read as.

    A full stop behind an abbreviation, a single letter or a German number may end a sentence or not: it counts as the
    end of a phrase. A text whose parts do not give the same number of words has no marks, since nobody knows where.
    """
    primary = primary_subtag(language)
    pieces: list[str] = []
    kinds: list[Mark] = []
    at = 0
    for match in _BREAK.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if before.isalnum() and after.isalnum() and match[0].strip() in {".", ",", ":"}:
            continue  # 3.5, 10:30 and e.g
        pieces.append(text[at : match.start()])
        kinds.append(_mark(match[0], pieces[-1], primary))
        at = match.end()
    counts = list(accumulate(len(normalise(piece, language)) for piece in [*pieces, text[at:]]))
    marks = [Mark.NONE] * len(words)
    if counts[-1] != len(words):
        return tuple(marks)
    for count, kind in zip(counts, kinds, strict=False):
        if count:
            marks[count - 1] = max(marks[count - 1], kind)
    return tuple(marks)


def _mark(sign: str, before: str, primary: str) -> Mark:
    if sign[0] not in ".!?" or sign.startswith(".."):
        return Mark.PHRASE
    token = re.split(r"[\s.]", before)[-1].lower()
    doubtful = len(token) == 1 or token in _ABBREVIATIONS or (primary == "de" and token.isdigit())
    return Mark.PHRASE if sign == "." and doubtful else Mark.SENTENCE
