"""Making a round: which readings are in it, and who rates which."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from collection.manifest import fingerprint
from collection.phones import PhoneError
from collection.web.accounts.models import School, User
from collection.web.audit import journal
from collection.web.classes.models import SchoolClass
from collection.web.rating import dealing
from collection.web.rating.canon import CanonicalWord, canon
from collection.web.rating.models import Item, Rating, Round
from collection.web.rating.queue import permitted
from collection.web.recordings.models import Segment

WITHOUT_CONSENT = "rating_without_consent"
ELSEWHERE = "rating_elsewhere"
NO_PRONUNCIATION = "no_pronunciation"
OVER = "rating_over"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which readings a round is to have: a language, purposes, perhaps a school or a class, at most so many."""

    language: str
    purposes: tuple[str, ...]
    school: School | None = None
    school_class: SchoolClass | None = None
    most: int = 60


@dataclass(frozen=True, slots=True)
class Chosen:
    """Segments for a round with their words, of how many learners, and how many others were left out, by reason."""

    segments: tuple[tuple[Segment, list[CanonicalWord]], ...]
    learners: int
    left_out: Counter[str] = field(default_factory=Counter)


def choose(wanted: Wanted) -> Chosen:
    """Return kept segments that may be rated, learners in turn, so that few readings are still of many voices."""
    kept = Segment.objects.usable().filter(recording__session__school_class__language=wanted.language)
    if wanted.school is not None:
        kept = kept.filter(recording__session__school_class__school=wanted.school)
    if wanted.school_class is not None:
        kept = kept.filter(recording__session__school_class=wanted.school_class)
    found = list(kept.select_related("recording__session"))
    allowed = permitted(found, wanted.purposes)
    elsewhere = set(Item.objects.live().values_list("segment_id", flat=True))
    left_out: Counter[str] = Counter()
    spoken: dict[str, list[CanonicalWord] | None] = {}
    of_learner: dict[UUID | None, list[Segment]] = defaultdict(list)
    for segment in sorted(found, key=lambda one: fingerprint(str(one.pk))):
        if segment.pk not in allowed:
            left_out[WITHOUT_CONSENT] += 1
        elif segment.pk in elsewhere:
            left_out[ELSEWHERE] += 1
        elif _spoken(segment.text, wanted.language, spoken) is None:
            left_out[NO_PRONUNCIATION] += 1
        else:
            of_learner[segment.learner_id].append(segment)
    turns = sorted(
        (
            (turn, fingerprint(str(segment.pk)), segment)
            for own in of_learner.values()
            for turn, segment in enumerate(own)
        ),
        key=lambda each: each[:2],
    )
    taken = [segment for _, _, segment in turns[: wanted.most]]
    if len(turns) > len(taken):
        left_out[OVER] = len(turns) - len(taken)
    pairs = tuple((segment, _spoken(segment.text, wanted.language, spoken) or []) for segment in taken)
    return Chosen(pairs, len({segment.learner_id for segment in taken}), left_out)


def create(user: User, settings: dict[str, Any], evaluators: list[User], chosen: Chosen) -> Round:
    """Make a round of the chosen readings and deal them out."""
    with transaction.atomic():
        made = Round.objects.create(created_by=user, **settings)
        made.evaluators.set(evaluators)
        Item.objects.bulk_create(
            Item(round=made, segment=segment, text=segment.text, start=segment.start, end=segment.end, words=words)
            for segment, words in chosen.segments
        )
        deal(made)
        journal.record(
            user, "round.create", made, readings=len(chosen.segments), raters=len(evaluators), purposes=made.purposes
        )
    return made


def deal(found: Round) -> None:
    """Give every reading its raters; what somebody has finished, or begun and may finish, stays as it is."""
    raters = sorted(str(pk) for pk in found.evaluators.values_list("pk", flat=True))
    seed = str(found.pk)
    with transaction.atomic():
        unfinished = Rating.objects.filter(item__round=found, finished_at__isnull=True)
        unfinished.exclude(evaluator__in=found.evaluators.all()).delete()
        unfinished.filter(marks={}).delete()
        stand = list(Rating.objects.filter(item__round=found))
        items = {str(item.pk): item for item in found.items.all()}
        given: dict[str, set[str]] = defaultdict(set)
        for rating in stand:
            given[str(rating.item_id)].add(str(rating.evaluator_id))
        dealt = dealing.deal(list(items), raters, found.raters_each, seed, given)
        there = {(str(one.item_id), str(one.evaluator_id), one.repeat) for one in stand}
        for rater in raters:
            own = {item for item, them in given.items() if rater in them} | {
                item for item, them in dealt.items() if rater in them
            }
            ordered = dealing.order(own, rater, found.repeat_percent, seed)
            Rating.objects.bulk_create(
                # An id that the same deal gives again: a page that is open meanwhile can still be sent.
                Rating(
                    id=uuid5(items[item].pk, f"{rater}/{repeat}"),
                    item=items[item],
                    evaluator_id=UUID(rater),
                    position=position,
                    repeat=repeat,
                )
                for position, (item, repeat) in enumerate(ordered)
                if (item, rater, repeat) not in there
            )


def change_evaluators(user: User, found: Round, evaluators: list[User]) -> None:
    """Let others rate from now on; what those who leave have finished stays."""
    with transaction.atomic():
        found.evaluators.set(evaluators)
        deal(found)
        journal.record(user, "round.evaluators", found, raters=len(evaluators))


def _spoken(text: str, language: str, known: dict[str, list[CanonicalWord] | None]) -> list[CanonicalWord] | None:
    """Return the words of a text, ``None`` when nobody could read it; a class reads a text many times."""
    if text not in known:
        try:
            known[text] = canon(text, language) or None
        except PhoneError:
            known[text] = None
    return known[text]
