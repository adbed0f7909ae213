"""What is still to be done for one learner's withdrawal, as steps that may be stopped between any two and run again.

The order is what makes that safe: the ledger knows first, then the doors close (register, past releases), then what is
personal is destroyed, the lists by which it is found last of all. Each step finds its work done when it is repeated.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from collection import manifest
from collection.classes import voiceprints
from collection.intake import RATINGS, RECORDINGS, REGISTER, ROSTER, Intake
from collection.keys import Key
from collection.pseudonyms.ledger import read as read_splits
from collection.pseudonyms.naming import ledger_id
from collection.register import ConsentRecord, Event, read_register, write_register
from collection.withdrawal import past_releases, tombstones
from collection.withdrawal.past_releases import Past
from collection.withdrawal.tombstones import Kind

Line = dict[str, Any]
Step = tuple[str, Callable[[], object]]
"""What a step is about, in a word, and the function that does it."""


@dataclass(frozen=True, slots=True)
class Vault:
    """An intake folder with its register, and what lies beside its key."""

    root: Path
    key: Key
    intake: Intake
    register: Mapping[str, ConsentRecord]
    ledger_path: Path
    ledger: tombstones.Ledger
    splits_path: Path

    def subject(self, learner_id: str) -> str:
        """Return a learner's identifier in the ledger of withdrawals."""
        return tombstones.subject(self.key, self.intake.source, learner_id)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What there is today of a learner who withdraws; ``subject`` is their identifier in the ledger."""

    learner_id: str = field(repr=False)
    subject: str
    at: datetime
    """When they withdrew: as the ledger says, or now."""
    begun: bool
    """Whether the ledger says that this was begun and not finished."""
    event: Event | None
    """What the register does not say yet."""
    sounds: tuple[Path, ...]
    recordings: frozenset[str] = field(repr=False)
    classes: frozenset[str] = field(repr=False)
    """Recordings of a class in which they read: they are nobody there from now on, the sound is everybody's."""
    ratings: frozenset[tuple[str, int]] = field(repr=False)
    enrolled: bool
    """Whether there is a voiceprint."""
    on_roster: bool
    split: str | None = field(repr=False)
    """Their identifier in the split ledger, if it stands there."""
    leftovers: tuple[Path, ...]
    """Half-written lists of the intake, left by a kill."""
    unfinished: tuple[Path, ...]
    """Work folders of builds; whom they hold is not known."""
    releases: tuple[Past, ...]

    @property
    def due(self) -> bool:
        """Tell whether anything is left to do."""
        found = (self.event, self.split, self.sounds, self.recordings, self.classes, self.leftovers, self.unfinished)
        told = any(past.rows or past.doomed for past in self.releases)
        return self.begun or self.enrolled or self.on_roster or told or any(map(bool, found))


def find(
    vault: Vault,
    learner_id: str,
    event: Callable[[ConsentRecord, datetime], Event],
    unfinished: tuple[Path, ...],
    releases: tuple[Past, ...],
    now: datetime,
    destroy_classes: bool = False,
) -> Withdrawal:
    """Look for everything of a learner, and write nothing; ``event`` makes the register's event of a withdrawal.

    With ``destroy_classes``, recordings of whole classes that name them as a reader go like their own.
    """
    intake = vault.intake
    entries = vault.ledger.of(vault.subject(learner_id))
    at = entries[0].time if entries else now
    record = vault.register.get(learner_id)
    said = record is not None and any(one.at == at and not one.purposes for one in record.events)
    theirs = [
        recording
        for recording in intake.recordings
        if recording.learner_id == learner_id or (destroy_classes and learner_id in recording.readers)
    ]
    own = frozenset(recording.recording_id for recording in theirs)
    heard_in = (one for one in intake.recordings if learner_id in one.readers and one.recording_id not in own)
    read = {one.recording_id: one.readers for one in heard_in}
    split = ledger_id(vault.key, intake.source, learner_id)
    return Withdrawal(
        learner_id=learner_id,
        subject=vault.subject(learner_id),
        at=at,
        begun=bool(entries) and entries[-1].kind is Kind.WITHDRAWN,
        event=None if record is None or said else event(record, at),
        sounds=tuple(recording.path for recording in theirs if recording.path.exists()),
        recordings=own,
        classes=frozenset(read),
        ratings=frozenset(
            (recording_id, index)
            for recording_id, index in intake.annotations
            if recording_id in own or learner_id in read.get(recording_id, ())[index : index + 1]
        ),
        enrolled=voiceprints.path_of(vault.root, vault.key, learner_id).exists(),
        on_roster=learner_id in intake.learners,
        split=split if split in read_splits(vault.splits_path) else None,
        leftovers=tuple(sorted(vault.root.glob(".*.jsonl.*.partial"))),
        unfinished=unfinished,
        releases=releases,
    )


def steps(found: Withdrawal, vault: Vault, now: datetime, forget_name: bool = False) -> Iterator[Step]:
    """Yield what remains to be done, in order; every step is atomic, and doing it twice does it once.

    With ``forget_name`` the ledger notes no digests of their name.
    """
    root = vault.root
    note = partial(tombstones.append, vault.ledger_path, vault.key, who=found.subject, time=now)
    if not found.begun:
        yield "tombstone", partial(note, kind=Kind.WITHDRAWN, names=() if forget_name else _name_marks(found, vault))
    if found.event is not None:
        yield "register", partial(_tell, root / REGISTER, found.learner_id, found.event)
    for past in found.releases:
        yield "release marked", partial(past.mark, found.at.date())
    for sound in found.sounds:
        yield "recording", partial(sound.unlink, missing_ok=True)
    if found.enrolled:
        yield "voiceprint", partial(voiceprints.erase, root, vault.key, found.learner_id)
    for folder in found.unfinished:
        yield "unfinished build", partial(past_releases.discard, folder)
    for path in (path for past in found.releases for path in past.doomed):
        yield "copy of a release", partial(path.unlink, missing_ok=True)
    if found.split is not None:
        yield "split ledger", partial(_forget_split, vault.splits_path, found.split)
    # A list refers to the one below it, so each stays readable, and the last still says whose withdrawal this is.
    if found.ratings:
        yield "ratings", partial(_rewrite, root / RATINGS, partial(_without_ratings, found.ratings))
    if found.recordings or found.classes:
        yield (
            "list of recordings",
            partial(_rewrite, root / RECORDINGS, partial(_without_recordings, found.recordings, found.learner_id)),
        )
    if found.on_roster:
        yield "roster", partial(_rewrite, root / ROSTER, partial(_without, "learner_id", found.learner_id))
    for partial_file in found.leftovers:
        yield "half-written list", partial(partial_file.unlink, missing_ok=True)
    yield "done", partial(note, kind=Kind.DONE)


def _name_marks(found: Withdrawal, vault: Vault) -> frozenset[str]:
    """Return the digests of a learner's name: the roster forgets it, and what others read may hold it all the same."""
    learner = vault.intake.learners.get(found.learner_id)
    if learner is None or not learner.name:
        return frozenset()
    languages = {recording.language for recording in vault.intake.recordings}
    return tombstones.name_marks(vault.key, vault.intake.source, learner.name, languages)


def _tell(path: Path, learner_id: str, event: Event) -> None:
    """Add an event to a learner's record in the register."""
    records = read_register(path)
    record = records[learner_id]
    if event not in record.events:
        records[learner_id] = replace(record, events=(*record.events, event))
        write_register(path, records.values())


def _forget_split(path: Path, speaker: str) -> None:
    """Remove a speaker from the split ledger, which builds may be writing."""
    with manifest.lock(path):
        _rewrite(path, partial(_without, "speaker", speaker))


def _rewrite(path: Path, change: Callable[[Line], Line | None]) -> None:
    """Change or remove (``None``) lines of a JSONL file; those that stay the same stay so byte for byte."""
    kept: list[str] = []
    for line in filter(str.strip, path.read_text("utf-8-sig").split("\n")):
        before = json.loads(line)
        after = change(before)
        if after is not None:
            kept.append(line if after == before else json.dumps(after, ensure_ascii=False))
    manifest.atomic_write(path, "".join(f"{line}\n" for line in kept), stat.S_IMODE(path.stat().st_mode))


def _without(name: str, value: str, line: Line) -> Line | None:
    return None if line[name] == value else line


def _without_ratings(readings: Collection[tuple[str, int]], line: Line) -> Line | None:
    return None if (line["recording_id"], int(line["prompt_index"])) in readings else line


def _without_recordings(recordings: Collection[str], learner_id: str, line: Line) -> Line | None:
    if line["recording_id"] in recordings:
        return None
    if learner_id in line.get("readers", ()):
        return {**line, "readers": [None if reader == learner_id else reader for reader in line["readers"]]}
    return line
