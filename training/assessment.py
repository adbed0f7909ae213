"""What an assessment says: records without computation, and their JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from collection.schema import Seconds

FORMAT = "parlure-assessment/1"


class Verdict(StrEnum):
    """Whether the scores of an assessment may be shown; only ``ok`` may."""

    OK = "ok"
    TOO_SHORT = "too_short"
    """Shorter than the shortest sound accepted, or too short to hold the phones of the text."""
    TOO_LONG = "too_long"
    SILENT = "silent"
    DAMAGED = "damaged"
    """The samples hold NaN or infinity."""
    NO_TEXT = "no_text"
    """The text has no word."""
    UNREADABLE = "unreadable"
    """The text has a word that nobody can read in the model's language."""
    NOTHING_HEARD = "nothing_heard"
    """Sound, but the model hears no phone in it. Scores are kept for evaluation; a learner must not see them."""


@dataclass(frozen=True, slots=True)
class PhoneScore:
    """One canonical phone: where it was, how well it fits, and its strongest rival. Logarithms are natural."""

    symbol: str
    word_index: int
    start: Seconds
    end: Seconds
    gop_sf: float
    """Segmentation-free GOP: log posterior of this phone among all replacements and its omission; at most 0."""
    rival_ratio: float
    """Log-likelihood ratio of this phone to ``rival`` in its place; below 0 where the rival fits better."""
    gop_lp: float
    """Mean log posterior over the aligned frames; at most 0."""
    gop_lpr: float
    """``gop_lp`` minus that of the best other phone on these frames; above 0 where this phone wins."""
    rival: str
    """The likeliest alternative to the phone; "" is leaving it out."""

    @property
    def heard(self) -> str:
        """What was most likely said here: the phone itself, another, or "" for nothing."""
        return self.symbol if self.rival_ratio >= 0 else self.rival


@dataclass(frozen=True, slots=True)
class WordScore:
    """One word: ``gop_sf`` is the mean over its phones; times and score are ``None`` for a word without phones."""

    text: str
    start: Seconds | None
    end: Seconds | None
    gop_sf: float | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """One reading: ``phones`` and ``words`` are empty unless the verdict is ``ok`` or ``nothing_heard``.

    ``decoded`` is what the model hears without knowing the text, ``frames`` the number of posterior frames.
    """

    verdict: Verdict
    phones: tuple[PhoneScore, ...] = ()
    words: tuple[WordScore, ...] = ()
    decoded: tuple[str, ...] = ()
    frames: int = 0
    duration: Seconds = 0.0

    def to_json(self) -> str:
        """Return strict JSON (no NaN, no infinity), one object.

        ``format``; ``verdict``; ``duration`` s; ``frames``; ``decoded`` [symbol];
        ``words`` [{text, start, end, gop_sf}];
        ``phones`` [{symbol, word_index, start, end, gop_sf, rival_ratio, gop_lp, gop_lpr, rival, heard}].
        """
        phones = [{**asdict(phone), "heard": phone.heard} for phone in self.phones]
        record = {"format": FORMAT, **asdict(self), "phones": phones}
        return json.dumps(record, ensure_ascii=False, allow_nan=False)
