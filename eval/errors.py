"""Errors of scoring and reporting."""

from __future__ import annotations

from collection.errors import ParlureError


class ScoreError(ParlureError):
    """A model cannot be scored on this release as asked."""


class ReportError(ParlureError):
    """A run folder cannot be shown in a report."""


class BenchError(ParlureError):
    """A benchmark could not run what it measures."""


class PredictionsError(ScoreError):
    """Predictions of another system cannot be scored as they are."""
