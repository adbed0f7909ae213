"""The end of retention: on the day that was announced everything goes, once, and nothing before it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from collection.consent import Reason, today
from collection.intake import REGISTER
from collection.keys import read_key
from collection.register import EventState, read_register
from collection.schema import Purpose
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, erasing, expiring
from collection.web.consents.models import Channel, Consent, ConsentEvent, Signature, Withdrawal, WithdrawalState
from collection.web.recordings.models import Recording, Segment
from collection.withdrawal import tombstones
from tests.collection.web.test_consents_withdraw import ours, vault  # noqa: F401 - fixtures

ALL = [purpose.value for purpose in Purpose]


def until(learner: Learner, days: int) -> Consent:
    """Let retention end so many days from today."""
    Consent.objects.filter(learner=learner).update(retention_until=today() + timedelta(days=days))
    return Consent.objects.get(learner=learner)


@pytest.fixture
def place(everyone):
    """Our school; the others' time has not come."""
    return everyone.ours


def test_the_day_before_nothing_happens(place):
    until(place.agreeing, 1)
    assert expiring.end_all() == 0
    assert Recording.objects.filter(learner=place.agreeing).exists()
    assert not Withdrawal.objects.exists()


def test_an_answer_that_ran_out_destroys_nothing_yet(place):
    """After a year nothing may be used, and the family may still answer anew."""
    Signature.objects.filter(consent__learner=place.agreeing).update(signed_on=today() - timedelta(days=400))
    until(place.agreeing, 300)
    assert answers.why_not(Learner.objects.get(pk=place.agreeing.pk)) == Reason.EXPIRED
    assert expiring.end_all() == 0
    assert Recording.objects.filter(learner=place.agreeing).exists()


def test_on_the_day_everything_goes_once(place, django_capture_on_commit_callbacks):
    name = place.recording.sound.name
    consent = until(place.agreeing, 0)
    with django_capture_on_commit_callbacks(execute=True):
        assert expiring.end_all() == 1
    assert not Recording.objects.filter(learner=place.agreeing).exists()
    assert not Segment.objects.filter(learner=place.agreeing).exists()
    assert not default_storage.exists(name)
    found = Withdrawal.objects.get()
    assert (found.consent, found.role, found.get_role_display()) == (consent, "controller", "terme de la conservation")
    event = ConsentEvent.objects.get(consent=consent)
    assert (event.state, event.role, event.entity) == (EventState.EXPIRED, "controller", consent.notice.controller)
    line = Entry.objects.get(action="consent.expire")
    assert line.details == {"until": str(today())}
    assert expiring.end_all() == 0
    erasing.run(str(found.pk))
    found.refresh_from_db()
    assert found.state == WithdrawalState.DONE


def test_other_learners_keep_theirs(place, everyone):
    until(place.agreeing, -1)
    expiring.end_all()
    assert Recording.objects.filter(learner=everyone.theirs.agreeing).exists()


def test_who_never_said_yes_has_nothing_to_destroy(place):
    until(place.refusing, -1)
    assert expiring.end_all() == 0


def test_who_answers_anew_in_time_keeps_everything(place):
    consent = until(place.agreeing, 0)
    late = Consent.objects.get(pk=consent.pk)
    Signature.objects.filter(consent=consent).delete()
    for party in consent.parties.all():
        answering.sign(party, consent.notice, dict.fromkeys(ALL, True), Channel.LINK)
    assert expiring.due() == []
    assert not expiring.end(late)  # looked up before they answered
    assert Recording.objects.filter(learner=place.agreeing).exists()


def test_who_comes_back_after_the_end_is_heard_again_and_ends_again(place):
    until(place.agreeing, 0)
    expiring.end_all()
    consent = Consent.objects.get(learner=place.agreeing)
    for party in consent.parties.all():
        answering.sign(party, consent.notice, dict.fromkeys(ALL, True), Channel.LINK)
    assert expiring.due() == []
    until(place.agreeing, 0)
    assert expiring.end_all() == 1
    assert Withdrawal.objects.count() == 2


def test_the_vault_hears_that_the_time_was_up_and_not_that_somebody_withdrew(vault, ours, settings):  # noqa: F811
    subject = str(ours.agreeing.pk)
    until(ours.agreeing, 0)
    assert expiring.end_all() == 1
    found = Withdrawal.objects.get()
    erasing.run(str(found.pk))
    found.refresh_from_db()
    assert (found.error, found.state) == ("", WithdrawalState.DONE)
    assert not (vault / f"{subject}.wav").exists()
    record = read_register(vault / REGISTER)
    event = record[subject].events[-1]
    assert (event.state, event.role) == (EventState.EXPIRED, "controller")
    key = read_key(settings.KEY_FILE)
    ledger = tombstones.read_verified(tombstones.beside(settings.KEY_FILE), key)
    assert tombstones.subject(key, "portal", subject) in ledger.subjects


def test_the_worker_looks_every_day(place):
    until(place.agreeing, 0)
    for _ in range(2):
        expiring.keep_going()
    waiting = DBTaskResult.objects.filter(task_path=expiring.daily.module_path, status=TaskResultStatus.READY)
    assert waiting.count() == 1
    waiting.delete()
    expiring.daily.func()
    assert Withdrawal.objects.count() == 1
    later = waiting.get().run_after - timezone.now()
    assert timedelta(hours=23) < later <= timedelta(days=1)


def test_the_command_says_how_many(place):
    until(place.agreeing, 0)
    said = StringIO()
    call_command("expire", stdout=said)
    assert said.getvalue().startswith("1 consents ended")


def test_the_steward_sees_why(place, everyone, signed_in):
    until(place.agreeing, 0)
    expiring.end_all()
    assert "terme de la conservation" in signed_in(everyone.steward).get(reverse("withdrawal-list")).content.decode()
