"""Consent: the register of who allowed what, and the pure decision whether one purpose may be served on one day.

The default is no. A yes counts when every person whose word is needed signed one for that very purpose, after the last
no and after the last birthday that changes who decides, and it is neither withdrawn nor expired. A yes counts from its
date; a no counts as soon as the register holds it, so that an earlier ``on`` never brings a withdrawn consent back.
docs/adr/0001-consent.md gives the reason for each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from collection.errors import ConfigError
from collection.register import (
    ConsentRecord,
    Event,
    EventState,
    LawfulBasis,
    Notice,
    Role,
    Signature,
    read_register,
    write_register,
)
from collection.schema import ConsentGrant, Purpose

__all__ = [
    "ConsentPolicy",
    "ConsentRecord",
    "Decision",
    "Event",
    "EventState",
    "LawfulBasis",
    "Notice",
    "Reason",
    "Role",
    "Signature",
    "age_on",
    "asked_on",
    "birthday",
    "decide",
    "may_use",
    "read_register",
    "today",
    "write_register",
]

JOINT_AGE = 15
"""Years; below it guardian and learner consent together (loi Informatique et Libertés, art. 45)."""
ADULT_AGE = 18


class Reason(StrEnum):
    """Why a decision fell; ``GRANTED`` is the only yes."""

    GRANTED = "granted"
    NO_RECORD = "no_record"
    PURPOSE_NOT_GRANTED = "purpose_not_granted"
    GUARDIAN_MISSING = "guardian_missing"
    LEARNER_ASSENT_MISSING = "learner_assent_missing"
    GUARDIAN_REFUSED = "guardian_refused"
    LEARNER_REFUSED = "learner_refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RENEWAL_DUE_15 = "renewal_due_15"
    RENEWAL_DUE_18 = "renewal_due_18"
    NOT_YET_VALID = "not_yet_valid"


@dataclass
class ConsentPolicy:
    """What the controller asks for beyond the law's minimum."""

    guardian_signatures: int = 1
    """Distinct guardians who must say yes while the learner is under 15: 1 or 2."""
    guardian_signatures_from_15: int = 1
    """The same from 15 to 17: 0 (the learner alone), 1 or 2. A guardian's no prevails whatever the number."""
    validity_days: int = 365
    """Days a signature holds, 1 to 3650; afterwards everyone is asked again."""

    def __post_init__(self) -> None:
        choices = {"guardian_signatures": range(1, 3), "guardian_signatures_from_15": range(3)}
        for name, allowed in {**choices, "validity_days": range(1, 3651)}.items():
            if getattr(self, name) not in allowed:
                message = f"consent policy: {name} is {getattr(self, name)}; give {allowed[0]} to {allowed[-1]}."
                raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to keep, why, and the first day (``expires``) on which a yes no longer holds; ``None`` with a no."""

    keep: bool
    reason: Reason
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class _Word:
    """One yes or no of one party about one purpose."""

    day: date
    role: Role
    party: str
    yes: bool
    refusal: Reason


@dataclass(frozen=True, slots=True)
class _Stage:
    """The years of life in which the same people decide: ``since`` inclusive, ``until`` exclusive."""

    since: date
    until: date
    guardians: int
    guardians_heard: bool
    renewal: Reason


def birthday(birth_date: date, years: int) -> date:
    """Return the day on which someone reaches an age; who is born on 29 February does so on 1 March."""
    try:
        return birth_date.replace(year=birth_date.year + years)
    except ValueError:
        return date(birth_date.year + years, 3, 1)


def age_on(birth_date: date, on: date) -> int:
    """Return the age in whole years, negative before birth."""
    years = on.year - birth_date.year
    return years if birthday(birth_date, years) <= on else years - 1


def today() -> date:
    """Return the day by this machine's calendar."""
    return date.today()


def asked_on(day: str | None) -> date:
    """Return the day on which consent is asked: ``day`` (ISO 8601) or today, whichever is later.

    A day in the past would bring back what has ended since, so a given day only ever makes the answer stricter.
    Raises ConfigError when ``day`` is not a date.
    """
    now = today()
    if day is None:
        return now
    try:
        return max(date.fromisoformat(day), now)
    except ValueError:
        raise ConfigError(f"on={day} is not a day: write it YYYY-MM-DD, or leave it out for today.") from None


def decide(record: ConsentRecord | None, purpose: Purpose, on: date, policy: ConsentPolicy) -> Decision:
    """Decide whether the record allows the purpose on a day, and until when (source: docs/adr/0001-consent.md)."""
    if record is None:
        return Decision(False, Reason.NO_RECORD)
    if purpose not in record.purposes:
        return Decision(False, Reason.PURPOSE_NOT_GRANTED)
    stage = _stage(record.birth_date, on, policy)
    words = [word for word in _words(record, purpose) if stage.guardians_heard or word.role is Role.LEARNER]
    yeses = [word for word in words if word.yes]
    noes = sorted((word for word in words if not word.yes), key=lambda word: (word.day, word.refusal))
    standing = [no for no in noes if not any(no.party == yes.party and no.day < yes.day <= on for yes in yeses)]
    if standing:
        return Decision(False, standing[-1].refusal)
    ends = [event.at.date() for event in record.events if event.state is EventState.EXPIRED and event.concerns(purpose)]
    last_no = noes[-1] if noes else None
    last_end = max((end for end in ends if end <= on), default=date.min)
    validity = timedelta(days=policy.validity_days)
    sieves: tuple[tuple[Callable[[_Word], bool], Reason], ...] = (
        (lambda yes: yes.day <= on, Reason.NOT_YET_VALID),
        (lambda yes: last_no is None or yes.day > last_no.day, last_no.refusal if last_no else Reason.WITHDRAWN),
        (lambda yes: yes.day > last_end, Reason.EXPIRED),
        (lambda yes: yes.day >= stage.since, stage.renewal),
        (lambda yes: on < min(yes.day + validity, record.retention_until), Reason.EXPIRED),
    )
    expires = [stage.until, record.retention_until, *(end for end in ends if end > on)]
    needed = (Role.GUARDIAN, stage.guardians, Reason.GUARDIAN_MISSING), (Role.LEARNER, 1, Reason.LEARNER_ASSENT_MISSING)
    for role, count, missing in needed:
        signed = _weakest([yes for yes in yeses if yes.role is role], count, missing, sieves)
        if isinstance(signed, Reason):
            return Decision(False, signed)
        expires.append(date.max if signed is None else signed + validity)
    return Decision(True, Reason.GRANTED, min(expires))


def _stage(birth_date: date | None, on: date, policy: ConsentPolicy) -> _Stage:
    if birth_date is None:
        return _Stage(date.min, date.max, policy.guardian_signatures, True, Reason.EXPIRED)
    joint, adult = birthday(birth_date, JOINT_AGE), birthday(birth_date, ADULT_AGE)
    if on < joint:
        return _Stage(date.min, joint, policy.guardian_signatures, True, Reason.EXPIRED)
    if on < adult:
        return _Stage(joint, adult, policy.guardian_signatures_from_15, True, Reason.RENEWAL_DUE_15)
    return _Stage(adult, date.max, 0, False, Reason.RENEWAL_DUE_18)


def _words(record: ConsentRecord, purpose: Purpose) -> Iterator[_Word]:
    refused = {Role.GUARDIAN: Reason.GUARDIAN_REFUSED, Role.LEARNER: Reason.LEARNER_REFUSED}
    for said in record.signatures:
        if purpose in said.answers:
            yield _Word(said.signed_on, said.role, said.entity, said.answers[purpose], refused[said.role])
    for event in record.events:
        if event.state in (EventState.REFUSED, EventState.WITHDRAWN) and event.concerns(purpose):
            reason = Reason.WITHDRAWN if event.state is EventState.WITHDRAWN else refused[event.role]
            yield _Word(event.at.date(), event.role, event.entity, False, reason)


def _signed(yes: _Word) -> bool:
    return yes.yes


def _weakest(
    yeses: Sequence[_Word], count: int, missing: Reason, sieves: Iterable[tuple[Callable[[_Word], bool], Reason]]
) -> date | Reason | None:
    """Return the day of the first yes to lapse among the ``count`` latest parties, or why there are too few."""
    if count == 0:
        return None
    for passes, reason in ((_signed, missing), *sieves):
        yeses = [yes for yes in yeses if passes(yes)]
        if len({yes.party for yes in yeses}) < count:
            return reason
    latest: dict[str, date] = {}
    for yes in yeses:
        latest[yes.party] = max(yes.day, latest.get(yes.party, yes.day))
    return sorted(latest.values(), reverse=True)[count - 1]


def may_use(grant: ConsentGrant, purpose: Purpose | str, on: date) -> bool:
    """Tell whether a released row may serve the purpose on a day; asked again at every door that opens a release.

    Without a ``record`` the row is a public corpus under its licence. A consented row without a readable end is a no.
    """
    if purpose not in grant.purposes:
        return False
    if grant.expires is None:
        return grant.record is None
    try:
        return on < date.fromisoformat(grant.expires)
    except ValueError:
        return False
