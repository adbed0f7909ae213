"""What another system answered, whatever file it came in: utterances, their words, the scores of their phones.

Scores are the system's own, in any range, high for good. ``None`` is what it did not say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from collection.schema import Scores, Seconds, WordScores
from eval.errors import PredictionsError

OK = "ok"
"""Status of an utterance that the system scored."""


@dataclass(frozen=True, slots=True)
class PhoneAnswer:
    """One phone: the system's name for it, its score, what was heard instead ("" nothing), its times (s)."""

    symbol: str
    score: float | None
    heard: str | None = None
    start: Seconds | None = None
    end: Seconds | None = None


@dataclass(frozen=True, slots=True)
class WordAnswer:
    """One word, known by its ``index`` in the text or by its ``text``.

    ``lowest`` is set for a word that the system says was not read: the worst score there is, which all its phones get.
    """

    phones: tuple[PhoneAnswer, ...]
    index: int | None = None
    text: str | None = None
    scores: WordScores = field(default_factory=WordScores)
    lowest: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One utterance; ``decoded`` is what was heard without knowing the text, ``status`` why there are no words."""

    words: tuple[WordAnswer, ...]
    scores: Scores = field(default_factory=Scores)
    decoded: tuple[str, ...] | None = None
    status: str = OK


def number(value: Any, where: str) -> float | None:
    """Return a score or a time, ``None`` for one that is not given; raise for what is no finite number."""
    if value is None or value == "":
        return None
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise PredictionsError(
            f"{where}: {value!r} is no finite number. Write a number, or nothing where none is known."
        )
    return found


def record(value: Any, where: str) -> dict[str, Any]:
    """Return a JSON object, or raise an error that says where one was expected."""
    if not isinstance(value, dict):
        raise PredictionsError(f"{where}: an object was expected, not {type(value).__name__}.")
    return value


def records(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a JSON list of objects, empty for one that is not there."""
    if not isinstance(value, list | None):
        raise PredictionsError(f"{where}: a list was expected, not {type(value).__name__}.")
    return [record(one, f"{where}[{place}]") for place, one in enumerate(value or ())]


def text(value: Any, where: str) -> str:
    """Return a text that must be there."""
    if not isinstance(value, str) or not value.strip():
        raise PredictionsError(f"{where}: a text was expected, not {value!r}.")
    return value.strip()
