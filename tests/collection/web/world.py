"""Two schools with everybody in them: what the portal's tests walk through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from collection.audio import encode_flac
from collection.schema import Purpose
from collection.web.accounts.models import Role, School, User
from collection.web.classes.models import Learner, PromptList, ReadingSession, SchoolClass, SessionKind, Turn
from collection.web.consents.models import Consent, Notice, Party, Signature, retention_end
from collection.web.rating.models import Level, Round
from collection.web.rating.rounds import Wanted, choose, create
from collection.web.recordings.models import Fate, Recording, Segment, State, Upload
from collection.web.releases.models import Holder, Kind, Proposal
from collection.web.releases.models import State as Proposed
from tests.factories import vowel

PASSWORD = "une phrase assez longue"
SIGNED = date(2026, 9, 7)
YEAR = "2026-2027"
SOUND = encode_flac(vowel(5.0))
"""What is kept of the recording of a place."""


@dataclass(frozen=True)
class Place:
    """One school: its people, one class of three learners, one session, one recording with one segment."""

    school: School
    teacher: User
    colleague: User
    """Teaches another class of the same school."""
    head: User
    school_class: SchoolClass
    agreeing: Learner
    refusing: Learner
    silent: Learner
    """Nobody answered for them yet."""
    session: ReadingSession
    recording: Recording
    segment: Segment
    upload: Upload
    prompt_list: PromptList
    release: Proposal
    """Of this school; its files are nowhere."""
    holder: Holder


@dataclass(frozen=True)
class World:
    """Our school, another one, and those who serve both."""

    ours: Place
    theirs: Place
    steward: User
    evaluator: User


def account(name: str, role: Role, school: School | None) -> User:
    """Make an account that signs in with ``PASSWORD``."""
    return User.objects.create_user(name, password=PASSWORD, role=role, school=school)


def notice() -> Notice:
    """Return the notice that everybody signs."""
    return Notice.objects.get_or_create(
        name="voix",
        version="1",
        language="fr",
        defaults={
            "title": "La voix de votre enfant",
            "body": "Nous enregistrons des lectures.",
            "purposes": [purpose.value for purpose in Purpose],
            "controller": "Académie d’essai",
            "recipients": ["Parlure"],
            "contact": "dpd@essai.example",
            "published_at": datetime(2026, 9, 1, tzinfo=UTC),
            "audio": default_storage.save("notices/x", ContentFile(b"ID3 a short sound")),
        },
    )[0]


def consented(learner: Learner, yes: bool = True, on: date = SIGNED) -> Consent:
    """Let a guardian and the learner answer every purpose alike."""
    consent = Consent.objects.create(learner=learner, notice=notice(), retention_until=retention_end(notice(), on))
    for role in ("guardian", "learner"):
        Signature.objects.create(
            consent=consent,
            party=Party.objects.create(consent=consent, role=role),
            notice=notice(),
            signed_on=on,
            answers=dict.fromkeys([purpose.value for purpose in Purpose], yes),
        )
    return consent


def place(name: str) -> Place:
    """Make a school with its people."""
    school = School.objects.create(name=f"Collège {name}", region="lyon")
    teacher = account(f"prof-{name}", Role.TEACHER, school)
    colleague = account(f"collegue-{name}", Role.TEACHER, school)
    found = SchoolClass.objects.create(school=school, name="4eB", year=YEAR, language="en", level="A2")
    found.teachers.add(teacher)
    SchoolClass.objects.create(school=school, name="3eA", year=YEAR, language="en").teachers.add(colleague)
    born = date(2013, 3, 14)
    agreeing, refusing, silent = (
        Learner.objects.create(school_class=found, last_name=last, first_name=first, birth_date=born)
        for last, first in (("Abadie", "Inès"), ("Benali", "Karim"), ("Costa", "Léa"))
    )
    signed = consented(agreeing).signatures.get(party__role="guardian")
    signed.scan_type = "image/png"
    signed.scan.save("x", ContentFile(b"a signed sheet"))
    consented(refusing, yes=False)
    session = ReadingSession.objects.create(
        school_class=found, title="Lecture 1", held_on=date(2026, 10, 5), kind=SessionKind.EACH
    )
    for position, text in enumerate(("Good morning.", "The cat sat on the mat.")):
        Turn.objects.create(session=session, position=position, text=text)
    recording = Recording(
        session=session,
        learner=agreeing,
        size=len(SOUND),
        sha256="a" * 64,
        state=State.DONE,
        seconds=5.0,
        uploaded_by=teacher,
    )
    recording.sound.save("x", ContentFile(SOUND), save=False)
    recording.save()
    segment = Segment.objects.create(
        recording=recording, learner=agreeing, position=0, text="Good morning.", start=0.5, end=2.0, fate=Fate.KEPT
    )
    return Place(
        school=school,
        teacher=teacher,
        colleague=colleague,
        head=account(f"principal-{name}", Role.HEAD, school),
        school_class=found,
        agreeing=agreeing,
        refusing=refusing,
        silent=silent,
        session=session,
        recording=recording,
        segment=segment,
        upload=Upload.objects.create(
            session=session,
            learner=agreeing,
            length=1000,
            sent_by=teacher,
            expires_at=timezone.now() + timedelta(days=1),
        ),
        prompt_list=PromptList.objects.create(school=school, title="Salutations", language="en", texts=["Hello."]),
        release=Proposal.objects.create(name=name, release_name=name, state=Proposed.READY, manifest="a" * 64),
        holder=Holder.objects.create(
            release_name=name, organisation="Parlure", target=name, kind=Kind.PUBLICATION, at=timezone.now()
        ),
    )


def world() -> World:
    """Make both schools, the steward and the evaluator, who is to rate what was read in each school."""
    made = World(
        ours=place("ours"),
        theirs=place("theirs"),
        steward=account("donnees", Role.STEWARD, None),
        evaluator=account("evaluation", Role.EVALUATOR, None),
    )
    for one in (made.ours, made.theirs):
        rating_round(made.steward, [made.evaluator], school=one.school)
    return made


def rating_round(steward: User, evaluators: list[User], school: School | None = None, **settings: object) -> Round:
    """Open a round of what is kept, of a school or of all; every level unless ``settings`` say otherwise."""
    purposes = (Purpose.TRAINING.value, Purpose.EVALUATION.value)
    chosen = choose(Wanted("en", purposes, school))
    usual = {"title": "Automne", "language": "en", "purposes": list(purposes), "levels": list(Level.values)}
    return create(steward, {**usual, "raters_each": 1, "repeat_percent": 0, **settings}, evaluators, chosen)
