"""What an assessment says: records without computation, and their JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from collection.schema import Scores, Seconds
from training.prosodic.prosody import Prosody

FORMAT = "parlure-assessment/3"


class Verdict(StrEnum):
    """Whether the scores of an assessment may be shown; only ``ok`` may."""

    OK = "ok"
    TOO_SHORT = "too_short"
    """Shorter than the shortest sound accepted, or too short to hold the phones of the text."""
    TOO_LONG = "too_long"
    SILENT = "silent"
    CLIPPED = "clipped"
    """Too many samples at full scale: what was said is cut off."""
    DAMAGED = "damaged"
    """The samples hold NaN or infinity."""
    NO_TEXT = "no_text"
    """The text has no word."""
    UNREADABLE = "unreadable"
    """The text has a word that nobody can read in the model's language."""
    NOTHING_HEARD = "nothing_heard"
    """Sound, but the model hears no phone in it. Scores are kept for evaluation; a learner must not see them."""
    UNRELATED = "unrelated"
    """Speech, but not of this text. Scores are kept as above."""


class Fault(StrEnum):
    """What was wrong with a flagged phone."""

    SUBSTITUTION = "substitution"
    OMISSION = "omission"
    UNCLEAR = "unclear"
    """The phone itself still fits best: distorted, not replaced."""
    UNSURE = "unsure"
    """Something is wrong and the model cannot say what: the learner is told to listen again, not what to change."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What may have been said in the place of a phone, "" for nothing; ``confidence`` is its posterior, 0 to 1."""

    symbol: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a phone was flagged: ``heard`` in its place ("" for nothing, ``None`` when unsure) and how surely.

    ``hint`` names what to change (``training.advice.hints``), ``None`` where there is nothing to name.
    """

    fault: Fault
    heard: str | None
    confidence: float
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Insertion:
    """A phone said beside the text, before canonical phone number ``before`` (their count: at the end)."""

    symbol: str
    before: int
    confidence: float


@dataclass(frozen=True, slots=True)
class PhoneScore:
    """One canonical phone: where it was, how well it fits, and its strongest rival. Logarithms are natural.

    What only a scorer can say is ``None`` without one: ``accuracy`` on the human scale 0-2, ``mispronounced`` the
    calibrated probability of an accuracy below 0.5, ``flagged`` whether that is above the checkpoint's threshold.
    """

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
    alternatives: tuple[Alternative, ...] = ()
    """The three likeliest things said here, the phone itself among them where it is one, likeliest first."""
    accuracy: float | None = None
    mispronounced: float | None = None
    flagged: bool | None = None
    diagnosis: Diagnosis | None = None
    """Only for a flagged phone."""

    @property
    def heard(self) -> str:
        """What was most likely said here: the phone itself, another, or "" for nothing."""
        return self.symbol if self.rival_ratio >= 0 else self.rival


@dataclass(frozen=True, slots=True)
class WordScore:
    """One word: ``gop_sf`` is the mean over its phones; times and score are ``None`` for a word without phones.

    ``accuracy``, ``stress`` and ``total`` are on the human scale 0-10, ``None`` without a scorer.
    """

    text: str
    start: Seconds | None
    end: Seconds | None
    gop_sf: float | None
    accuracy: float | None = None
    stress: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """One reading: ``phones`` and ``words`` are empty unless the verdict is ``ok``, ``nothing_heard`` or
    ``unrelated``.

    ``decoded`` is what the model hears without knowing the text, ``frames`` the number of posterior frames. ``scores``
    are the utterance's, 0-10, ``None`` without a scorer.
    """

    verdict: Verdict
    phones: tuple[PhoneScore, ...] = ()
    words: tuple[WordScore, ...] = ()
    decoded: tuple[str, ...] = ()
    frames: int = 0
    duration: Seconds = 0.0
    insertions: tuple[Insertion, ...] = ()
    scores: Scores | None = None
    prosody: Prosody | None = None
    """``None`` unless it was asked for (``AssessSettings.prosody``) and the phones were looked up in a text."""

    def to_json(self) -> str:
        """Return strict JSON (no NaN, no infinity), one object.

        ``format``; ``verdict``; ``duration`` s; ``frames``; ``decoded`` [symbol];
        ``words`` [{text, start, end, gop_sf, accuracy, stress, total}];
        ``phones`` [{symbol, word_index, start, end, gop_sf, rival_ratio, gop_lp, gop_lpr, rival, heard, accuracy,
        mispronounced, flagged, alternatives [{symbol, confidence}], diagnosis {fault, heard, confidence, hint}}];
        ``insertions`` [{symbol, before, confidence}]; ``scores`` {accuracy, fluency, completeness, prosody, total};
        ``prosody`` null or, each null where the sound does not tell it, {contrast_db,
        pauses [{kind, start, end, after_word, inside_word, silence}],
        pace {start, end, phones, syllables, speech_rate, phone_rate, articulation_rate, phonation_share, mean_run,
        unplaced_share}, pitch {median_hz, low_hz, high_hz, range, voiced, monotone},
        stress [{word_index, text, expected, realised, verdict, vowels [{symbol, start, end, level_db, semitones,
        probability}]}]}, explained in ``training.prosodic.prosody`` and the modules it names.
        """
        phones = [{**asdict(phone), "heard": phone.heard} for phone in self.phones]
        record = {"format": FORMAT, **asdict(self), "phones": phones}
        return json.dumps(record, ensure_ascii=False, allow_nan=False)
