"""gruut's lexicons and letter-to-sound models, asked a few words at a time and folded to small phone sets.

A language package of gruut 2 holds a lexicon (SQLite, no index) and a CRF model. gruut's own text processor is not
used: it parses dates and tags parts of speech, seconds a sentence, to answer a question about single words.
German uses the package's second data set (``espeak``): the first writes one diphthong in several ways.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

_DATA = {"en": "", "fr": "", "es": "", "de": "espeak"}
_STRESS = "ˈˌ"
_SILENT = {"SIL", "_", ""}

_FOLD: dict[str, dict[str, str]] = {
    "en": {},
    "fr": {},
    # Rising and falling diphthongs are written as one symbol there; split, they share phones with plain vowels.
    "es": {
        "ai": "a i", "ei": "e i", "oi": "o i", "au": "a u", "eu": "e u", "ou": "o u",
        "wa": "w a", "we": "w e", "wi": "w i", "wo": "w o",
    },
    # One R, the vocalised -er, long a whatever its quality; vowels and consonants of English loans as German says them.
    "de": {
        "r": "ʁ", "ɾ": "ʁ", "ɹ": "ʁ", "ɜ": "ɐ", "ɑ": "aː", "ɑː": "aː", "ø": "ʏ", "n̩": "ə n", "e": "eː", "i": "iː",
        "o": "oː", "ɔː": "ɔ", "ɒ": "ɔ", "ʌ": "a", "ɜː": "øː", "w": "v", "θ": "s", "ð": "z",
    },
}  # fmt: skip
"""What each symbol of the data becomes (several phones parted by a space); what is not listed stays."""


def fold(symbols: Iterable[str], primary: str) -> tuple[str, ...]:
    """Return the phones for symbols of gruut's data: without stress, NFC, one code point for g, folded by language."""
    phones: list[str] = []
    for symbol in symbols:
        plain = unicodedata.normalize("NFC", symbol.lstrip(_STRESS))
        if plain not in _SILENT:
            phones.extend(_FOLD[primary].get(plain, "ɡ" if plain == "g" else plain).split())
    return tuple(phones)


def look_up(words: Sequence[str], primary: str) -> dict[str, list[tuple[str, ...]]]:
    """Return the lexicon's pronunciations of each word, in its order, duplicates removed; unknown words have none.

    One call reads the table once: ask for all the words of a text together.
    """
    found: dict[str, list[tuple[str, ...]]] = {word: [] for word in words}
    if not found:
        return found
    marks = ",".join("?" * len(found))
    query = f"SELECT word, phonemes FROM word_phonemes WHERE word IN ({marks}) ORDER BY pron_order, id"  # noqa: S608
    for word, phonemes in _rows(primary, query, tuple(found)):
        phones = fold(phonemes.split(), primary)
        if phones and phones not in found[word]:
            found[word].append(phones)
    return found


def guess(word: str, primary: str) -> tuple[str, ...]:
    """Return the letter-to-sound model's pronunciation of a word."""
    return fold(_model(primary)(word), primary)


def alphabet(primary: str) -> tuple[str, ...]:
    """Return every phone that lexicon or model can give, in code point order; reads the whole lexicon (seconds)."""
    symbols = {symbol for (row,) in _rows(primary, "SELECT phonemes FROM word_phonemes") for symbol in row.split()}
    model = _model(primary)
    for label in model.crf_tagger.labels():
        symbols.update(model.decode_string(label).split(model.phoneme_join))
    return tuple(sorted(set(fold(symbols, primary))))


def _folder(primary: str) -> Path:
    return Path(str(resources.files(f"gruut_lang_{primary}"))) / _DATA[primary]


def _rows(primary: str, query: str, parameters: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    # Opened for each question, so that nothing is shared between the processes of a pool.
    address = (_folder(primary) / "lexicon.db").as_uri() + "?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True)
    try:
        return connection.execute(query, parameters).fetchall()
    finally:
        connection.close()


@cache
def _model(primary: str) -> Any:
    from gruut.g2p import GraphemesToPhonemes

    return GraphemesToPhonemes(_folder(primary) / "g2p" / "model.crf")
