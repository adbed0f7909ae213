"""The ledger of withdrawals: append-only and hash-chained, so that nobody who left comes back unnoticed.

``<key>.tombstones.jsonl`` holds a line an event. It names nobody: a learner stands under an HMAC of source and learner
id with the key. Each line holds the SHA-256 of the one before, which shows edits, reordering and deletion; what the
chain cannot show, lines missing at the end, shows against the exported head ``<key>.tombstones.head.json``.
Both files lie beside the key and not in the intake: an old backup of the intake does not roll them back. A copy of the
head kept elsewhere shows that both were rolled back, or removed, together.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from filelock import FileLock
from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from collection import manifest
from collection.errors import KeyFileError, ParlureError
from collection.intake import Intake
from collection.keys import Key
from collection.phones import PhoneError, primary_subtag
from collection.pseudonymise import pseudonym
from collection.redaction.forgotten_names import ForgottenNames
from collection.redaction.known_names import KnownNames

SUBJECT = "gone"
"""Kind of a learner's identifier in the ledger, under a key of its own."""
_BEFORE_THE_FIRST = "0" * 64
_STRICT = ConfigDict(extra="forbid")
_ADVICE = (
    "Bring the ledger and its head back from their safe copy. Until then no release is built: nobody can say who has "
    "withdrawn."
)


class LedgerError(ParlureError):
    """The ledger of withdrawals was changed, cut short or lost, so it cannot be relied on."""


class Kind(StrEnum):
    """What happened: a withdrawal is noted before anything is destroyed, and ``done`` after everything is."""

    WITHDRAWN = "withdrawn"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: ``seq`` counts from 1, ``key`` is the id of the key, ``previous`` the SHA-256 of the line before."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    seq: int
    time: AwareDatetime
    kind: Kind
    key: str
    subject: str
    previous: str
    names: tuple[str, ...] = ()
    """Digests of the learner's name, by which it is still taken out of what others read."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last line's number and SHA-256: small enough to keep on paper, and enough to show that lines are missing."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    seq: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """A verified chain: its entries in order, and the SHA-256 of each of their lines."""

    entries: tuple[Entry, ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def head(self) -> Head | None:
        """The head to export; ``None`` while nobody has withdrawn."""
        return Head(len(self.digests), self.digests[-1]) if self.digests else None

    @property
    def subjects(self) -> frozenset[str]:
        """Everyone who has withdrawn, whether or not everything of theirs is destroyed yet."""
        return frozenset(entry.subject for entry in self.entries)

    def of(self, subject: str) -> tuple[Entry, ...]:
        """Return the entries about one learner, in order."""
        return tuple(entry for entry in self.entries if entry.subject == subject)

    def verify(self, head: Head, name: str) -> None:
        """Raise ``LedgerError`` unless the ledger still holds the line that a head, called ``name``, was taken of."""
        if not 0 < head.seq <= len(self.digests):
            raise LedgerError(
                f"the ledger of withdrawals ends at line {len(self.digests)}, but {name} was taken of line {head.seq}: "
                f"lines are missing at the end. {_ADVICE}"
            )
        if self.digests[head.seq - 1] != head.sha256:
            raise LedgerError(f"line {head.seq} of the ledger of withdrawals is not the one in {name}. {_ADVICE}")


def beside(key: Path) -> Path:
    """Return the path of a key's ledger."""
    return key.with_name(f"{key.name}.tombstones.jsonl")


def head_of(ledger: Path) -> Path:
    """Return where a ledger's head is exported to."""
    return ledger.with_name(f"{ledger.name.removesuffix('.jsonl')}.head.json")


def subject(key: Key, source: str, learner_id: str) -> str:
    """Return a learner's identifier in the ledger: the same for every release, and joined to none of them."""
    subkey = hmac.digest(key.secret, b"parlure tombstones\0", sha256)
    return pseudonym(subkey, SUBJECT, f"{source}/{learner_id}")


def name_marks(key: Key, source: str, name: str, languages: Iterable[str]) -> frozenset[str]:
    """Return digests, under a key of their own, by which a name is found in texts of these languages (BCP 47)."""
    primaries: set[str] = set()
    for language in languages:
        with suppress(PhoneError):  # nothing in a language without an inventory is released
            primaries.add(primary_subtag(language))
    known = (KnownNames(primary, (name,), (), 1.0) for primary in primaries or {"en"})
    return frozenset(mark for each in known for mark in each.marks(_names_key(key, source)))


def forgotten(key: Key, source: str, ledger: Ledger, others: frozenset[str] = frozenset()) -> ForgottenNames | None:
    """Return what finds the names of whoever has withdrawn, and of ``others`` by digests; ``None`` without any."""
    marks = others.union(*(entry.names for entry in ledger.entries))
    return ForgottenNames(_names_key(key, source), marks) if marks else None


def _names_key(key: Key, source: str) -> bytes:
    return hmac.digest(key.secret, b"parlure names of the withdrawn\0" + source.encode(), sha256)


def parse(data: bytes) -> Ledger:
    """Return the ledger that a file holds; raises ``LedgerError`` where its chain breaks."""
    if data and not data.endswith(b"\n"):
        raise LedgerError(f"the last line of the ledger of withdrawals is cut short. {_ADVICE}")
    entries: list[Entry] = []
    digests: list[str] = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            entry = TypeAdapter(Entry).validate_json(line)
        except ValidationError:
            raise LedgerError(f"line {number} of the ledger of withdrawals is damaged. {_ADVICE}") from None
        if entry.seq != number or entry.previous != (digests[-1] if digests else _BEFORE_THE_FIRST):
            raise LedgerError(
                f"the chain of the ledger of withdrawals breaks at line {number}: a line before it was changed, moved "
                f"or removed. {_ADVICE}"
            )
        entries.append(entry)
        digests.append(sha256(line).hexdigest())
    return Ledger(tuple(entries), tuple(digests))


def read_head(path: Path) -> Head:
    """Read an exported head."""
    try:
        return TypeAdapter(Head).validate_json(path.read_bytes())
    except FileNotFoundError:
        raise LedgerError(
            f"{path.name}, the exported head of the ledger of withdrawals, is missing. {_ADVICE}"
        ) from None
    except ValidationError:
        raise LedgerError(f'{path.name} is not a head {{"seq": …, "sha256": …}}. {_ADVICE}') from None


def read_verified(path: Path, key: Key) -> Ledger:
    """Read a ledger and hold it against its chain, its key and its exported head; without either file it is empty.

    Raises ``LedgerError`` when it was tampered with and ``KeyFileError`` when another key wrote it.
    """
    head = head_of(path)
    ledger = parse(path.read_bytes()) if path.exists() else Ledger()
    if any(entry.key != key.id for entry in ledger.entries):
        raise KeyFileError(
            f"{path.name} was written with another key than {key.id}, so it cannot be told who has withdrawn: use the "
            "key that it belongs to, or move a ledger of another key away."
        )
    # A kill between the two files of the first entry leaves a ledger without a head; later ones have an older head.
    if head.exists() or len(ledger.entries) > 1:
        ledger.verify(read_head(head), head.name)
    return ledger


def lock(path: Path) -> FileLock:
    """Return the lock under which a ledger, and what it commands, is written; its holder may take it again."""
    return manifest.lock(path, is_singleton=True)


def append(path: Path, key: Key, kind: Kind, who: str, time: datetime, names: Collection[str] = ()) -> Head:
    """Add one entry about the subject ``who``, export the new head and return it; both files are the owner's only.

    ``names`` are the digests of their name (``name_marks``).
    """
    with lock(path):
        ledger = read_verified(path, key)
        previous = ledger.digests[-1] if ledger.digests else _BEFORE_THE_FIRST
        entry = Entry(len(ledger.entries) + 1, time, kind, key.id, who, previous, tuple(sorted(names)))
        line = manifest.canonical_json({**asdict(entry), "time": time.isoformat()}) + "\n"
        data = (path.read_bytes() if path.exists() else b"") + line.encode()
        head = parse(data).head
        assert head is not None  # noqa: S101
        manifest.atomic_write(path, data, mode=0o600)
        manifest.atomic_write(head_of(path), json.dumps(asdict(head)) + "\n", mode=0o600)
    return head


def without(intake: Intake, key: Key, ledger: Ledger) -> tuple[Intake, int]:
    """Return an intake as if whoever has withdrawn had never been in it, and how many learners that took out again."""
    if not ledger.entries:
        return intake, 0
    ids = [*intake.learners, *(recording.learner_id for recording in intake.recordings)]
    gone = {one for one in ids if subject(key, intake.source, one) in ledger.subjects}
    recordings = tuple(
        replace(one, readers=tuple(None if reader in gone else reader for reader in one.readers))
        for one in intake.recordings
        if one.learner_id not in gone
    )
    readers = {one.recording_id: one.readers for one in intake.recordings if one.learner_id not in gone}
    remaining = replace(
        intake,
        learners={one: learner for one, learner in intake.learners.items() if one not in gone},
        recordings=recordings,
        annotations={
            (recording_id, index): said
            for (recording_id, index), said in intake.annotations.items()
            if recording_id in readers and not set(readers[recording_id][index : index + 1]) & gone
        },
    )
    return remaining, len(gone)
