"""Personal data in what learners read: found in the text, replaced there, and silenced in the sound.

``collection.redaction`` does the finding. Names come from the roster (``known_names``), from words that announce them
(``name_words``) and, in French, from a model (``person_entities``); what a person can be reached or traced by from
rules (``contact_details``). What cannot be found in the sound is not released: see ``redact_reading``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from collection import phones
from collection.errors import ConfigError
from collection.hearing import listening
from collection.redaction import contact_details, name_words, person_entities
from collection.redaction.forgotten_names import ForgottenNames
from collection.redaction.known_names import KnownNames, has_case, plain
from collection.redaction.personal_data import Evidence, Kind, Span, merge, placeholder, redact_text
from collection.schema import SAMPLE_RATE, Phone, Rating, Seconds, Word

Samples = NDArray[np.float32]
Times = tuple[Seconds, Seconds]
Aligner = Callable[[Samples, Sequence[str], str], Sequence[Times | None]]
"""Takes samples (16 kHz mono), the words said in them and their language; returns each word's start and end in seconds,
``None`` for one that it cannot place."""

MARGIN: Seconds = 0.05
"""Silenced on both sides of a word, since aligned times are off by a frame or two."""
FADE: Seconds = 0.01
"""Length of a fade, outside of what is silenced."""


@dataclass
class RedactionConfig:
    """What is looked for in the texts of a release."""

    enabled: bool = True
    """Drop or silence readings whose text holds personal data; off, texts are released as they are."""
    entities: bool = True
    """Look for names off the roster too: announced ones (Mrs ..., my name is ...) and, in French, by a model."""
    listener: str | None = None
    """What finds the words in the sound where nobody gave their times, ``module:function``, such as
    training.listener:listener; without it such readings are dropped."""
    model: str | None = None
    """Checkpoint folder for the listener."""
    similarity: float = 0.8
    """From 0 to 1: how much a word must sound and look like a roster name to be taken for it. Lower finds more."""


class Redactor:
    """Finds personal data in texts of one language.

    ``language`` is a BCP 47 tag; ``names`` are those of a roster, each first and last name in one string, ``schools``
    are found as a whole only. A roster name that is also a word ("Rose", "Will") counts as the name on evidence: a
    capital inside a sentence, no article before it, a title, the other half of the name. ``forgotten`` are the names of
    learners who withdrew.
    Raises ``PhoneError`` for a language without an inventory and ``ConfigError`` when a library is not installed.
    """

    def __init__(
        self,
        language: str,
        names: Iterable[str] = (),
        schools: Iterable[str] = (),
        config: RedactionConfig | None = None,
        forgotten: ForgottenNames | None = None,
    ) -> None:
        settings = config or RedactionConfig()
        check_installed((language,), settings)
        self._primary = phones.primary_subtag(language)
        self._entities = settings.entities
        self._known = KnownNames(self._primary, tuple(names), tuple(schools), settings.similarity, forgotten)

    def find(self, text: str) -> tuple[Span, ...]:
        """Return the personal data in a text, in order and apart."""
        found = [*self._known.find(text), *contact_details.find(text, self._primary)]
        if self._entities:
            found += [*_announced(text), *person_entities.find(text, self._primary)]
        return merge(text, found)


def check_installed(languages: Iterable[str], config: RedactionConfig) -> None:
    """Raise ``ConfigError`` when a library or listener that redaction needs for these languages is not there."""
    if config.listener is not None:
        listening.load(config.listener, config.model)
    needed = {"phonenumbers"}
    for language in languages if config.entities else ():
        if model := person_entities.MODELS.get(language.partition("-")[0]):
            needed |= {"spacy", model}
    if missing := sorted(package for package in needed if find_spec(package) is None):
        raise ConfigError(
            f"personal data in texts is looked for with {', '.join(missing)}, which is not installed: pip install "
            f"{' '.join(package.replace('_', '-') for package in missing)}. Without, no text may enter a release."
        )


def _announced(text: str) -> Iterator[Span]:
    """Yield the names that the words before them announce."""
    cased = has_case(text)
    for cue in (*name_words.CUES, *(name_words.CUES_BEFORE_A_CAPITAL if cased else ())):
        for match in cue.finditer(text):
            name = match["name"]
            no_name = name == "I" or not name[0].isupper() if cased else plain(name) in _STOP_WORDS
            if no_name:
                continue
            rest = name_words.MORE_OF_IT.match(text, match.end("name")) if cased else None
            yield Span(match.start("name"), rest.end() if rest else match.end("name"), Kind.NAME, Evidence.CUE)


_STOP_WORDS = frozenset(map(plain, name_words.STOP_WORDS))


def silence_words(samples: Samples, spans_seconds: Sequence[Times]) -> Samples:
    """Return samples (16 kHz mono) with the spans and ``MARGIN`` around them silenced, behind fades of ``FADE``.

    Spans are start and end in seconds. Whatever lies in a span is zero; the fades lie outside it.
    """
    gain = np.ones(len(samples), np.float32)
    fade = round(FADE * SAMPLE_RATE)
    slope = np.linspace(1, 0, fade + 2, dtype=np.float32)[1:-1]
    for start, end in spans_seconds:
        first = max(0, int((start - MARGIN) * SAMPLE_RATE))
        last = min(len(samples), int(np.ceil((end + MARGIN) * SAMPLE_RATE)))
        before, after = gain[max(0, first - fade) : first], gain[last : last + fade]
        before *= slope[len(slope) - len(before) :]
        after *= slope[::-1][: len(after)]
        gain[first:last] = 0
    return samples * gain


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one reading: its sound (16 kHz mono), its text, and what experts said of words and phones."""

    samples: Samples
    text: str
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    raters: tuple[Rating, ...]


def redact_reading(
    reading: Reading, spans: Sequence[Span], language: str, align: Aligner | None = None
) -> Reading | None:
    """Return a reading without the personal data of its text, in text, words, phones, ratings and sound.

    Words that touch a span are silenced and become a placeholder without scores; their phones are left out. Times come
    from the words, else from ``align``. ``None`` when a word cannot be found in the text or placed in the sound, and
    when no phone is left.
    """
    touched = _touched(reading.text, [word.text for word in reading.words], spans)
    if touched is None:
        return None
    times: Sequence[Times | None] = [
        None if word.start is None or word.end is None else (word.start, word.end) for word in reading.words
    ]
    if any(times[index] is None for index in touched) and align is not None:
        times = align(reading.samples, [word.text for word in reading.words], language)
    length = len(reading.samples) / SAMPLE_RATE
    silenced = [time for index, time in enumerate(times) if index in touched and time is not None]
    if len(silenced) < len(touched) or not all(0 <= start < end <= length + MARGIN for start, end in silenced):
        return None
    kept = [index for index, phone in enumerate(reading.phones) if phone.word_index not in touched]
    if not kept:
        return None
    return Reading(
        silence_words(reading.samples, silenced),
        redact_text(reading.text, spans),
        tuple(
            Word(placeholder(touched[index]), word.start, word.end) if index in touched else word
            for index, word in enumerate(reading.words)
        ),
        tuple(reading.phones[index] for index in kept),
        tuple(_without(rating, touched, kept, len(reading.phones)) for rating in reading.raters),
    )


def _without(rating: Rating, touched: dict[int, Kind], kept: Sequence[int], phones_before: int) -> Rating:
    """Return a rating without the marks of redacted words, in step with the words and phones that are left."""
    # Marks of another number of phones cannot be laid beside these.
    in_step = len(rating.phones) == phones_before
    words = tuple(
        replace(word, accuracy=None, stress=None, total=None) if index in touched else word
        for index, word in enumerate(rating.words)
    )
    return replace(rating, words=words, phones=tuple(rating.phones[index] for index in kept) if in_step else ())


def _touched(text: str, words: Sequence[str], spans: Sequence[Span]) -> dict[int, Kind] | None:
    """Return the kind of personal data in each word that touches a span; ``None`` when words and text part ways.

    Words are laid along the text by their letters and digits, since they may be written with or without punctuation.
    """
    places = [index for index, character in enumerate(text) for _ in _letters(character)]
    if _letters(text) != _letters("".join(words)):
        return None
    touched: dict[int, Kind] = {}
    seen: set[Span] = set()
    position = 0
    for index, word in enumerate(words):
        length = len(_letters(word))
        for span in spans:
            if any(span.start <= place < span.end for place in places[position : position + length]):
                touched[index] = span.kind
                seen.add(span)
        position += length
    return touched if len(seen) == len(spans) else None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
