"""The portal's consents as the pipeline's records, and the pipeline's answers about them.

No rule about consent is written here: ``collection.consent.decide`` takes every decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import uuid5

from django.db.models import QuerySet
from django.utils import timezone

from collection import register
from collection.consent import ConsentPolicy, Decision, Reason, decide, today
from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents.models import Consent, Notice, Signature

POLICY = ConsentPolicy()


def with_answers(learners: QuerySet[Learner]) -> QuerySet[Learner]:
    """Fetch what decisions need in four queries, however many learners there are."""
    return learners.select_related("consent__notice").prefetch_related(
        "consent__signatures__party", "consent__signatures__notice", "consent__events"
    )


def pipeline_id(learner: Learner) -> str:
    """Return the learner's id in the pipeline: another one after a withdrawal, which closes the first for good."""
    consent: Consent | None = getattr(learner, "consent", None)
    return str(consent.subject if consent is not None and consent.subject else learner.pk)


def record_of(learner: Learner, subject: str | None = None) -> register.ConsentRecord | None:
    """Return the learner's record as the pipeline reads it, under their id there or an earlier one (``subject``).

    ``None`` when nobody was asked. A record holds one version of the notice, so a yes to another version is left out; a
    no counts whatever was read.
    """
    consent: Consent | None = getattr(learner, "consent", None)
    if consent is None:
        return None
    notice = consent.notice
    who = subject or pipeline_id(learner)
    return register.ConsentRecord(
        record_id=str(uuid5(consent.pk, who)),
        learner_id=who,
        birth_date=learner.birth_date,
        notice=register.Notice(notice.name, notice.version, notice.sha256, notice.language),
        purposes=tuple(Purpose(purpose) for purpose in notice.purposes),
        lawful_basis=register.LawfulBasis.CONSENT,
        controller=notice.controller,
        recipients=tuple(notice.recipients),
        retention_until=consent.retention_until,
        signatures=tuple(
            register.Signature(
                register.Role(one.party.role),
                str(one.party_id),
                one.signed_on,
                _counted(one, notice),
            )
            for one in consent.signatures.all()
        ),
        events=tuple(
            register.Event(
                register.EventState(one.state),
                # The pipeline reads the day as it is written; in UTC a night's withdrawal would move to the day before.
                timezone.localtime(one.at),
                register.Role(one.role),
                one.entity,
                tuple(Purpose(purpose) for purpose in one.purposes),
            )
            for one in consent.events.all()
        ),
    )


def _counted(signature: Signature, asked: Notice) -> dict[Purpose, bool]:
    """Return the answers of a signature that count for the version that is asked."""
    same = (signature.notice.name, signature.notice.version) == (asked.name, asked.version)
    return {Purpose(purpose): bool(answer) for purpose, answer in signature.answers.items() if same or not answer}


def decisions(learner: Learner, on: date | None = None) -> dict[Purpose, Decision]:
    """Return the pipeline's decision about every purpose, on a day or today."""
    return decisions_on(record_of(learner), on)


def decisions_on(record: register.ConsentRecord | None, on: date | None = None) -> dict[Purpose, Decision]:
    """Return the pipeline's decision about every purpose by a record that was made already."""
    return {purpose: decide(record, purpose, on or today(), POLICY) for purpose in Purpose}


def allows(learner: Learner, purposes: Iterable[Purpose], on: date | None = None) -> bool:
    """Tell whether every one of the purposes is granted."""
    answers = decisions(learner, on)
    return all(answers[purpose].keep for purpose in purposes)


def may_be_heard(learner: Learner, on: date | None = None) -> bool:
    """Tell whether the learner's voice may be kept and played to their teacher: at least one purpose is granted."""
    return any(decision.keep for decision in decisions(learner, on).values())


def why_not(learner: Learner, on: date | None = None) -> Reason | None:
    """Return the reason why the voice may not be heard, of the first purpose that was asked; ``None`` when it may."""
    record = record_of(learner)
    answers = decisions_on(record, on)
    if any(decision.keep for decision in answers.values()):
        return None
    asked = record.purposes[0] if record is not None and record.purposes else Purpose.TRAINING
    return answers[asked].reason
