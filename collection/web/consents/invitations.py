"""Messages to families: an invitation when an answer is awaited, a reminder before one ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import translation

from collection.consent import ADULT_AGE, JOINT_AGE, birthday, today
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, links, progress
from collection.web.consents.models import Party, Reminder


def text(party: Party, address: str, template: str = "invitation", **more: object) -> tuple[str, str]:
    """Return subject and text of a message, in the language of the families."""
    context = {"party": party, "learner": party.consent.learner, "address": address, "days": links.VALID.days, **more}
    with translation.override(settings.FAMILY_LANGUAGE):
        subject = render_to_string(f"consents/mail/{template}_subject.txt", context)
        return " ".join(subject.split()), render_to_string(f"consents/mail/{template}.txt", context)


def invite(party: Party, user: User, request: HttpRequest) -> None:
    """Send somebody their link; the journal says that it was sent, not where to."""
    subject, body = text(party, links.address(party, request))
    with transaction.atomic():
        journal.record(user, "consent.invite", party)
        send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [party.email])


def due(on: date | None = None) -> Iterator[tuple[Party, str, date]]:
    """Yield who is to be reminded, of what cause, and its day: an answer that ends, or a birthday."""
    day = on or today()
    for learner in answers.with_answers(Learner.objects.filter(consent__isnull=False)):
        found = progress.standing(learner, day)
        if not found.granted:
            continue
        causes: dict[str, date] = {}
        if found.birthday is not None and learner.birth_date is not None:
            years = ADULT_AGE if found.birthday == birthday(learner.birth_date, ADULT_AGE) else JOINT_AGE
            causes[f"birthday{years}:{found.birthday}"] = found.birthday
        if found.expires is not None and found.expires <= day + progress.SOON and found.expires != found.birthday:
            causes[f"expiry:{found.expires}"] = found.expires
        for cause, when in causes.items():
            for party in found.parties:
                # From 18 on only the learner is asked.
                if answering.heard(party, when):
                    yield party, cause, when


def remind(on: date | None = None) -> dict[str, int]:
    """Send what is due, once a party and cause; count what was ``sent``, ``known`` and ``without_address``."""
    counts = {"sent": 0, "known": 0, "without_address": 0}
    for party, cause, day in due(on):
        if not party.email:
            counts["without_address"] += 1
        elif _sent(party, cause, day):
            counts["sent"] += 1
        else:
            counts["known"] += 1
    return counts


def _sent(party: Party, cause: str, day: date) -> bool:
    """Send a reminder unless it was sent before; what says so is kept only when the message has left."""
    kind = cause.partition(":")[0]
    subject, body = text(party, links.address(party), "reminder", kind=kind, day=day)
    try:
        with transaction.atomic():
            Reminder.objects.create(party=party, cause=cause)
            journal.record("portal", "consent.remind", party, cause=cause)
            send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [party.email])
    except IntegrityError:
        return False
    return True
