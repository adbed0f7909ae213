"""Which prompt of a reading list was read where, in a recording full of chatter.

Pure. A listener turns sound into phone posteriors; a search lays the prompts along them: what is on no list is chatter,
prompts may be skipped or read again, and the last reading of each counts. What fits another prompt nearly as well, or
was read in part, is told by its margin: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collection.errors import ConfigError
from collection.hearing import list_search
from collection.hearing.list_search import Floats, Occurrence
from collection.hearing.listening import Posteriors
from collection.schema import Seconds
from collection.segment import Interval


@dataclass
class OrderConfig:
    """How a reading list is followed; odds are natural logarithms. Treat as read-only."""

    phone_gain: float = list_search.GAIN
    """Odds that each phone of a prompt counts for a reading; what is not heard of the prompt counts against it. Higher
    finds readings that are harder to recognise, and takes more chatter for readings."""
    floor: float = list_search.FLOOR
    """Log probability that a phone which was not heard costs at most."""
    longest_pause: Seconds = 1.2
    """Silence at most inside one reading."""
    edge: Seconds = 0.6
    """Speech before the first and after the last phone that belongs to a reading, up to the pause around it; of longer
    speech, only ``pad`` does."""
    pad: Seconds = 0.1
    """Speech taken before the first and after the last phone where it goes on for longer."""

    def __post_init__(self) -> None:
        if self.phone_gain <= 0 or self.floor >= 0 or min(self.longest_pause, self.edge, self.pad) < 0:
            raise ConfigError("reading order: phone_gain is above 0, floor below 0, and no time is negative.")


@dataclass(frozen=True, slots=True)
class Reading:
    """One prompt read: its index, its time, and the odds a phone by which it beats others and parts of itself."""

    prompt: int
    interval: Interval
    margin: float


def follow(
    heard: Posteriors, prompts: Sequence[Sequence[str]], speech: Sequence[Interval], config: OrderConfig
) -> list[Reading]:
    """Return the last reading of each prompt that was heard, in the order of the list.

    ``prompts`` are canonical phones; one with none, or with phones the listener does not know, is not found. ``speech``
    is sorted and disjoint; one piece is taken to be of one voice. Readings whose ``margin`` is below the listener's
    ``least_margin`` are returned too: the caller leaves them to a person.
    """
    texts = [heard.columns(phones) for phones in prompts]
    table = list_search.relative(heard.log_probs, config.floor)
    broken = np.diff(heard.starts, prepend=heard.starts[:1]) > config.longest_pause + heard.step
    found = list_search.search(table, broken, texts, config.phone_gain)
    readings = {}
    for at, each in enumerate(found):
        floor = _end(heard, found[at - 1]) if at else 0.0
        ceiling = float(heard.starts[found[at + 1].first]) if at + 1 < len(found) else np.inf
        reach = Interval(float(heard.starts[each.first]), _end(heard, each))
        interval = _widened(reach, speech, floor, ceiling, config)
        readings[each.text] = Reading(each.text, interval, _margin(each, table, texts, config.phone_gain))
    return [readings[text] for text in sorted(readings)]


def _end(heard: Posteriors, occurrence: Occurrence) -> Seconds:
    return float(heard.starts[occurrence.last]) + heard.step


def _widened(
    phones: Interval, speech: Sequence[Interval], floor: Seconds, ceiling: Seconds, config: OrderConfig
) -> Interval:
    """Return the stretch from first to last phone with the speech around it that belongs to it."""
    begins = [piece.start for piece in speech if piece.start <= phones.start < piece.end]
    ends = [piece.end for piece in speech if piece.start < phones.end <= piece.end]
    start, end = (begins or [phones.start])[-1], (ends or [phones.end])[0]
    if phones.start - start > config.edge:
        start = phones.start - config.pad
    if end - phones.end > config.edge:
        end = phones.end + config.pad
    return Interval(max(start, floor), min(end, ceiling))


def _margin(occurrence: Occurrence, table: Floats, texts: Sequence[Sequence[int]], gain: float) -> float:
    """Return the odds a phone by which an occurrence beats the best of what else its frames may hold.

    That is other prompts, this one without its first or its last half, and chatter.
    """
    within = table[occurrence.first : occurrence.last + 1]
    own = texts[occurrence.text]
    half = -(-len(own) // 2)
    rivals = [*(text for text in texts if text != own), own[half:], own[:-half]]
    return (occurrence.score - max(0.0, float(list_search.best_scores(within, rivals, gain).max()))) / len(own)
