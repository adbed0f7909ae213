"""Learners whose readings are kept, and a release of them: what the tests of releases begin with."""

from __future__ import annotations

from datetime import date

from django.core.files.base import ContentFile
from django.utils import timezone

from collection import audio
from collection.web.accounts.models import User
from collection.web.classes.models import Learner
from collection.web.consents import answering
from collection.web.recordings.models import Fate, Recording, Segment, State
from collection.web.releases import deciding
from collection.web.releases.making import build_draft
from collection.web.releases.models import Proposal
from tests.collection.web.world import Place, consented
from tests.intakes import voice

TRAINING = ["training", "evaluation"]
SHARED = [*TRAINING, "sharing-with-partner"]
TEXT = "see the cat"


def read_by(place: Place, learner: Learner, seed: int) -> Recording:
    """Let a learner have read one text, which was kept."""
    sound = audio.encode_flac(voice(seed))
    recording = Recording(
        session=place.session,
        learner=learner,
        size=len(sound),
        sha256=f"{seed:064d}",
        state=State.DONE,
        seconds=0.9,
        uploaded_by=place.teacher,
    )
    recording.sound.save("x", ContentFile(sound), save=False)
    recording.save()
    Segment.objects.create(
        recording=recording, learner=learner, position=0, text=TEXT, start=0.0, end=0.9, fate=Fate.KEPT
    )
    return recording


def readers(place: Place, count: int, first: int = 0) -> list[Learner]:
    """Make learners of a class who agreed and read."""
    made = []
    for number in range(first, first + count):
        learner = Learner.objects.create(
            school_class=place.school_class,
            last_name=f"Nom{number}",
            first_name="Zoé",
            birth_date=date(2013, 3, 1 + number),
            gender="fm"[number % 2],
            first_language="fr",
        )
        consented(learner)
        read_by(place, learner, first + number)
        made.append(learner)
    return made


def proposed(steward: User, name: str = "automne", **more: object) -> Proposal:
    """Propose a release, as the form does."""
    values = {"purposes": TRAINING, "k": 2, "proposed_by": steward, **more}
    schools = values.pop("schools", ())
    proposal = Proposal.objects.create(name=name, release_name=name, **values)
    proposal.schools.set(schools)
    return proposal


def built(steward: User, name: str = "automne", **more: object) -> Proposal:
    """Propose a release and let the worker build it."""
    proposal = proposed(steward, name, **more)
    build_draft.func(str(proposal.pk))
    proposal.refresh_from_db()
    return proposal


def approved(steward: User, name: str = "automne", **more: object) -> Proposal:
    """Propose a release, build it, and approve it."""
    proposal = built(steward, name, **more)
    verdict = deciding.approve(proposal.pk, steward, proposal.manifest)
    assert verdict.reason == "", verdict
    proposal.refresh_from_db()
    return proposal


def leaves(learner: Learner) -> None:
    """Let a family take its consent back, as its page does."""
    answering.take_back(learner.consent.parties.get(role="guardian"))


def says_no(learner: Learner, purpose: str) -> None:
    """Let a family refuse one purpose and keep the others."""
    from collection.web.consents.models import Channel

    party = learner.consent.parties.get(role="guardian")
    answering.sign(party, learner.consent.notice, {purpose: False}, Channel.LINK, signed_on=timezone.localdate())
