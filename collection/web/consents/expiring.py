"""When the time is up that a notice announced, what it allowed is destroyed, though nobody asks for it.

An answer that has run out (after a year, at a birthday) ends all use at once, and the family may answer anew: nothing
is destroyed yet. On ``retention_until``, the day that notice and receipt name, everything goes as after a withdrawal.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from django_tasks import TaskResultStatus, task
from django_tasks_db.models import DBTaskResult

from collection.consent import today
from collection.register import EventState, Role
from collection.web.audit import journal
from collection.web.consents import erasing
from collection.web.consents.models import Consent, ConsentEvent


def due(on: date | None = None) -> list[Consent]:
    """Return the consents whose retention has ended and of which something may still be held."""
    ended = Consent.objects.filter(retention_until__lte=on or today()).prefetch_related("signatures", "withdrawals")
    return [consent for consent in ended.order_by("retention_until", "pk") if _holds(consent)]


def end(consent: Consent) -> bool:
    """Take what a consent allowed out of reach and queue its destruction; tell whether there was anything to do."""
    with transaction.atomic():
        found = Consent.objects.select_for_update(of=("self",)).select_related("learner", "notice").get(pk=consent.pk)
        # Somebody may have answered anew, or taken it back, since it was looked up.
        if found.retention_until != consent.retention_until or not _holds(found):
            return False
        now = timezone.now()
        ConsentEvent.objects.create(
            consent=found, state=EventState.EXPIRED, at=now, role=Role.CONTROLLER, entity=found.notice.controller[:64]
        )
        journal.record("portal", "consent.expire", found, until=str(found.retention_until))
        erasing.begin(found, None, now)
    return True


def end_all(on: date | None = None) -> int:
    """End every consent that is due; return how many there were."""
    return sum(end(consent) for consent in due(on))


@task()
def daily() -> None:
    """End what is due, every day: the next time is queued before anything can fail."""
    daily.using(run_after=timezone.now() + timedelta(days=1)).enqueue()
    end_all()


def keep_going() -> None:
    """Queue the daily task where none waits; the worker does it when it starts."""
    waiting = DBTaskResult.objects.filter(task_path=daily.module_path, status=TaskResultStatus.READY)
    if not waiting.exists():
        daily.enqueue()


def _holds(consent: Consent) -> bool:
    """Tell whether somebody said yes since everything was destroyed last."""
    gone = max((one.at for one in consent.withdrawals.all()), default=None)
    yes = [one.created_at for one in consent.signatures.all() if any(one.answers.values())]
    return any(gone is None or at > gone for at in yes)
