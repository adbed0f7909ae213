"""When each word of a reading was said, or that it cannot be told: what is to be silenced must not be missed.

A word's time reaches from the word before it to the word after it, so that what was said in between, a false start of
the word itself above all, lies within.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from collection.hearing import list_search
from collection.hearing.listening import Listener, Posteriors, Samples, spell
from collection.redact import Times
from collection.schema import SAMPLE_RATE, Seconds
from collection.segment import Interval

STRAY = 2
"""Phones at most that may be heard in one stretch outside all words: more is speech that nobody knows the text of."""


def align(listener: Listener, samples: Samples, words: Sequence[str], language: str) -> list[Times | None]:
    """Return start and end of each word in samples (n,) at 16 kHz, in seconds; ``None`` where it cannot be placed."""
    seconds = len(samples) / SAMPLE_RATE
    heard = listener(samples, [Interval(0.0, seconds)], language)
    return place(heard, spell(words, language), seconds)


def place(heard: Posteriors, words: Sequence[Sequence[str]], seconds: Seconds) -> list[Times | None]:
    """Return the time of each word (its phones) in a reading of so many seconds.

    A word is placed when it and its neighbours were heard, in order; none is when there is speech outside the text.
    """
    texts = [heard.columns(phones) for phones in words]
    table = list_search.relative(heard.log_probs, list_search.FLOOR)
    found = list_search.search(table, np.zeros(len(table), bool), texts, list_search.GAIN, again=False)
    frames = {each.text: (each.first, each.last) for each in found}
    if not frames or _stray(heard, frames.values()) > STRAY:
        return [None] * len(words)
    times: list[Times | None] = []
    for at in range(len(words)):
        around = [one for one in (at - 1, at, at + 1) if 0 <= one < len(words)]
        if not all(one in frames for one in around):
            times.append(None)
            continue
        start = float(heard.starts[frames[at - 1][1]]) + heard.step if at else 0.0
        end = float(heard.starts[frames[at + 1][0]]) if at + 1 < len(words) else seconds
        times.append((start, end))
    return times


def _stray(heard: Posteriors, frames: Collection[tuple[int, int]]) -> int:
    """Return the most phones that are heard in one stretch without words: before, between or after them."""
    likeliest = heard.log_probs.argmax(axis=1)
    begins = np.flatnonzero((likeliest != 0) & np.diff(likeliest, prepend=0).astype(bool))
    ends = [-1, *(last for _, last in sorted(frames))]
    starts = [*(first for first, _ in sorted(frames)), len(likeliest)]
    return max(int(np.sum((begins > end) & (begins < start))) for end, start in zip(ends, starts, strict=True))
