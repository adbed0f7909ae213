"""Errors that teach: what failed, where (a pseudonym or a file name, never a learner's name), and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ParlureError(Exception):
    """Base of every error a user may meet; verbs print it without a traceback and exit 1."""


class ConfigError(ParlureError):
    """A value in the configuration is missing or impossible."""


class IntakeError(ParlureError):
    """The intake folder, roster or register cannot be used as it is."""


class KeyFileError(ParlureError):
    """The pseudonymisation key is missing, unreadable by policy, or does not fit."""


class VoiceprintError(ParlureError):
    """A learner cannot be enrolled, or a voiceprint cannot be used."""


class ReleaseError(ParlureError):
    """A release is incomplete, of another schema, or would break a promise."""


class NothingKeptError(ReleaseError):
    """A build kept no reading; ``dropped`` counts the readings by the reason for which they were left out."""

    def __init__(self, message: str, dropped: Mapping[str, int]) -> None:
        super().__init__(message)
        self.dropped = dict(dropped)


class WithdrawnMeanwhileError(ReleaseError):
    """Somebody withdrew while a release was being built: the same command again makes one without them."""


class AudioError(ParlureError):
    """A sound file cannot be used; subclasses in ``collection.sound.refusals`` name each cause."""

    reason: ClassVar[str] = "audio_unusable"
    """The word under which build reports count this cause."""
