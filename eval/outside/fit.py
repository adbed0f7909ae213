"""Another system's words and phones -> the words and canonical phones of a release, without losing any.

Words pair by their place or by a shortest edit of their spellings, phones by a shortest edit within each word. A
canonical phone that the system does not have (it uses another pronunciation) gets the mean score of its word, so that
no phone leaves the denominator; how many did is counted. Only words that were not answered have phones without scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from collection.phones import PhoneError, normalise
from collection.schema import Seconds
from eval.errors import PredictionsError
from eval.metrics import edit_pairs
from eval.outside.answers import OK, Answer, PhoneAnswer, WordAnswer
from eval.outside.symbols import Symbols

MATCHED, RENAMED, FILLED, UNSCORED, SURPLUS, UNANSWERED = (
    "phones_with_a_score",
    "phones_scored_under_another_name",
    "phones_given_the_mean_of_their_word",
    "phones_without_a_score",
    "phones_of_the_system_in_no_place",
    "words_without_an_answer",
)
"""What is counted; ``phones_scored_under_another_name`` are among those with a score."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What the system says of one canonical phone; ``heard`` is "" for nothing, ``None`` where it does not say."""

    score: float | None = None
    heard: str | None = None
    start: Seconds | None = None
    end: Seconds | None = None


def fit(
    answer: Answer,
    name: str,
    words: Sequence[str],
    phones: Sequence[Mapping[str, Any]],
    symbols: Symbols,
    counts: Counter[str],
) -> tuple[list[Slot], list[WordAnswer | None]]:
    """Return a slot for each of S canonical ``phones`` and an answer, or none, for each of W ``words``.

    Raises ``PredictionsError`` for a phone of no word and for the answer to another text.
    """
    answers = _pair_words(answer, name, words, symbols.inventory.language)
    slots = [Slot()] * len(phones)
    for index, found in enumerate(answers):
        places = [place for place, phone in enumerate(phones) if phone["word_index"] == index]
        if found is None:
            counts[UNANSWERED] += bool(places)
            counts[UNSCORED] += len(places)
            continue
        for place, slot in zip(
            places, _word([phones[p]["canonical"] for p in places], found, symbols, counts), strict=True
        ):
            slots[place] = slot
    return slots, answers


def pair_up(reference: Sequence[str], other: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Return a shortest edit as places (in ``reference``, in ``other``); ``None`` where one side has nothing."""
    at = [0, 0]
    found: list[tuple[int | None, int | None]] = []
    for pair in edit_pairs(reference, other):
        places: list[int | None] = [None, None]
        for side in (0, 1):
            if pair[side]:
                places[side] = at[side]
                at[side] += 1
        found.append((places[0], places[1]))
    return found


def _pair_words(answer: Answer, name: str, words: Sequence[str], language: str) -> list[WordAnswer | None]:
    found: list[WordAnswer | None] = [None] * len(words)
    if not answer.words:
        return found
    if answer.words[0].text is None:
        for word in answer.words:
            if word.index is None or word.index >= len(words):
                raise PredictionsError(
                    f"{name}: word {word.index} holds phones, but the text has {len(words)} word(s)."
                )
            found[word.index] = word
        return found
    ours, theirs = ([_key(text or "", language) for text in texts] for texts in (words, (w.text for w in answer.words)))
    if not set(ours) & set(theirs):
        raise PredictionsError(
            f"{name}: none of its words is in the text of this utterance: the file answers for another one."
        )
    for place, at in pair_up(ours, theirs):
        if place is not None and at is not None:
            found[place] = answer.words[at]
    return found


def _key(text: str, language: str) -> str:
    try:
        return " ".join(normalise(text, language)) or text
    except PhoneError:
        return text


def _word(canonical: Sequence[str], answer: WordAnswer, symbols: Symbols, counts: Counter[str]) -> list[Slot]:
    if answer.lowest is not None:
        counts[MATCHED] += len(canonical)
        return [Slot(answer.lowest, "")] * len(canonical)
    named: list[tuple[str, PhoneAnswer]] = [(ours, phone) for phone in answer.phones for ours in symbols(phone.symbol)]
    said = [phone.score for phone in answer.phones if phone.score is not None]
    mean = fmean(said) if said else None
    slots = [Slot(mean)] * len(canonical)
    scored = set()
    for place, at in pair_up(canonical, [ours for ours, _ in named]):
        if at is None:
            continue
        ours, phone = named[at]
        if place is None:
            counts[SURPLUS] += 1
            continue
        known = phone.score is not None
        slots[place] = Slot(phone.score if known else mean, _heard(phone, ours, symbols), phone.start, phone.end)
        if known:
            scored.add(place)
            counts[RENAMED] += ours != canonical[place]
    counts[MATCHED] += len(scored)
    counts[FILLED if mean is not None else UNSCORED] += len(canonical) - len(scored)
    return slots


def _heard(phone: PhoneAnswer, ours: str, symbols: Symbols) -> str | None:
    """Return what was heard in the place of a phone; of a symbol for several phones, that phone's own part."""
    if not phone.heard:
        return phone.heard
    found = symbols(phone.heard)
    if len(found) <= 1:
        return "".join(found)
    return ours if ours in found else found[0]


def decoded(answer: Answer, symbols: Symbols) -> tuple[str, ...] | None:
    """Return the free decoding in our phones; an utterance that the system refused was heard as nothing."""
    return None if answer.decoded is None else symbols.all(answer.decoded)


def verdict(answer: Answer) -> str:
    """Return the word under which an utterance that was not scored is counted."""
    return OK if answer.status == OK else "_".join(answer.status.lower().split())


Reader = Callable[[Any], dict[str, Answer]]
"""A path to the answers it holds, by utterance."""
