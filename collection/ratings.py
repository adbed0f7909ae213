"""What several experts' scores of one reading make together: the labels of a release, by the rules of speechocean762.

A phone's accuracy is the mean of the raters (0-2); every other score is their median, cut to a whole number (0-10). A
total is nobody's mark but a weighted sum of marks. Zhang et al., "speechocean762: An Open-Source Non-native English
Speech Corpus for Pronunciation Assessment", Interspeech 2021; the weights are those of its published ratings, where
they give every total of a word and 98 % of those of a sentence (experts changed the others by hand).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from statistics import fmean, median

from collection.schema import Phone, Rating, Scores, Word, WordScores

_SENTENCE = (("accuracy", 0.8), ("fluency", 0.1), ("prosody", 0.1))
_WORD = (("accuracy", 0.8), ("stress", 0.2))
_SCORES = tuple(field.name for field in fields(Scores))


def with_totals(rating: Rating) -> Rating:
    """Return a rating with the totals of the sentence and of each word; ``None`` where a part of one is not known."""
    words = tuple(replace(word, total=_total(word, _WORD)) for word in rating.words)
    return replace(rating, scores=replace(rating.scores, total=_total(rating.scores, _SENTENCE)), words=words)


def consensus(
    words: Sequence[Word], phones: Sequence[Phone], raters: Sequence[Rating]
) -> tuple[tuple[Word, ...], tuple[Phone, ...], Scores]:
    """Return W words, S phones and the utterance's scores with what the raters gave them together.

    A rater without marks of words, or of phones, has an empty list there, and counts for nothing there. What nobody
    scored is ``None``.
    """
    heard = [rater.words for rater in raters if rater.words]
    marked = [rater.phones for rater in raters if rater.phones]
    return (
        tuple(
            replace(
                word,
                accuracy=_middle(given[index].accuracy for given in heard),
                stress=_middle(given[index].stress for given in heard),
                total=_middle(given[index].total for given in heard),
            )
            for index, word in enumerate(words)
        ),
        tuple(replace(phone, accuracy=_mean(given[index] for given in marked)) for index, phone in enumerate(phones)),
        Scores(**{name: _middle(getattr(rater.scores, name) for rater in raters) for name in _SCORES}),
    )


def _total(scores: Scores | WordScores, weights: Iterable[tuple[str, float]]) -> float | None:
    parts = [(getattr(scores, name), weight) for name, weight in weights]
    if any(value is None for value, _ in parts):
        return None
    return round(float(sum(value * weight for value, weight in parts)), 1)


def _middle(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(int(median(given))) if given else None


def _mean(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return round(fmean(given), 2) if given else None
