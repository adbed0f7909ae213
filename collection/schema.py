"""The contract between the packages: the records of a release and their column types.

Times are seconds from the start of the utterance, levels are dBFS, phone accuracy is 0-2, every other score 0-10.
What nobody rated is ``None``, never 0. Records are frozen: change one with ``dataclasses.replace``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import datasets

SCHEMA_VERSION = "1.0.0"
SAMPLE_RATE = 16_000
"""Hz; everything Parlure stores or learns from is mono at this rate."""

Seconds = float


class Purpose(StrEnum):
    """What a family may allow; a release and a training run each name the purpose they serve."""

    RESEARCH = "research"
    TRAINING = "training"
    EVALUATION = "evaluation"
    SHARING = "sharing-with-partner"


class Split(StrEnum):
    """Speaker-disjoint parts of a release."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the prompt, with the scores human experts gave it (0-10)."""

    text: str
    start: Seconds | None = None
    end: Seconds | None = None
    accuracy: float | None = None
    stress: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Phone:
    """One canonical phone: accuracy 0-2; ``realised`` is what was said when known ("" for a deletion)."""

    canonical: str
    word_index: int
    start: Seconds | None = None
    end: Seconds | None = None
    accuracy: float | None = None
    realised: str | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Human scores of a whole utterance, 0-10."""

    accuracy: float | None = None
    fluency: float | None = None
    completeness: float | None = None
    prosody: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class WordScores:
    """One rater's scores of one word, 0-10."""

    accuracy: float | None = None
    stress: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What one rater gave one utterance; ``phones`` holds accuracies 0-2, ``None`` for what could not be judged.

    ``words`` and ``phones`` are empty when the rater gave none.
    """

    rater: str
    scores: Scores
    words: tuple[WordScores, ...] = ()
    phones: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Speaker:
    """Generalised demographics; ``None`` is suppressed (k-anonymity) or unknown."""

    age_band: str | None = None
    gender: str | None = None
    first_language: str | None = None
    level: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Sound quality: ``clipping`` and ``speech_share`` are shares 0-1, ``bandwidth_hz`` is the upper edge."""

    snr_db: float | None
    level_dbfs: float
    clipping: float
    speech_share: float
    bandwidth_hz: float


@dataclass(frozen=True, slots=True)
class ConsentGrant:
    """The consent a row travels with; ``record`` is a pseudonym, ``None`` for a public corpus under its licence."""

    record: str | None
    purposes: tuple[str, ...]
    expires: str | None
    """ISO date: the first day on which the consent no longer holds."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a release."""

    utterance_id: str
    speaker_id: str
    session_id: str
    audio: bytes = field(repr=False)
    """A FLAC file, 16 kHz mono, without metadata."""
    duration: Seconds
    language: str
    """BCP 47, e.g. ``en-US``."""
    text: str
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    scores: Scores
    raters: tuple[Rating, ...]
    speaker: Speaker
    device: str | None
    quality: Quality
    consent: ConsentGrant
    usage: str
    """Identifier of the usage policy printed in the dataset card."""
    source: str


def to_row(utterance: Utterance) -> dict[str, Any]:
    """Return the utterance as one row that ``FEATURES`` encodes."""
    row = asdict(utterance)
    row["audio"] = {"bytes": utterance.audio, "path": f"{utterance.utterance_id}.flac"}
    return row


def read_grant(consent: Mapping[str, Any]) -> ConsentGrant:
    """Return the consent of a row as it was written by ``to_row``."""
    return ConsentGrant(consent["record"], tuple(consent["purposes"]), consent["expires"])


_STRING = datasets.Value("string")
_FLOAT = datasets.Value("float32")
_INDEX = datasets.Value("int32")
_WORD_SCORES = {"accuracy": _FLOAT, "stress": _FLOAT, "total": _FLOAT}
_SCORES = {"accuracy": _FLOAT, "fluency": _FLOAT, "completeness": _FLOAT, "prosody": _FLOAT, "total": _FLOAT}

FEATURES = datasets.Features(
    {
        "utterance_id": _STRING,
        "speaker_id": _STRING,
        "session_id": _STRING,
        "audio": datasets.Audio(sampling_rate=SAMPLE_RATE, decode=False),
        "duration": _FLOAT,
        "language": _STRING,
        "text": _STRING,
        "words": datasets.List({"text": _STRING, "start": _FLOAT, "end": _FLOAT, **_WORD_SCORES}),
        "phones": datasets.List(
            {
                "canonical": _STRING,
                "word_index": _INDEX,
                "start": _FLOAT,
                "end": _FLOAT,
                "accuracy": _FLOAT,
                "realised": _STRING,
            }
        ),
        "scores": _SCORES,
        "raters": datasets.List(
            {
                "rater": _STRING,
                "scores": _SCORES,
                "words": datasets.List(_WORD_SCORES),
                "phones": datasets.List(_FLOAT),
            }
        ),
        "speaker": {
            "age_band": _STRING,
            "gender": _STRING,
            "first_language": _STRING,
            "level": _STRING,
            "region": _STRING,
        },
        "device": _STRING,
        "quality": {
            "snr_db": _FLOAT,
            "level_dbfs": _FLOAT,
            "clipping": _FLOAT,
            "speech_share": _FLOAT,
            "bandwidth_hz": _FLOAT,
        },
        "consent": {"record": _STRING, "purposes": datasets.List(_STRING), "expires": _STRING},
        "usage": _STRING,
        "source": _STRING,
    }
)
