"""A listener for tests: every prompt is spoken at a peak of its own, and told by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collection.hearing.listening import Listener, Posteriors, spell
from collection.phones import ARPABET
from collection.segment import Interval, cut

PEAKS = {"see the cat": 0.1, "we all go home now": 0.2, "the sun is up today": 0.4, "a dog ran away": 0.8}
STEP = 0.02
MARGIN = 0.1


def listener(model: str | None) -> Listener:
    """Return the listener."""
    return listen


def listen(samples: np.ndarray, intervals: Sequence[Interval], language: str) -> Posteriors:
    """Hear the phones of the prompt of each peak, spread over speech without a second's pause."""
    parts: list[Interval] = []
    for interval in intervals:
        if parts and interval.start - parts[-1].end < 1.0:
            parts[-1] = Interval(parts[-1].start, interval.end)
        else:
            parts.append(interval)
    heard = [posteriors(phones_of(float(np.abs(cut(samples, part)).max()), language), part) for part in parts]
    return joined(heard)


def told(text: str | None) -> Listener:
    """Return a listener that hears a text, evenly, whatever is said."""

    def listen(samples: np.ndarray, intervals: Sequence[Interval], language: str) -> Posteriors:
        return posteriors(spell([text or ""], language)[0], intervals[0])

    return listen


def phones_of(peak: float, language: str) -> tuple[str, ...]:
    prompt = min(PEAKS, key=lambda text: abs(peak / PEAKS[text] - 1))
    return spell([prompt], language)[0]


def posteriors(phones: Sequence[str], over: Interval, sure: float = 0.9) -> Posteriors:
    """Return posteriors in which phones are heard one after the other, evenly over an interval, blank between."""
    count = round(over.duration / STEP)
    columns = np.zeros(count, dtype=int)
    for at, phone in enumerate(phones):
        columns[round((at + 0.5) * count / len(phones))] = 1 + ARPABET.index(phone)
    table = np.full((count, 1 + len(ARPABET.symbols)), (1 - sure) / len(ARPABET.symbols), np.float32)
    table[np.arange(count), columns] = sure
    return Posteriors(np.log(table), over.start + STEP * np.arange(count), STEP, ARPABET.symbols, MARGIN)


def joined(parts: Sequence[Posteriors]) -> Posteriors:
    """Return posteriors one after the other."""
    tables = np.concatenate([part.log_probs for part in parts])
    return Posteriors(tables, np.concatenate([part.starts for part in parts]), STEP, ARPABET.symbols, MARGIN)
