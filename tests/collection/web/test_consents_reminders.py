"""Invitations and reminders: once a person and cause, to those whose word counts, naming nobody in the journal."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import reverse

from collection.consent import birthday, today
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner
from collection.web.consents import invitations, links
from collection.web.consents.models import Party, Reminder, Signature

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def ours(everyone, settings):
    """Our school; who agrees can be written to."""
    settings.PORTAL_URL, settings.MAIL_WORKS, settings.EMAIL_BACKEND = "https://voix.example", True, LOCMEM
    for party in everyone.ours.agreeing.consent.parties.all():
        party.email = f"{party.role}@famille.example"
        party.save()
    return everyone.ours


def ends(learner: Learner, on: date) -> None:
    """Let both have signed so that their yes ends on a day, and retention much later."""
    Signature.objects.filter(consent=learner.consent).update(signed_on=on - timedelta(days=365))
    learner.consent.retention_until = on + timedelta(days=999)
    learner.consent.save()


def born(learner: Learner, years: int, on: date) -> None:
    """Let somebody become so old on a day."""
    day = date(on.year - years, on.month, on.day)
    assert birthday(day, years) == on
    Learner.objects.filter(pk=learner.pk).update(birth_date=day)


def due(on: date) -> list[tuple[str, str]]:
    return sorted((party.role, cause) for party, cause, _ in invitations.due(on))


START = date(2026, 12, 1)


class TestDue:
    def test_thirty_days_before_the_end_and_not_earlier(self, ours):
        end = date(2027, 3, 31)
        ends(ours.agreeing, end)
        Learner.objects.filter(pk=ours.agreeing.pk).update(birth_date=date(2014, 8, 1))
        others = [one for one in due(end - timedelta(days=31)) if one[1].endswith(str(end))]
        assert others == []
        found = [one for one in due(end - timedelta(days=30)) if one[1].endswith(str(end))]
        assert found == [("guardian", "expiry:2027-03-31"), ("learner", "expiry:2027-03-31")]
        assert [one for one in due(end) if one[1].endswith(str(end))] == []

    @pytest.mark.parametrize(("years", "who"), [(15, ["guardian", "learner"]), (18, ["learner"])])
    def test_before_a_birthday_those_are_told_who_decide_from_then_on(self, ours, everyone, years, who):
        Learner.objects.filter(school_class=everyone.theirs.school_class).update(birth_date=date(2014, 8, 1))
        ends(ours.agreeing, START + timedelta(days=300))
        born(ours.agreeing, years, START + timedelta(days=30))
        found = [role for role, cause in due(START) if cause == f"birthday{years}:{START + timedelta(days=30)}"]
        assert found == who
        assert not [cause for _, cause in due(START - timedelta(days=1)) if cause.startswith("birthday")]

    def test_who_refused_is_not_reminded(self, ours):
        refusing = set(Party.objects.filter(consent__learner=ours.refusing))
        assert not {party for party, _, _ in invitations.due(START)} & refusing


class TestSending:
    def test_each_is_reminded_once(self, ours):
        ends(ours.agreeing, today() + timedelta(days=10))
        ends_theirs = Party.objects.exclude(consent__learner=ours.agreeing)
        ends_theirs.update(email="")
        first, second = invitations.remind(), invitations.remind()
        assert (first["sent"], second["sent"], second["known"]) == (2, 0, 2)
        assert sorted(message.to[0] for message in mail.outbox) == [
            "guardian@famille.example",
            "learner@famille.example",
        ]
        assert Reminder.objects.count() == 2
        message = mail.outbox[0]
        assert "Inès" in message.body
        assert "Inès" not in message.subject
        token = message.body.split("https://voix.example/famille/entree/")[1].split("/")[0]
        assert links.by_token(token).email == message.to[0]
        written = Entry.objects.filter(action="consent.remind")
        assert {one.details["cause"] for one in written} == {f"expiry:{today() + timedelta(days=10)}"}
        assert "famille.example" not in str(list(Entry.objects.values()))

    def test_a_message_that_does_not_leave_is_sent_next_time(self, ours, settings):
        ends(ours.agreeing, today() + timedelta(days=10))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 9, 1
        with pytest.raises(OSError):
            invitations.remind()
        assert not Reminder.objects.exists()
        assert not Entry.objects.filter(action="consent.remind").exists()
        settings.EMAIL_BACKEND = LOCMEM
        assert invitations.remind()["sent"] == 2

    def test_the_command_says_what_it_did_and_what_it_lacks(self, ours, settings):
        ends(ours.agreeing, today() + timedelta(days=10))
        said = StringIO()
        call_command("remind", stdout=said)
        assert said.getvalue().startswith("2 sent, 0 sent before")
        settings.MAIL_WORKS = False
        with pytest.raises(CommandError, match="EMAIL_URL"):
            call_command("remind")
        settings.PORTAL_URL = ""
        with pytest.raises(CommandError, match="PORTAL_URL"):
            call_command("remind")

    def test_a_name_cannot_write_a_header(self, ours, everyone, signed_in):
        Learner.objects.filter(pk=ours.agreeing.pk).update(first_name="Inès\nBcc: all@example.org")
        party = ours.agreeing.consent.parties.get(role="guardian")
        subject, _ = invitations.text(Party.objects.get(pk=party.pk), "https://x")
        assert "\n" not in subject
        assert "Bcc" not in subject

    def test_the_teacher_invites_those_who_are_awaited(self, ours, signed_in):
        Signature.objects.filter(party__role="learner", consent=ours.agreeing.consent).delete()
        signed_in(ours.teacher).post(reverse("consent-invite", args=[ours.school_class.pk]))
        assert [message.to for message in mail.outbox] == [["learner@famille.example"]]
        assert "voix.example/famille/entree/" in mail.outbox[0].body

    def test_a_new_address_ends_the_links_of_the_old_one(self, ours, signed_in):
        party = ours.agreeing.consent.parties.get(role="guardian")
        token = links.token(party)
        client = signed_in(ours.teacher)
        client.post(reverse("party-contact", args=[party.pk]), {"email": "new@famille.example", "send": "1"})
        assert links.by_token(token) is None
        assert mail.outbox[0].to == ["new@famille.example"]
        assert (
            "mailto:new%40famille.example"
            in client.get(reverse("consent-learner", args=[ours.agreeing.pk])).content.decode()
        )
