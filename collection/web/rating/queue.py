"""What an evaluator is asked next, with consent asked at that moment for whoever speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from collection.schema import Purpose
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.consents.answers import allows, with_answers
from collection.web.rating.models import Item, Rating, Round
from collection.web.rating.scales import cells, read_marks
from collection.web.recordings.models import Segment
from collection.web.recordings.permission import refusals


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluator has come in a round: what is done, of how many, and what comes next."""

    done: int
    total: int
    following: Rating | None

    @property
    def percent(self) -> int:
        """Share that is done, 0-100."""
        return 100 * self.done // self.total if self.total else 0


def permitted(segments: Iterable[Segment], purposes: Iterable[str]) -> set[UUID]:
    """Return which segments may be heard and scored now: the speaker allows every one of the purposes today.

    Fetch them with ``recording__session``; consents are fetched in a fixed number of queries.
    """
    found = [segment for segment in segments if segment.learner_id is not None]
    speakers = with_answers(Learner.objects.filter(pk__in={str(segment.learner_id) for segment in found}))
    learners = {learner.pk: learner for learner in speakers}
    wanted = tuple(Purpose(purpose) for purpose in purposes)
    willing = {pk for pk, learner in learners.items() if allows(learner, wanted)}
    return {segment.pk for segment, why in refusals(found, learners) if why is None and segment.learner_id in willing}


def live(found: Round) -> list[Item]:
    """Return the readings of a round that may be used now: unchanged, kept, and allowed for its purposes."""
    items = list(found.items.live().select_related("segment__recording__session"))
    allowed = permitted((item.segment for item in items), found.purposes)
    return [item for item in items if item.segment_id in allowed]


def progress(user: User, found: Round) -> Progress:
    """Return how far an evaluator has come; what has left the queue counts no more."""
    items = {item.pk: item for item in live(found)}
    ratings = list(Rating.objects.filter(evaluator=user, item__in=items))
    waiting = [rating for rating in ratings if rating.finished_at is None]
    return Progress(len(ratings) - len(waiting), len(ratings), waiting[0] if waiting else None)


def playable(rating: Rating) -> bool:
    """Tell whether a rating may be worked on now."""
    item = rating.item
    unchanged = Item.objects.live().filter(pk=item.pk).exists()
    return unchanged and item.segment_id in permitted([item.segment], item.round.purposes)


def save(user: User, rating: Rating, sent: dict[str, str], finish: bool) -> list[str]:
    """Keep what was sent; return the names of the scores that are missing. Saved whole already, it stays as it is.

    Without ``finish``, while something is missing, or once the round is closed, it is kept as a draft, which counts
    nowhere. Raises ``Rating.DoesNotExist`` when the reading was withdrawn a moment ago.
    """
    asked = list(cells(rating.item.words, rating.item.round.levels))
    marks = read_marks(sent, asked)
    missing = [cell.name for cell in asked if cell.name not in marks]
    with transaction.atomic():
        locked = Rating.objects.select_for_update(of=("self",)).select_related("item__round").get(pk=rating.pk)
        if locked.finished_at is not None:
            return []
        locked.marks = marks
        if finish and not missing and locked.item.round.open:
            locked.finished_at = timezone.now()
        locked.save(update_fields=["marks", "finished_at"])
        action = "rating.save" if locked.finished_at else "rating.draft"
        journal.record(user, action, locked, scores=len(marks), missing=len(missing))
    return missing if finish else []


def last(user: User, found: Round) -> Rating | None:
    """Return what an evaluator finished last in a round."""
    finished = Rating.objects.filter(evaluator=user, item__round=found, finished_at__isnull=False)
    return finished.order_by("-finished_at", "-position").first()


def take_back(user: User, rating: Rating) -> bool:
    """Open the rating that was finished last again, as a draft; tell whether it is open now."""
    with transaction.atomic():
        locked = Rating.objects.select_for_update(of=("self",)).select_related("item__round").get(pk=rating.pk)
        if locked.finished_at is None:
            return True
        if locked != last(user, locked.item.round):
            return False
        locked.finished_at = None
        locked.save(update_fields=["finished_at"])
        journal.record(user, "rating.undo", locked)
    return True
