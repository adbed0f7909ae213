"""``python -m collection.web demo``: a made-up school to try the portal with, on one's own machine only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import translation

from collection.consent import today
from collection.synthetic.sentences import SENTENCES
from collection.web.accounts.models import Role, School, User
from collection.web.classes.models import Learner, PromptList, ReadingSession, SchoolClass, Turn
from collection.web.consents import notices
from collection.web.consents.answers import may_be_heard
from collection.web.consents.models import Consent, Notice, Party, Signature, retention_end
from collection.web.recordings import demonstration

PASSWORD = "portail-de-demonstration"  # noqa: S105 - it is printed on the screen
ACCOUNTS = (
    ("enseignante", Role.TEACHER),
    ("principal", Role.HEAD),
    ("donnees", Role.STEWARD),
    ("evaluatrice", Role.EVALUATOR),
)
LEARNERS = (
    ("Abadie", "Inès", True),
    ("Benali", "Karim", True),
    ("Costa", "Léa", True),
    ("Diallo", "Moussa", False),
    ("Evrard", "Jules", None),
)
"""Name, first name, and whether the family agreed; ``None``: nobody answered yet."""
_TEXTS = 5


class Command(BaseCommand):
    """Make the demonstration's school, once."""

    help = "make a school to try the portal with (PORTAL_DEMO=1 only)"

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate the database, and fill it when it is empty."""
        if not settings.DEMO:
            raise CommandError("these accounts have known passwords: only with PORTAL_DEMO=1, on your own machine.")
        call_command("migrate", verbosity=0)
        if not School.objects.exists():
            with transaction.atomic():
                session = fill()
            teacher = User.objects.get(username="enseignante")
            agreeing = [learner for learner in session.school_class.learners.all() if may_be_heard(learner)]
            demonstration.record(session, teacher, agreeing)
        with translation.override("en"):  # as everything that commands say
            for name, role in ACCOUNTS:
                self.stdout.write(f"  {name:<12} {PASSWORD}   ({role.label})")
        family = Party.objects.filter(role="guardian").first()
        if family is not None:
            self.stdout.write(f"  /famille/code/ {family.code}   (a family)")


def fill() -> ReadingSession:
    """Make a school, an account a role, and a class whose families answered differently; return its session."""
    school = School.objects.create(name="Collège de la Démonstration", region="Lyon")
    for name, role in ACCOUNTS:
        own = school if role in (Role.TEACHER, Role.HEAD) else None
        User.objects.create_user(name, password=PASSWORD, role=role, school=own)
    day = today()
    found = SchoolClass.objects.create(
        school=school, name="4eB", year=f"{day.year}-{day.year + 1}", language="en", level="A2"
    )
    found.teachers.add(User.objects.get(username="enseignante"))
    notices.publish(notices.draft("Collège de la Démonstration", "dpd@demonstration.example", ["Parlure"])[0])
    notice = notices.current()
    assert notice is not None  # noqa: S101 - just published
    for version in notices.texts(notice):
        notices.speak(version)
    for last, first, answer in LEARNERS:
        learner = Learner.objects.create(
            school_class=found, last_name=last, first_name=first, birth_date=day - timedelta(days=13 * 365 + 100)
        )
        if answer is not None:
            answered(learner, notice, answer)
    texts = list(SENTENCES[:_TEXTS])
    PromptList.objects.create(title="Phrases courtes (anglais)", language="en", texts=texts)
    session = ReadingSession.objects.create(school_class=found, title="Première lecture", held_on=day)
    for position, text in enumerate(texts):
        Turn.objects.create(session=session, position=position, text=text)
    return session


def answered(learner: Learner, notice: Notice, yes: bool) -> None:
    """Let a guardian and the learner give one answer to every purpose, yesterday."""
    day = today() - timedelta(days=1)
    consent = Consent.objects.create(learner=learner, notice=notice, retention_until=retention_end(notice, day))
    for role in ("guardian", "learner"):
        Signature.objects.create(
            consent=consent,
            party=Party.objects.create(consent=consent, role=role),
            notice=notice,
            signed_on=day,
            answers=dict.fromkeys(notice.purposes, yes),
        )
