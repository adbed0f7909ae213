"""Numbers written as words, French and English: patterns for them, and the digits that somebody dictates with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_FRENCH = {
    "zéro": 0, "zero": 0, "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16,
    "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "septante": 70, "huitante": 80,
    "nonante": 90,
}  # fmt: skip
_ENGLISH = {
    "zero": 0, "oh": 0, "o": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_TIMES = {"double": 2, "triple": 3}
_WORDS = {"fr": _FRENCH, "en": _ENGLISH}
_ABOVE = {"fr": ("cent", "cents", "mille", "vingts"), "en": ("hundred", "thousand")}
_ALSO_DICTATED = {"fr": ("et", "vingts"), "en": ("hundred", *_TIMES)}


def _run(words: tuple[str, ...], least: int = 1) -> str:
    # Longest first: "six" is also the start of "sixteen".
    one = "|".join(sorted(words, key=len, reverse=True))
    return rf"\b(?:{one})(?:[\s,.\-]+(?:{one})){{{least - 1},}}\b"


def number_pattern(primary: str) -> str:
    """Return a regular expression for a number in words, such as ``deux mille douze`` or ``twenty-four``."""
    joints = ("et",) if primary == "fr" else ("and",)
    one = "|".join(sorted((*_WORDS[primary], *_ABOVE[primary]), key=len, reverse=True))
    return rf"\b(?:{one})(?:[\s\-]+(?:(?:{'|'.join(joints)})[\s\-]+)?(?:{one})){{0,8}}\b"


_DICTATED = {
    primary: re.compile(_run((*_WORDS[primary], *_ALSO_DICTATED[primary]), least=5), re.IGNORECASE)
    for primary in _WORDS
}


@dataclass(frozen=True, slots=True)
class Dictated:
    """A run of number words and the digits it stands for; ``counting`` when its numbers go up one by one."""

    start: int
    end: int
    digits: str
    counting: bool


def dictated(text: str, primary: str) -> Iterator[Dictated]:
    """Yield the runs of five number words or more; ``primary`` is ``fr`` or ``en``.

    French tens take the unit after them ("trente-quatre" is 34, "soixante-dix-huit" 78), English ones too; "double oh"
    is 00 and "nine hundred" 900, as telephone numbers are said.
    """
    for match in _DICTATED[primary].finditer(text):
        words = re.findall(r"[^\W\d_]+", match[0].lower())
        numbers = _french(words) if primary == "fr" else _english(words)
        steps = {int(after) - int(before) for before, after in pairwise(numbers)}
        yield Dictated(match.start(), match.end(), "".join(numbers), steps == {1})


def _french(words: list[str]) -> list[str]:
    numbers: list[int] = []
    open_to = 0  # how large a number the last one still takes
    for word in words:
        value = _FRENCH.get(word)
        if word == "et":
            continue
        if (value == 20 or word == "vingts") and numbers and numbers[-1] == 4:
            numbers[-1], open_to = 80, 19
        elif value is None:
            open_to = 0
        elif 0 < value <= open_to:
            numbers[-1] += value
            # "soixante-dix-huit": sixty took ten, and ten takes seven, eight or nine.
            open_to = 9 if value == 10 else 0
        else:
            numbers.append(value)
            open_to = 19 if value == 60 else 9 if value >= 20 or value == 10 else 0
    return [str(number) for number in numbers]


def _english(words: list[str]) -> list[str]:
    numbers: list[str] = []
    times, tens = 1, False
    for word in words:
        value = _ENGLISH.get(word)
        if word in _TIMES:
            times = _TIMES[word]
        elif word == "hundred":
            if numbers:
                numbers[-1] += "00"
            tens = False
        elif value is not None and tens and 0 < value < 10:
            numbers[-1], tens = str(int(numbers[-1]) + value), False
        elif value is not None:
            numbers += [str(value)] * times
            times, tens = 1, value >= 20
    return numbers
