"""Who still has to answer, until when an answer holds, and what ends it next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from collection import register
from collection.consent import ADULT_AGE, JOINT_AGE, Decision, Reason, birthday, decide, today
from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents import answers
from collection.web.consents.models import Party

SOON = timedelta(days=30)
"""How long before an end families are reminded and the teacher sees it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one learner's consent stands on a day.

    ``missing`` says for each role why its yes does not count for a purpose; a role that need not answer, or whose
    answers count, is not in it. ``expires`` is the first day on which one of the granted purposes no longer holds.
    """

    learner: Learner
    decisions: dict[Purpose, Decision]
    missing: dict[register.Role, dict[Purpose, Reason]]
    refused: frozenset[Purpose] = frozenset()
    """Purposes about which somebody's last word is no: they have answered, and are left in peace."""
    parties: list[Party] = field(default_factory=list)
    expires: date | None = None
    birthday: date | None = None
    """The next birthday that changes who decides, where it is near."""

    @property
    def granted(self) -> int:
        """Number of purposes that are granted."""
        return sum(one.keep for one in self.decisions.values())

    @property
    def ends_soon(self) -> bool:
        """Tell whether what is granted ends within ``SOON``."""
        return self.expires is not None and self.expires <= today() + SOON

    @property
    def guardian(self) -> Reason | None:
        """Why a guardian still has to answer."""
        return _first(self.missing.get(register.Role.GUARDIAN))

    @property
    def pupil(self) -> Reason | None:
        """Why the learner still has to answer."""
        return _first(self.missing.get(register.Role.LEARNER))

    @property
    def awaited(self) -> list[Party]:
        """Those whose answer would change something."""
        open_roles = {role for role, why in self.missing.items() if set(why) - self.refused}
        return [party for party in self.parties if party.role in open_roles]


def standing(learner: Learner, on: date | None = None) -> Standing:
    """Return where a learner's consent stands; fetch the learner through ``answers.with_answers``."""
    day = on or today()
    record = answers.record_of(learner)
    found = answers.decisions_on(record, day)
    ends = [one.expires for one in found.values() if one.keep and one.expires is not None]
    return Standing(
        learner=learner,
        decisions=found,
        missing={} if record is None else _missing(record, day),
        refused=frozenset() if record is None else _refused(record, day),
        parties=[] if record is None else list(learner.consent.parties.all()),
        expires=min((end for end in ends if end < date.max), default=None),
        birthday=_near_birthday(learner.birth_date, day),
    )


def _missing(record: register.ConsentRecord, day: date) -> dict[register.Role, dict[Purpose, Reason]]:
    """Ask ``decide`` about each role as if the other one had just said yes to everything.

    That yes is of tomorrow, so that it comes after every no that was ever said; the day asked is tomorrow too.
    """
    tomorrow = day + timedelta(days=1)
    said = {one.entity: one.role for one in record.signatures} | {one.entity: one.role for one in record.events}
    missing = {}
    for role, other in (
        (register.Role.GUARDIAN, register.Role.LEARNER),
        (register.Role.LEARNER, register.Role.GUARDIAN),
    ):
        people = [entity for entity, its_role in said.items() if its_role is other]
        # Where nobody has spoken yet somebody does; a second guardian does not stand in for the first.
        yeses = tuple(
            register.Signature(other, entity, tomorrow, dict.fromkeys(record.purposes, True))
            for entity in people or ["somebody"]
        )
        asked = replace(record, signatures=(*record.signatures, *yeses))
        found = {purpose: decide(asked, purpose, tomorrow, answers.POLICY) for purpose in record.purposes}
        why = {purpose: one.reason for purpose, one in found.items() if not one.keep}
        if why:
            missing[role] = why
    return missing


def _refused(record: register.ConsentRecord, day: date) -> frozenset[Purpose]:
    """Return the purposes about which somebody's last word is no; on one day a no comes last."""
    adult = record.birth_date is not None and birthday(record.birth_date, ADULT_AGE) <= day
    words = [
        (one.signed_on, not yes, one.entity, purpose, one.role)
        for one in record.signatures
        for purpose, yes in one.answers.items()
    ]
    words += [
        (one.at.date(), True, one.entity, purpose, one.role)
        for one in record.events
        if one.state in (register.EventState.REFUSED, register.EventState.WITHDRAWN)
        for purpose in record.purposes
        if one.concerns(purpose)
    ]
    last = {
        (entity, purpose): no
        for _, no, entity, purpose, role in sorted(words)
        if role is register.Role.LEARNER or not adult
    }
    return frozenset(purpose for (_, purpose), no in last.items() if no)


def _near_birthday(born: date | None, day: date) -> date | None:
    if born is None:
        return None
    days = (birthday(born, years) for years in (JOINT_AGE, ADULT_AGE))
    return next((one for one in days if day < one <= day + SOON), None)


def _first(why: dict[Purpose, Reason] | None) -> Reason | None:
    return next(iter(why.values())) if why else None
