"""What importers of public corpora share: no intake is ever read as a corpus, and words of a tier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from collection.errors import IntakeError
from collection.intake import REGISTER, ROSTER
from collection.schema import Word
from collection.textgrid import Interval

RIGHT, WRONG = 2.0, 0.0
"""Accuracy of a phone that experts called right or wrong without grading it: the ends of the scale."""


def refuse_intakes(folders: Iterable[Path]) -> None:
    """Raise ``IntakeError`` when one of the folders is an intake: learners' consents have no licence."""
    for folder in folders:
        marker = next((name for name in (ROSTER, REGISTER) if (folder / name).exists()), None)
        if marker:
            raise IntakeError(
                f"{folder} holds {marker}: it is an intake folder, where each learner's consent counts and no corpus "
                f"licence does. Build it with source=folder intake={folder}."
            )


def words_of(intervals: Sequence[Interval]) -> tuple[Word, ...]:
    """Return the words of a tier with their times."""
    return tuple(Word(one.label, one.start, one.end) for one in intervals)


def word_at(words: Sequence[Interval], time: float) -> int:
    """Return the word that a time lies in, or the nearest one."""
    distances = [max(word.start - time, time - word.end, 0.0) for word in words]
    return distances.index(min(distances))


def text_of(path: Path) -> str:
    """Return the text of a prompt file; raise ``IntakeError`` where it is missing or empty."""
    try:
        text = " ".join(path.read_text("utf-8-sig").split())
    except FileNotFoundError:
        text = ""
    if not text:
        raise IntakeError(
            f"{path.parent.parent.name}/{path.parent.name}/{path.name} is missing or empty: what was read?"
        )
    return text
