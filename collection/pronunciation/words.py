"""Text as read aloud: lower-case words, with numbers and a few signs spelled out.

Numbers become words through ``num2words``: digits are read as cardinals ("1998" is no year),
English and French ordinals are known, numbers with a leading zero or over 15 digits are read digit by digit. The signs
``% & + =`` are spoken. Every other sign, currencies included, is punctuation and is not spoken: write a prompt in words
where that matters.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any

_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼʹ′´`＇", "'"))
_HYPHENS = str.maketrans(dict.fromkeys("‐‑⁃−", "-"))
_GROUP_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['\-][^\W\d_]+)*")
_SIGNS = {
    "en": {"%": "percent", "&": "and", "+": "plus", "=": "equals"},
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale"},
    "de": {"%": "Prozent", "&": "und", "+": "plus", "=": "gleich"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual a"},
}
_ORDINALS = {
    "en": re.compile(r"\b(\d{1,15})(?:st|nd|rd|th)\b", re.IGNORECASE),
    "fr": re.compile(r"\b(\d{1,15})(?:ère|re|er|ième|ème|e|nde|nd)\b", re.IGNORECASE),
}
_FRENCH_FIRST = re.compile(r"\b1(?:ère|re)\b", re.IGNORECASE)
_MAX_DIGITS = 15


def words(text: str, primary: str) -> list[str]:
    """Return the words of a text as they are read aloud, lower case, NFC.

    ``primary`` is the primary language subtag (``en``, ``fr``, ``de``, ``es``). Curly apostrophes become straight ones
    and stay inside words; hyphens split words, except in French, where they bind (``week-end``, ``a-t-il``).
    """
    text = _GROUP_SPACE.sub("", text)
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_HYPHENS)
    text = text.replace("\N{SOFT HYPHEN}", "")
    for sign, name in _SIGNS[primary].items():
        text = text.replace(sign, f" {name} ")
    text = _spell_numbers(text, primary).lower()
    if primary != "fr":
        text = text.replace("-", " ")
    return [unicodedata.normalize("NFC", word) for word in _WORD.findall(text)]


def _spell_numbers(text: str, primary: str) -> str:
    if not any(character.isdigit() for character in text):
        return text
    from num2words import num2words  # type: ignore[import-untyped]

    def ordinal(match: re.Match[str]) -> str:
        return _spaced(num2words(int(match[1]), lang=primary, to="ordinal"))

    def cardinal(match: re.Match[str]) -> str:
        return " ".join(_spaced(num2words(value, lang=primary)) for value in _values(match[0], primary))

    if primary == "fr":
        text = _FRENCH_FIRST.sub(" première ", text)
    if primary in _ORDINALS:
        text = _ORDINALS[primary].sub(ordinal, text)
    return _NUMBER.sub(cardinal, text)


def _values(token: str, primary: str) -> list[Any]:
    """Return the numbers that a token of digits, points and commas stands for."""
    group, point = (",", ".") if primary == "en" else (".", ",")
    if re.fullmatch(rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+(?:{re.escape(point)}\d+)?", token):
        token = token.replace(group, "")
    if re.fullmatch(rf"\d{{1,{_MAX_DIGITS}}}{re.escape(point)}\d+", token):
        return [Decimal(token.replace(point, "."))]
    parts = re.split(r"[.,]", token)
    values: list[Any] = []
    for part in parts:
        by_digit = len(part) > _MAX_DIGITS or (len(part) > 1 and part.startswith("0"))
        values.extend([int(digit) for digit in part] if by_digit else [int(part)])
    return values


def _spaced(spelled: str) -> str:
    # num2words writes "one thousand, two hundred" and "quatre-vingts": every part is a word of the lexicons.
    return f" {re.sub(r'[,-]', ' ', spelled)} "
