"""Whether a sound can be assessed at all and is of its text, and the limits that decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from collection.quality import clipping
from collection.schema import SAMPLE_RATE
from training.advice.assessment import Verdict
from training.alignment import align
from training.errors import AssessmentError


@dataclass
class AssessSettings:
    """How sound and text are taken in before they are scored."""

    min_seconds: float = 0.1
    """s; a shorter recording gets the verdict too_short."""
    max_seconds: float = 30.0
    """s; a longer recording gets the verdict too_long (a Whisper encoder hears 30 s, memory ends somewhere for all)."""
    silence_dbfs: float = -60.0
    """dBFS of the highest sample, mean removed; below it the verdict is silent."""
    most_clipping: float = 0.05
    """Share of samples at full scale above which the verdict is clipped, as a build drops such a recording."""
    reach: float = align.REACH
    """s; how far a phone's time may grow into the blank frames beside it."""
    related: float = 0.25
    """Similarity (1 - edits / longer length) of the phones heard to those of the text below which the verdict is
    unrelated: on validation speakers 96 % of readings of another text are below, 0.4 % of the text's own."""
    surest: float = 0.5
    """Posterior that an explanation of a flagged phone must reach to be told; below it the diagnosis is unsure."""
    surest_insertion: float = 0.99
    """Posterior that a phone beside the text must reach to be told."""
    prosody: bool = False
    """Also measure pauses, pace, pitch and word stress; what that takes was not measured."""


def judge_sound(waveform: np.ndarray, settings: AssessSettings) -> Verdict:
    """Return whether samples (N,) can be scored at all, before any model hears them."""
    if waveform.ndim != 1:
        raise AssessmentError(
            f"A waveform is one row of samples (N,), this one has shape {waveform.shape}: mix to mono."
        )
    if not np.isfinite(waveform).all():
        return Verdict.DAMAGED
    if waveform.size < max(1, settings.min_seconds * SAMPLE_RATE):
        return Verdict.TOO_SHORT
    if waveform.size > settings.max_seconds * SAMPLE_RATE:
        return Verdict.TOO_LONG
    peak = float(np.abs(waveform - waveform.mean()).max())
    if peak < 10 ** (settings.silence_dbfs / 20):
        return Verdict.SILENT
    return Verdict.CLIPPED if clipping(waveform) > settings.most_clipping else Verdict.OK


def judge_reading(decoded: Sequence[str], canonical: Sequence[str], settings: AssessSettings) -> Verdict:
    """Return whether the phones heard without a text may be a reading of the canonical ones."""
    if not decoded:
        return Verdict.NOTHING_HEARD
    similar = Levenshtein.normalized_similarity(list(decoded), list(canonical))
    return Verdict.OK if similar >= settings.related else Verdict.UNRELATED
