"""Which prompt was read in which interval: reading order, checked, and never guessed.

Pure. A recording whose intervals do not fit its prompt list one to one is flagged for a person to review; nothing is
merged, split or skipped to make it fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """A stretch of a recording, in seconds from its start."""

    @property
    def start(self) -> float:
        """First second."""

    @property
    def end(self) -> float:
        """Second at which it is over."""


T = TypeVar("T", bound=Timed)


class Doubt(StrEnum):
    """Why readings are left to a person."""

    NO_PROMPTS = "no_prompts"
    NO_SPEECH = "no_speech"
    FEWER_READINGS_THAN_PROMPTS = "fewer_readings_than_prompts"
    MORE_READINGS_THAN_PROMPTS = "more_readings_than_prompts"
    ORDER_DOUBTFUL = "order_doubtful"
    TOO_FAST_FOR_PROMPT = "too_fast_for_prompt"
    TOO_SLOW_FOR_PROMPT = "too_slow_for_prompt"


@dataclass
class MatchConfig:
    """What pace of reading is believed."""

    slowest: float = 1.0
    """Letters and digits a second below which an interval is too long for its prompt; few learners fall under 1.5."""
    fastest: float = 25.0
    """Letters a second above which an interval is too short for its prompt; fluent reading is near 15."""
    pace_ratio: float = 2.0
    """How many times faster or slower than the recording's median a reading may be; asked from 3 readings on."""
    doubts_allowed: int = 1
    """Doubtful readings that are set aside alone; with more the order is doubted and the whole recording flagged."""


@dataclass(frozen=True, slots=True)
class Matching(Generic[T]):
    """Prompt index and interval of each believed reading, in order; ``doubtful`` holds the prompts set aside and why.

    ``flagged`` says why the whole recording needs review; there are no assignments then.
    """

    assignments: tuple[tuple[int, T], ...] = ()
    flagged: Doubt | None = None
    doubtful: Mapping[int, Doubt] = field(default_factory=dict)


def match(intervals: Sequence[T], prompts: Sequence[str], config: MatchConfig | None = None) -> Matching[T]:
    """Pair the intervals of one recording with its prompts in reading order.

    Equal counts are paired in order of time; other counts flag the recording. A reading far outside a plausible pace is
    set aside as doubtful; more than ``doubts_allowed`` of them flag the recording, since a repeated and a skipped
    prompt leave the counts equal and shift the texts between them.
    """
    config = config or MatchConfig()
    flagged = _counts(len(intervals), len(prompts))
    if flagged:
        return Matching(flagged=flagged)
    ordered = sorted(intervals, key=lambda interval: (interval.start, interval.end))
    paces = [_pace(interval, prompt) for interval, prompt in zip(ordered, prompts, strict=True)]
    usual = median(paces) if len(paces) >= 3 else None
    doubts = {index: doubt for index, pace in enumerate(paces) if (doubt := _doubt(pace, usual, config))}
    if len(doubts) > config.doubts_allowed:
        return Matching(flagged=Doubt.ORDER_DOUBTFUL, doubtful=doubts)
    return Matching(tuple((index, each) for index, each in enumerate(ordered) if index not in doubts), None, doubts)


def _counts(intervals: int, prompts: int) -> Doubt | None:
    if not prompts:
        return Doubt.NO_PROMPTS
    if not intervals:
        return Doubt.NO_SPEECH
    if intervals < prompts:
        return Doubt.FEWER_READINGS_THAN_PROMPTS
    return Doubt.MORE_READINGS_THAN_PROMPTS if intervals > prompts else None


def _pace(interval: Timed, prompt: str) -> float:
    """Return letters and digits a second; an interval without length is infinitely fast."""
    length = interval.end - interval.start
    return sum(character.isalnum() for character in prompt) / length if length > 0 else float("inf")


def _doubt(pace: float, usual: float | None, config: MatchConfig) -> Doubt | None:
    if pace < config.slowest or (usual is not None and pace * config.pace_ratio < usual):
        return Doubt.TOO_SLOW_FOR_PROMPT
    if pace > config.fastest or (usual is not None and pace > usual * config.pace_ratio):
        return Doubt.TOO_FAST_FOR_PROMPT
    return None
