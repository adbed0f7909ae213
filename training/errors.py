"""Errors of training and assessment: what failed, where, and what to do next."""

from __future__ import annotations

from enum import StrEnum

from collection.errors import ParlureError


class ModelError(ParlureError):
    """A checkpoint cannot be read, is of another kind, or does not fit what it is asked to do."""


class Misfit(StrEnum):
    """Why an alignment does not exist."""

    NO_PHONES = "no_phones"
    TOO_FEW_FRAMES = "too_few_frames"
    UNKNOWN_INDEX = "unknown_index"
    NOT_FINITE = "not_finite"


class AlignmentError(ParlureError):
    """Phones cannot be laid over frames; ``reason`` says why in a word that programs can count."""

    def __init__(self, reason: Misfit, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AssessmentError(ParlureError):
    """An assessment was asked for in a way that cannot be answered (not: a learner's bad recording)."""


class EncoderError(ParlureError):
    """A speech encoder cannot be found, is of an unknown family, or cannot take this input."""


class TrainingDataError(ParlureError):
    """A release cannot be learned from as it is."""
