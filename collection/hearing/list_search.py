"""Where the texts of a list occur in a stream of phone posteriors, in order: a Viterbi search over CTC paths.

Each text is a chain of phones with blanks between (Graves et al., 2006); between texts lies a filler that takes the
likeliest symbol of every frame at no cost, so that what is not on the list is left out (keyword spotting with a
garbage model: Rose & Paul, 1990). A token at each state carries where it entered its chain and what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Text = Sequence[int]
"""Columns of the phones of a text, in order; column 0 is the blank."""

GAIN = 4.0
"""Odds that each phone of a text counts for its being there, measured on reading lists of development speakers."""
FLOOR = -8.0
"""Log probability that a phone which was not heard costs at most."""
_BLANK = 0
_NEVER = np.float32(-1e9)
_START = -1


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A text that was found: its index, its first and last frame, and its log odds against the filler."""

    text: int
    first: int
    last: int
    score: float


class _Record(NamedTuple):
    """A way to have read up to ``text``: its last occurrence, the odds of all, and the record before."""

    text: int
    first: int
    last: int
    total: float
    before: int


def relative(log_probs: Floats, floor: float) -> Floats:
    """Return log probabilities (T, V), none under ``floor``, less that of each frame's likeliest symbol: 0 at most."""
    raised = np.maximum(log_probs, floor)
    return np.asarray(raised - raised.max(axis=1, keepdims=True), dtype=np.float32)


def search(
    table: Floats, broken: npt.NDArray[np.bool_], texts: Sequence[Text], gain: float, again: bool = True
) -> list[Occurrence]:
    """Return the occurrences with the highest total score that keep the order of the list, each once or ``again``.

    ``table`` (T, V) comes from ``relative``. Where ``broken`` (T,), no text goes on from the frame before. Each phone
    counts ``gain`` for its text: what scores 0 or less in all is left to the filler. An empty text does not occur.
    """
    lattice = _Lattice(texts, gain)
    best = np.full(len(lattice), _NEVER)
    latest = np.full(len(lattice), _START)
    records: list[_Record] = []
    for at, row in enumerate(table):
        if broken[at]:
            lattice.clear()
        # A text is entered from the best way to have read it (again), one before it, or nothing.
        ahead = np.maximum.accumulate(best)
        source = np.maximum.accumulate(np.where(best >= ahead, np.arange(len(best)), 0))
        if not again:
            ahead, source = np.roll(ahead, 1), np.roll(source, 1)
            ahead[:1] = _NEVER
        lattice.advance(row, at, np.maximum(ahead, 0), np.where(ahead > 0, latest[source], _START))
        for text in np.flatnonzero(lattice.out > np.maximum(best, 0)).tolist():
            first, before = lattice.origin(text)
            best[text], latest[text] = lattice.out[text], len(records)
            records.append(_Record(text, first, at, float(best[text]), before))
    found = []
    number = int(latest[best.argmax()]) if len(best) else _START
    while number != _START:
        record = records[number]
        gained = record.total - (records[record.before].total if record.before != _START else 0.0)
        found.append(Occurrence(lattice.texts[record.text], record.first, record.last, gained))
        number = record.before
    return found[::-1]


def best_scores(table: Floats, texts: Sequence[Text], gain: float) -> Floats:
    """Return the score of each text's best occurrence in ``table`` (T, V), whatever the others; ``-inf`` for none."""
    lattice = _Lattice(texts, gain)
    nothing = np.zeros(len(lattice), np.float32), np.full(len(lattice), _START)
    best = np.full(len(lattice), _NEVER)
    for at, row in enumerate(table):
        lattice.advance(row, at, *nothing)
        best = np.maximum(best, lattice.out)
    scores = np.full(len(texts), -np.inf, np.float32)
    scores[lattice.texts] = np.where(best > _NEVER / 2, best, -np.inf)
    return scores


class _Lattice:
    """The chains of all texts side by side, and the token at each of their states: score, entry frame, record."""

    def __init__(self, texts: Sequence[Text], gain: float) -> None:
        self.texts = [number for number, text in enumerate(texts) if text]
        columns: list[int] = []
        first, may_skip = [], []
        for number in self.texts:
            first.append(len(columns))
            for at, phone in enumerate(texts[number]):
                if at:
                    columns.append(_BLANK)
                    may_skip.append(False)
                columns.append(phone)
                # A blank must part a phone from the same phone again.
                may_skip.append(at > 0 and texts[number][at - 1] != phone)
        self._columns = np.array(columns, dtype=np.intp)
        self._gain = np.where(self._columns == _BLANK, 0.0, gain).astype(np.float32)
        self._first = np.array(first, dtype=np.intp)
        self._last = np.append(self._first[1:], len(columns))[: len(first)] - 1
        self._cannot_skip = ~np.array(may_skip, dtype=bool)
        self._entered = np.zeros(len(columns), dtype=np.int64)
        self._record = np.full(len(columns), _START)
        self._score = np.full(len(columns), _NEVER)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def out(self) -> Floats:
        """Scores (texts,) of the tokens at the ends of their chains."""
        return np.asarray(self._score[self._last], dtype=np.float32)

    def origin(self, text: int) -> tuple[int, int]:
        """Return where the token at the end of a chain entered it, and the record it came from."""
        return int(self._entered[self._last[text]]), int(self._record[self._last[text]])

    def clear(self) -> None:
        """Take away every token."""
        self._score[:] = _NEVER

    def advance(self, row: Floats, at: int, entry: Floats, record: npt.NDArray[np.int64]) -> None:
        """Move the tokens into frame ``at`` with scores ``row`` (V,); chains are entered with scores ``entry``."""
        step, skip = np.roll(self._score, 1), np.roll(self._score, 2)
        step[self._first] = entry
        skip[self._cannot_skip] = _NEVER
        moved = np.maximum(step, skip) + self._gain
        skipped, stays = skip > step, self._score >= moved
        self._score = np.where(stays, self._score, moved) + row[self._columns]
        self._entered = self._carry(self._entered, np.full(len(self._first), at), skipped, stays)
        self._record = self._carry(self._record, record, skipped, stays)

    def _carry(
        self,
        carried: npt.NDArray[np.int64],
        entering: npt.NDArray[np.int64],
        skipped: npt.NDArray[np.bool_],
        stays: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.int64]:
        step = np.roll(carried, 1)
        step[self._first] = entering
        return np.where(stays, carried, np.where(skipped, np.roll(carried, 2), step))
