"""Ratings on their way out: what evaluators gave, as the annotations of an intake folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from collection.intake import Annotation
from collection.ratings import consensus, with_totals
from collection.schema import Phone, Word
from collection.web.rating import queue
from collection.web.rating.models import Item, Rating, Round
from collection.web.rating.scales import as_rating


def ratings_of(segments: Iterable[UUID]) -> dict[tuple[str, int], Annotation]:
    """Return what experts said of some segments, as far as consent covers the purposes of their round today.

    A reading goes out with all its raters: once each of them has finished it, or the round is closed. Of two rounds the
    newer one counts. Raters are named by their account's id, which every release replaces by a pseudonym of its own.
    """
    wanted = set(segments)
    found: dict[tuple[str, int], Annotation] = {}
    for one in Round.objects.filter(items__segment__in=wanted).distinct().order_by("created_at", "pk"):
        given: dict[UUID, list[Rating]] = defaultdict(list)
        for rating in Rating.objects.filter(item__round=one, repeat=False, finished_at__isnull=False):
            given[rating.item_id].append(rating)
        for item in queue.live(one):
            ratings = given[item.pk]
            if item.segment_id in wanted and ratings and (len(ratings) >= one.raters_each or not one.open):
                said = _annotation(item, ratings, one.levels)
                if said.raters:
                    found[said.recording_id, 0] = said
    return found


def _annotation(item: Item, ratings: list[Rating], levels: list[str]) -> Annotation:
    named = sorted((str(rating.evaluator_id), rating.marks) for rating in ratings)
    read = (as_rating(rater, item.words, levels, marks) for rater, marks in named)
    raters = tuple(with_totals(one) for one in read if one is not None)
    phones = [Phone(phone, number) for number, word in enumerate(item.words) for phone in word["phones"]]
    words, scored, scores = consensus([Word(word["text"]) for word in item.words], phones, raters)
    return Annotation(str(item.segment_id), 0, words, scored, scores, raters)
