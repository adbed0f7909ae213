"""An evaluator says that a reading cannot be rated: it leaves every queue and goes back to the teacher."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils import timezone

from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.rating.models import Flag, Item, Rating
from collection.web.recordings import export
from collection.web.recordings.models import Fate, Segment

REASON = "rater_{}"
"""What the teacher reads beside the segment, as a code of ``in_words``."""


def flag(user: User, rating: Rating, why: Flag, comment: str) -> None:
    """Note why, and leave the segment to the teacher; the vault loses its file at once. Flagged already, it stays so.

    A teacher who keeps the segment all the same brings it back into the queue.
    """
    with transaction.atomic():
        segment = Segment.objects.select_for_update().get(pk=rating.item.segment_id)
        if segment.fate != Fate.KEPT:
            return
        Item.objects.filter(pk=rating.item_id).update(
            flag=why, comment=comment, flagged_by=user, flagged_at=timezone.now()
        )
        code = REASON.format(why.value)
        segment.fate, segment.reviewed_by, segment.reviewed_at = Fate.FLAGGED, None, None
        segment.reasons = [*(one for one in segment.reasons if one != code), code]
        segment.save(update_fields=["fate", "reasons", "reviewed_by", "reviewed_at"])
        journal.record(user, "rating.flag", segment, why=why.value)
        transaction.on_commit(partial(export.forget, [segment]))
