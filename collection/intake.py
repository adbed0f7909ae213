"""What enters the pipeline: learners, recordings, prompts and ratings, as a folder or from an importer.

An intake folder holds ``roster.jsonl``, ``recordings.jsonl``, ``consents.jsonl`` (the register, read by
``collection.consent``), optionally ``ratings.jsonl``, and the sound files that the recordings name by relative path.
Everything here is personal data and stays on the intake side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from collection.errors import IntakeError
from collection.schema import Phone, Rating, Scores, Split, Word, WordScores


@dataclass(frozen=True, slots=True)
class Learner:
    """One line of the roster. ``age`` (years) serves corpora that give no ``birth_date``."""

    learner_id: str
    name: str | None = None
    birth_date: date | None = None
    age: int | None = None
    gender: str | None = None
    first_language: str | None = None
    level: str | None = None
    region: str | None = None
    school: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One sound file in which one learner reads ``prompts`` in order.

    ``segmented`` says that the file holds exactly one prompt already (corpora): it is not cut again.
    """

    recording_id: str
    learner_id: str
    session_id: str
    path: Path
    recorded_on: date | None
    language: str
    prompts: tuple[str, ...]
    device: str | None = None
    segmented: bool = False
    split: Split | None = None
    """The corpus's official split; ``None`` lets the release choose."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What experts said of one reading: scores, raters, and the canonical phones they scored (times may be unknown)."""

    recording_id: str
    prompt_index: int
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    scores: Scores = Scores()
    raters: tuple[Rating, ...] = ()


@dataclass(frozen=True, slots=True)
class Licence:
    """The public licence under which a corpus is used in place of a consent register."""

    name: str
    purposes: tuple[str, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything one build reads; ``licence`` is set for public corpora only."""

    source: str
    learners: dict[str, Learner]
    recordings: tuple[Recording, ...]
    annotations: dict[tuple[str, int], Annotation]
    licence: Licence | None = None
