"""Which identifiers a release gives: the raw ids behind every pseudonym, so that a row can be found again."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from collection.keys import Key
from collection.pseudonymise import Kind, pseudonym, release_key

RECORDING = "rec"
"""Kind of a recording's pseudonym: it names work files and reviews, and stands in no column."""
LEDGER = "led"
"""Kind of a speaker's identifier in the split ledger, under a key of its own."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Pseudonyms of one source in one release; raw ids are qualified by the source, which never holds a slash."""

    subkey: bytes = field(repr=False)
    source: str

    def speaker(self, learner_id: str) -> str:
        """Return the pseudonym of a learner."""
        return pseudonym(self.subkey, Kind.SPEAKER, f"{self.source}/{learner_id}")

    def session(self, session_id: str) -> str:
        """Return the pseudonym of a session."""
        return pseudonym(self.subkey, Kind.SESSION, f"{self.source}/{session_id}")

    def recording(self, recording_id: str) -> str:
        """Return the pseudonym of a recording."""
        return pseudonym(self.subkey, RECORDING, f"{self.source}/{recording_id}")

    def utterance(self, recording_id: str, prompt_index: int) -> str:
        """Return the pseudonym of one reading of a recording."""
        return pseudonym(self.subkey, Kind.UTTERANCE, f"{self.source}/{recording_id}/{prompt_index}")

    def rater(self, rater: str) -> str:
        """Return the pseudonym of a rater."""
        return pseudonym(self.subkey, Kind.RATER, f"{self.source}/{rater}")

    def consent(self, record_id: str) -> str:
        """Return the pseudonym of a consent record."""
        return pseudonym(self.subkey, Kind.CONSENT, f"{self.source}/{record_id}")


def naming(key: Key, release_name: str, source: str) -> Naming:
    """Return the pseudonyms of a source in a release."""
    return Naming(release_key(key, release_name), source)


def ledger_id(key: Key, source: str, learner_id: str) -> str:
    """Return a learner's identifier in the split ledger: the same for every release, and joined to none of them."""
    return pseudonym(hmac.digest(key.secret, b"parlure split ledger\0", sha256), LEDGER, f"{source}/{learner_id}")
