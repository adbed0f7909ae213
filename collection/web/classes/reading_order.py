"""Who reads what, in which order: pure steps on the turns of a session."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Reading:
    """One text and the learner who reads it; ``reader`` null is everybody, or somebody who is on no roster."""

    text: str
    reader: uuid.UUID | None = None


def sent(form: Mapping[str, str], known: Mapping[str, uuid.UUID]) -> list[Reading]:
    """Return the turns of a sent form: ``text-0``, ``reader-0``, …; a reader who is not ``known`` is nobody."""
    numbers = sorted(int(match[1]) for name in form if (match := re.fullmatch(r"text-(\d{1,4})", name, re.ASCII)))
    return [Reading(" ".join(form[f"text-{n}"].split()), known.get(form.get(f"reader-{n}", ""))) for n in numbers]


def moved(turns: Sequence[Reading], position: int, by: int) -> list[Reading]:
    """Return the turns with one of them moved up (``by`` -1) or down (1); at an end nothing moves."""
    ordered = list(turns)
    if 0 <= position < len(ordered) and 0 <= position + by < len(ordered):
        ordered.insert(position + by, ordered.pop(position))
    return ordered


def removed(turns: Sequence[Reading], position: int) -> list[Reading]:
    """Return the turns without one of them."""
    return [turn for number, turn in enumerate(turns) if number != position]


def shared(turns: Sequence[Reading], readers: Sequence[uuid.UUID]) -> list[Reading]:
    """Return the turns dealt out to readers, one after the other, and round again."""
    if not readers:
        return list(turns)
    return [replace(turn, reader=readers[number % len(readers)]) for number, turn in enumerate(turns)]
