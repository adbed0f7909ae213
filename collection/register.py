"""The consent register: one record a learner, as JSON Lines, after the structure of ISO/IEC TS 27560:2023.

Everything here is personal data and stays on the intake side. ``collection.consent`` decides on these records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from collection.errors import IntakeError
from collection.manifest import atomic_write, canonical_json
from collection.schema import Purpose

RECORD_SCHEMA = "parlure-consent-1"
"""Value of ``schema_version`` in every record of the register."""

_YEARS = range(1900, 2201)
_MOST_PROBLEMS = 20


class Role(StrEnum):
    """Who speaks; the controller signs nothing and records expiry only."""

    GUARDIAN = "guardian"
    LEARNER = "learner"
    CONTROLLER = "controller"


class EventState(StrEnum):
    """What happened to a consent."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class LawfulBasis(StrEnum):
    """GDPR article 6(1); stored beside consent, which stays required whatever the basis."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


_STRICT = ConfigDict(extra="forbid")


def _dated(day: date, what: str) -> None:
    if day.year not in _YEARS:
        raise ValueError(f"{what} must lie in the years {_YEARS[0]} to {_YEARS[-1]}")


@dataclass(frozen=True, slots=True)
class Notice:
    """The information notice that was signed: ``sha256`` (64 hex digits) of its text, ``language`` BCP 47."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    id: str
    version: str
    sha256: str
    language: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError("sha256 must be the 64 lower-case hex digits of the notice's SHA-256")


@dataclass(frozen=True, slots=True)
class Signature:
    """One person's answers on one day; ``entity`` is an opaque id, a purpose left out is not answered."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    role: Role
    entity: str
    signed_on: date
    answers: Mapping[Purpose, bool]

    def __post_init__(self) -> None:
        _dated(self.signed_on, "signed_on")
        if self.role is Role.CONTROLLER or not self.entity:
            raise ValueError("a signature needs the role guardian or learner, and the signer's opaque id as entity")


@dataclass(frozen=True, slots=True)
class Event:
    """One step in the life of a consent; its day is the calendar day as written, no ``purposes`` means all of them.

    ``given`` is a trace only: without signatures it grants nothing. ``expired`` may lie ahead, as an agreed end.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    state: EventState
    at: AwareDatetime
    role: Role
    entity: str
    purposes: tuple[Purpose, ...] = ()

    def __post_init__(self) -> None:
        _dated(self.at.date(), "at")
        if not self.entity:
            raise ValueError("an event needs the opaque id of who caused it as entity")
        if self.role is Role.CONTROLLER and self.state is not EventState.EXPIRED:
            raise ValueError("the controller can only record expired; the others belong to guardian or learner")

    def concerns(self, purpose: Purpose) -> bool:
        """Tell whether the event is about this purpose."""
        return not self.purposes or purpose in self.purposes


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One learner's consent: personal data, kept on the intake side.

    ``purposes`` are those the notice asked for. ``birth_date`` decides who must sign; unknown counts as under 15.
    ``retention_until`` is the first day on which the voice may no longer be held.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    record_id: str
    learner_id: str
    birth_date: date | None
    notice: Notice
    purposes: tuple[Purpose, ...]
    lawful_basis: LawfulBasis
    controller: str
    recipients: tuple[str, ...]
    retention_until: date
    signatures: tuple[Signature, ...] = ()
    events: tuple[Event, ...] = ()
    schema_version: str = RECORD_SCHEMA

    def __post_init__(self) -> None:
        if self.schema_version != RECORD_SCHEMA:
            raise ValueError(f"schema_version must be {RECORD_SCHEMA!r}")
        if not (self.record_id and self.learner_id):
            raise ValueError("record_id and learner_id must not be empty")
        _dated(self.retention_until, "retention_until")
        voices = {(signature.role, signature.entity) for signature in self.signatures}
        voices |= {(event.role, event.entity) for event in self.events}
        learners = {entity for role, entity in voices if role is Role.LEARNER}
        guardians = {entity for role, entity in voices if role is Role.GUARDIAN}
        if guardians & learners or len(learners) > 1:
            raise ValueError("the learner needs one entity id, and no guardian may share it")
        if self.birth_date is not None:
            _dated(self.birth_date, "birth_date")
            if any(signature.signed_on <= self.birth_date for signature in self.signatures):
                raise ValueError("birth_date must lie before every signature")


@cache
def _adapter() -> TypeAdapter[ConsentRecord]:
    return TypeAdapter(ConsentRecord)


def read_register(path: Path) -> dict[str, ConsentRecord]:
    """Read a register (JSON Lines, one record a learner) into ``learner_id -> record``.

    Raises IntakeError with every bad line: its number, its record id, what is wrong; values are never repeated.
    """
    records: dict[str, ConsentRecord] = {}
    lines: dict[str, int] = {}
    problems: list[str] = []
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise IntakeError(f"The consent register {path} cannot be read: {problem}. Give a JSON Lines file.") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        record, found = _parse(line)
        problems += [f"line {number}, {problem}" for problem in found]
        if record is not None and record.learner_id in records:
            problems.append(
                f"line {number}, record {record.record_id}: same learner as line {lines[record.learner_id]}; "
                "a learner has one record, merge their signatures and events"
            )
        elif record is not None:
            records[record.learner_id], lines[record.learner_id] = record, number
    if problems:
        shown = "\n  ".join(problems[:_MOST_PROBLEMS])
        more = f"\n  and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
        raise IntakeError(
            f"The consent register {path} cannot be used:\n  {shown}{more}\n"
            "Correct these lines; no audio is used until then."
        )
    return records


def _parse(line: str) -> tuple[ConsentRecord | None, list[str]]:
    """Return one record, or what is wrong with its line."""
    try:
        raw = json.loads(line, object_pairs_hook=_single)
        name = raw.get("record_id", "?") if isinstance(raw, dict) else "?"
        return _adapter().validate_json(line, strict=True), []
    except ValidationError as error:
        where = [
            (".".join(map(str, item["loc"])) or "record", item["msg"]) for item in error.errors(include_input=False)
        ]
        return None, [f"record {name}: {field}: {message}" for field, message in where]
    except (ValueError, RecursionError) as error:
        return None, [f"not a JSON object: {error}"]


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON keeps the last of two equal keys, so a no followed by a yes would read as a yes.
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key appears twice in the same object")
    return dict(pairs)


def write_register(path: Path, records: Iterable[ConsentRecord]) -> None:
    """Write a register sorted by learner, byte for byte the same for the same records."""
    ordered = sorted(records, key=lambda record: record.learner_id)
    if len({record.learner_id for record in ordered}) < len(ordered):
        raise IntakeError(f"Register {path} not written: two records share a learner; merge them into one.")
    lines = (canonical_json(_adapter().dump_python(record, mode="json")) for record in ordered)
    atomic_write(path, "".join(line + "\n" for line in lines))
