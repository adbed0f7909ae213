"""Pure: what was heard in a class recording against what was said; counts in seconds first, then rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collection.classes.class_recording import Heard
from collection.schema import SAMPLE_RATE
from collection.synthetic.class_session import Session, Spoken, seconds_within

DRAWS = 1000
"""Times that sessions are drawn anew for an interval."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One reading that was heard: evidence, and seconds in it of nobody who consents, of its reader, of other learners.

    ``believed`` is false where the prompt or another learner's voice speaks against it whatever the threshold.
    """

    evidence: float
    unconsented: float
    own: float
    other: float
    right_prompt: bool
    believed: bool


@dataclass(frozen=True, slots=True)
class Result:
    """One session: trials, and what there was to find, in seconds."""

    trials: tuple[Trial, ...]
    hours: float
    unconsented: float
    readings: float


def judge(session: Session, heard: Sequence[Heard]) -> Result:
    """Compare what was heard with what was said."""
    consenting = set(session.enrolments)
    strangers = [one for one in session.spoken if one.speaker_id not in consenting]
    trials = [_trial(session, each, strangers) for each in heard]
    last = {one.prompt: one for one in session.spoken if one.prompt is not None and one.complete}
    wanted = [one for prompt, one in last.items() if one.speaker_id == session.readers[prompt] in consenting]
    length = len(session.samples) / SAMPLE_RATE
    talk = sum(one.end - one.start for one in strangers)
    return Result(tuple(trials), length / 3600, talk, sum(one.end - one.start for one in wanted))


def _trial(session: Session, heard: Heard, strangers: Sequence[Spoken]) -> Trial:
    start, end = heard.interval.start, heard.interval.end
    reader = session.readers[heard.prompt]
    own = [one for one in session.spoken if one.speaker_id == reader]
    others = [one for one in session.spoken if one.speaker_id in session.enrolments and one.speaker_id != reader]
    most = max(session.spoken, key=lambda one: min(end, one.end) - max(start, one.start))
    same = most.prompt is not None and session.prompts[most.prompt] == session.prompts[heard.prompt]
    return Trial(
        heard.evidence,
        seconds_within(strangers, start, end),
        seconds_within(own, start, end),
        seconds_within(others, start, end),
        same and most.complete,
        heard.reason is None,
    )


def rates(results: Sequence[Result], threshold: float) -> dict[str, float]:
    """Return the figures at a threshold: counts are summed over the sessions, then divided."""
    kept = [trial for result in results for trial in result.trials if trial.believed and trial.evidence >= threshold]
    hours, talk, readings = (
        max(sum(getattr(result, name) for result in results), 1e-9) for name in ("hours", "unconsented", "readings")
    )
    leaked = sum(trial.unconsented for trial in kept)
    count = max(len(kept), 1)
    return {
        "unconsented_kept": leaked / talk,
        "unconsented_kept_seconds_an_hour": leaked / hours,
        "consented_kept": sum(trial.own for trial in kept) / readings,
        "speaker_errors": sum(trial.own < max(trial.unconsented, trial.other) for trial in kept) / count,
        "prompt_errors": sum(not trial.right_prompt for trial in kept) / count,
        "readings_kept": float(len(kept)),
    }


def choose(results: Sequence[Result], leak: float) -> float:
    """Return the lowest threshold at which no more than a share ``leak`` of unconsented speech is kept."""
    marks = sorted({trial.evidence for result in results for trial in result.trials}, reverse=True)
    chosen = 1.0
    for mark in marks:
        if rates(results, mark)["unconsented_kept"] > leak:
            break
        chosen = mark
    return chosen


def interval(results: Sequence[Result], threshold: float, name: str, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of a figure, sessions drawn anew with repetition."""
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(len(results), size=len(results)) for _ in range(DRAWS)]
    values = [rates([results[at] for at in draw], threshold)[name] for draw in drawn]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
