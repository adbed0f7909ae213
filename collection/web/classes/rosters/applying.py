"""A confirmed roster is written, whole or not at all."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner, SchoolClass
from collection.web.classes.rosters.preview import Preview, Record, Status, compare
from collection.web.classes.rosters.sheets import SheetError

MOST_LEARNERS = 200
"""Learners in a class."""


def compared(school_class: SchoolClass, records: list[Record]) -> Preview:
    """Compare the lines of a file with the class as it is now."""
    learners = school_class.learners.all()
    first = learners.order_by().values_list("pk").annotate(day=Min("consent__signatures__signed_on"))
    return compare(records, list(learners), {learner_id: day for learner_id, day in first if day is not None})


def apply(school_class: SchoolClass, records: list[Record], actor: User) -> Preview:
    """Write every line, in one transaction, and say what was done.

    The file is compared once more, with the class locked: what a colleague did in between is seen. Raises SheetError
    when a line is wrong, with nothing written.
    """
    with transaction.atomic():
        locked = SchoolClass.objects.select_for_update().get(pk=school_class.pk)
        preview = compared(locked, records)
        if preview.counts[Status.ERROR]:
            raise SheetError(_("La classe a changé entre-temps : relisez l’aperçu."))
        if locked.learners.count() + preview.counts[Status.NEW] > MOST_LEARNERS:
            raise SheetError(_("Une classe a au plus %(n)d élèves.") % {"n": MOST_LEARNERS})
        for line in preview.lines:
            if line.status is Status.NEW:
                Learner.objects.create(school_class=locked, **line.values)
            elif line.status is Status.CHANGED and line.learner is not None:
                for name, value in line.values.items():
                    setattr(line.learner, name, value)
                line.learner.save(update_fields=list(line.values))
        counts = {status: count for status, count in preview.counts.items() if status != Status.ERROR}
        journal.record(actor, "roster.import", locked, **counts)
    return preview
