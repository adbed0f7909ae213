"""Asking families and writing down what they say: answers for each purpose, online or on paper, and withdrawals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from collection.consent import ADULT_AGE, Reason, age_on, today
from collection.register import EventState, Role
from collection.schema import Purpose
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.consents import answers, erasing
from collection.web.consents.models import Channel, Consent, ConsentEvent, Notice, Party, Signature, retention_end
from collection.web.consents.scans import Scan

NO = {Reason.GUARDIAN_REFUSED, Reason.LEARNER_REFUSED, Reason.WITHDRAWN}


def ask(learner: Learner, notice: Notice) -> Consent:
    """Return the learner's consent record with a guardian and the learner to be asked, made when there is none."""
    consent, _made = Consent.objects.get_or_create(
        learner=learner, defaults={"notice": notice, "retention_until": retention_end(notice, today())}
    )
    for role in (Role.GUARDIAN, Role.LEARNER):
        if not consent.parties.filter(role=role).exists():
            Party.objects.create(consent=consent, role=role)
    return consent


def heard(party: Party, on: date | None = None) -> bool:
    """Tell whether somebody's word counts: a guardian's does until the learner is of age."""
    born = party.consent.learner.birth_date
    return party.role == Role.LEARNER or born is None or age_on(born, on or today()) < ADULT_AGE


def said_no_today(party: Party) -> bool:
    """Tell whether somebody said no today: a yes counts from tomorrow on (ADR 1, on one day a no beats a yes)."""
    day = today()
    signed = party.signature_set.filter(signed_on=day)
    took_back = party.consent.events.filter(entity=str(party.pk), state=EventState.WITHDRAWN)
    return any(not all(one.answers.values()) for one in signed) or any(
        timezone.localdate(one.at) == day for one in took_back
    )


def sign(
    party: Party,
    notice: Notice,
    said: Mapping[str, bool],
    channel: Channel,
    *,
    signed_on: date | None = None,
    typed_by: User | None = None,
    scan: Scan | None = None,
) -> Signature:
    """Write down somebody's answers; a no to everything after a yes destroys what that yes had allowed.

    ``said`` maps purposes to yes or no, a purpose left out is not answered. ``typed_by`` and ``scan`` are of paper.
    Raises ``KeyError`` for a purpose that the notice does not ask.
    """
    for purpose in said:
        if purpose not in notice.purposes:
            raise KeyError(f"notice {notice.version} does not ask about {purpose}")
    with transaction.atomic():
        consent = Consent.objects.select_for_update().select_related("learner").get(pk=party.consent_id)
        had_yes = any(any(one.answers.values()) for one in consent.signatures.all())
        signature = Signature(
            consent=consent,
            party=party,
            notice=notice,
            signed_on=signed_on or today(),
            answers={purpose: bool(answer) for purpose, answer in said.items()},
            channel=channel,
            typed_by=typed_by,
        )
        if scan is not None:
            signature.scan_type = scan.kind
            signature.scan.save("", ContentFile(scan.data), save=False)
        signature.save()
        consent.retention_until = _retention(consent)
        consent.save(update_fields=["retention_until"])
        journal.record(typed_by or party.role, "consent.answer", party, channel=str(channel), answers=signature.answers)
        if had_yes and _all_no(consent):
            erasing.begin(consent, party)
    return signature


def take_back(party: Party) -> None:
    """Withdraw: from this moment nothing of the learner is played, and what there is is destroyed."""
    with transaction.atomic():
        consent = Consent.objects.select_for_update().select_related("learner").get(pk=party.consent_id)
        now = timezone.now()
        ConsentEvent.objects.create(
            consent=consent, state=EventState.WITHDRAWN, at=now, role=party.role, entity=str(party.pk)
        )
        journal.record(party.role, "consent.withdraw", party)
        erasing.begin(consent, party, now)


def renew(learner: Learner, notice: Notice) -> None:
    """Ask with another version of the notice from now on; answers to the one before no longer count as a yes."""
    consent = ask(learner, notice)
    if consent.notice_id != notice.pk:
        consent.notice = notice
        consent.save(update_fields=["notice"])


def end_links(party: Party) -> None:
    """End every link that was sent to somebody, and every window that was opened by one."""
    party.links_since = timezone.now()
    party.save(update_fields=["links_since"])


def _retention(consent: Consent) -> date:
    """Return the end of retention that everybody last agreed to: the earliest of theirs."""
    last = {one.party_id: one for one in consent.signatures.select_related("notice").order_by("signed_on")}
    return min(retention_end(one.notice, one.signed_on) for one in last.values())


def _all_no(consent: Consent) -> bool:
    """Tell whether somebody's no stands against every purpose that is asked."""
    learner = answers.with_answers(Learner.objects.filter(pk=consent.learner_id)).get()
    found = answers.decisions(learner)
    return all(found[Purpose(purpose)].reason in NO for purpose in consent.notice.purposes)
