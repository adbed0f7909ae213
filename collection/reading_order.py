"""Which prompt of a reading list was read where, in a recording full of chatter.

Pure. A scorer says how well a stretch of sound fits a prompt; dynamic programming lays the readings along the list:
what fits nothing is chatter, prompts may be skipped or read again, and the last complete reading of each counts. Below
a confidence nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pkgutil import resolve_name

import numpy as np
import numpy.typing as npt

from collection.errors import ConfigError
from collection.schema import SAMPLE_RATE, Seconds
from collection.segment import Interval

Samples = npt.NDArray[np.float32]
Scorer = Callable[[Samples, Sequence[str], str], Sequence[float]]
"""Samples (n,) at 16 kHz, prompts and their BCP 47 language in; for each prompt how well it fits the whole of the
samples: log-odds on a scale of the scorer's own whose 0 lies between readings of the prompt and everything else, and
``-inf`` for what cannot be."""

Span = tuple[int, int]
"""First interval and the one after the last: a stretch of a recording that may hold one reading."""


@dataclass
class OrderConfig:
    """How a reading list is followed. Treat as read-only."""

    reach: int = 6
    """Prompts before and after the one heard last that a stretch of speech is compared with."""
    pieces: int = 3
    """Intervals at most that one reading may be broken into by pauses."""
    longest_pause: float = 1.2
    """Seconds of silence at most inside one reading."""
    slowest: float = 2.5
    """Letters and digits a second below which a stretch is too long for a prompt."""
    fastest: float = 25.0
    """Letters a second above which it is too short."""
    least_score: float = 0.0
    """Score below which a stretch is no reading; higher is stricter."""
    least_margin: float = 0.5
    """Score by which the prompt must beat every other near it; closer calls are left to a person."""
    clear: float = 1.0
    """Score above ``least_score`` from which a stretch is a whole reading: none is sought that goes on beyond it."""

    def __post_init__(self) -> None:
        if self.reach < 1 or self.pieces < 1 or not 0 < self.slowest < self.fastest:
            raise ConfigError("reading order: reach and pieces are 1 or more, and 0 < slowest < fastest.")


@dataclass(frozen=True, slots=True)
class Reading:
    """One prompt read: its index, its time, its score, and by how much it beats the next best prompt of other text."""

    prompt: int
    interval: Interval
    score: float
    margin: float


def load(scorer: str, model: str | None) -> Scorer:
    """Return the scorer that ``module:function`` makes of ``model``; raises ``ConfigError`` when there is none."""
    try:
        made: Scorer = resolve_name(scorer)(model)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"scorer={scorer} cannot be loaded ({error}): name it module:function.") from None
    return made


def follow(
    samples: Samples,
    intervals: Sequence[Interval],
    prompts: Sequence[str],
    language: str,
    scorer: Scorer,
    config: OrderConfig | None = None,
) -> list[Reading]:
    """Return the last complete reading of each prompt that was heard, in the order of the list.

    ``intervals`` are sorted and disjoint. Readings whose ``margin`` is below ``least_margin`` are returned too: the
    caller leaves them to a person.
    """
    config = config or OrderConfig()
    scores = _scores(samples, intervals, prompts, language, scorer, config)
    last = {prompt: span for span, prompt in lay(scores, intervals, config.least_score)}
    readings = []
    for prompt, span in sorted(last.items()):
        rivals = [score for other, score in scores[span].items() if prompts[other] != prompts[prompt]]
        score = scores[span][prompt]
        interval = Interval(intervals[span[0]].start, intervals[span[1] - 1].end)
        readings.append(Reading(prompt, interval, score, score - max(rivals, default=-inf)))
    return readings


def lay(
    scores: Mapping[Span, Mapping[int, float]], intervals: Sequence[Interval], least_score: float = 0.0
) -> list[tuple[Span, int]]:
    """Return the readings (span, prompt) with the highest total, in order of time.

    Spans never overlap and prompts never go back; a prompt may come twice. A reading counts its score above
    ``least_score`` times the seconds of speech in it, so that chatter is worth nothing and a whole reading more than
    its half.
    """
    ends = sorted({prompt for row in scores.values() for prompt in row})
    place = {prompt: at for at, prompt in enumerate(ends)}
    count = len(intervals)
    # best[i, p]: the highest total of the intervals from i on, with prompts from p on.
    best = np.zeros((count + 1, len(ends) + 1))
    step: dict[tuple[int, int], tuple[Span, int]] = {}
    starting: dict[int, list[Span]] = {}
    for span in scores:
        starting.setdefault(span[0], []).append(span)
    for first in range(count - 1, -1, -1):
        best[first] = best[first + 1]
        reached: dict[int, tuple[float, Span]] = {}
        for span in starting.get(first, ()):
            seconds = sum(interval.duration for interval in intervals[span[0] : span[1]])
            for prompt, score in scores[span].items():
                at = place[prompt]
                total = (score - least_score) * seconds + best[span[1], at]
                if score > least_score and total > reached.get(at, (0.0, span))[0]:
                    reached[at] = total, span
        # A reading of prompt p may follow whatever left the list at p or before.
        top, via = -inf, (-1, (0, 0))
        for at in range(len(ends) - 1, -1, -1):
            if at in reached and reached[at][0] > top:
                top, via = reached[at][0], (at, reached[at][1])
            if top > best[first, at]:
                best[first, at] = top
                step[first, at] = (via[1], via[0])
    found: list[tuple[Span, int]] = []
    first, at = 0, 0
    while first < count:
        if (first, at) in step:
            span, at = step[first, at]
            found.append((span, ends[at]))
            first = span[1]
        else:
            first += 1
    return found


def _scores(
    samples: Samples,
    intervals: Sequence[Interval],
    prompts: Sequence[str],
    language: str,
    scorer: Scorer,
    config: OrderConfig,
) -> dict[Span, dict[int, float]]:
    """Return the score of each span against the prompts near the one that was heard last."""
    letters = [sum(character.isalnum() for character in prompt) for prompt in prompts]
    scores: dict[Span, dict[int, float]] = {}
    heard = 0
    for first in range(len(intervals)):
        near = range(max(0, heard - config.reach), min(len(prompts), heard + config.reach + 1))
        sure = config.least_score + config.least_margin
        for span in _spans(intervals, first, config):
            start, end = intervals[span[0]].start, intervals[span[1] - 1].end
            chosen = [at for at in near if config.slowest <= letters[at] / (end - start) <= config.fastest]
            if not chosen:
                continue
            cut = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
            row = dict(zip(chosen, scorer(cut, [prompts[at] for at in chosen], language), strict=True))
            scores[span] = row
            likeliest = max(row, key=row.__getitem__)
            if row[likeliest] > sure:
                sure, heard = row[likeliest], likeliest
            if row[likeliest] > config.least_score + config.clear:
                break
    return scores


def _spans(intervals: Sequence[Interval], first: int, config: OrderConfig) -> Iterator[Span]:
    """Yield the stretches that begin with an interval, while the pauses in them are short."""
    for last in range(first, min(first + config.pieces, len(intervals))):
        pause: Seconds = intervals[last].start - intervals[last - 1].end
        if last > first and pause > config.longest_pause:
            return
        yield first, last + 1
