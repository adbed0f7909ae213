"""What a class or a school looks like at a glance: answers, what is missing, and what became of the recordings."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from collection.consent import Reason
from collection.web.accounts.models import School
from collection.web.classes.models import Learner, ReadingSession, SchoolClass
from collection.web.classes.rosters.columns import plain_words
from collection.web.consents.answers import why_not, with_answers
from collection.web.recordings.models import Fate, Recording, Segment

_MIB = 1024 * 1024
_NO_ANSWER = {Reason.NO_RECORD, Reason.GUARDIAN_MISSING, Reason.LEARNER_ASSENT_MISSING}
_REFUSED = {Reason.GUARDIAN_REFUSED, Reason.LEARNER_REFUSED, Reason.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Row:
    """A learner of the roster; ``reason`` is ``None`` when their voice may be heard."""

    learner: Learner
    reason: Reason | None
    recordings: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A class: its rows, and how many learners agreed, refused, did not answer, or need something else first."""

    rows: tuple[Row, ...]
    yes: int
    no: int
    waiting: int
    other: int
    without_birth_date: int


def alphabetical(learner: Learner) -> tuple[str, str]:
    """Return what a register sorts by: accents and capitals do not count."""
    return plain_words(learner.last_name), plain_words(learner.first_name)


def of_class(school_class: SchoolClass) -> Overview:
    """Return a class as it stands today."""
    ordered = sorted(with_answers(school_class.learners.all()), key=alphabetical)
    recorded = dict(school_class.learners.order_by().values_list("pk").annotate(n=Count("recordings")))
    rows = tuple(Row(one, why_not(one), recorded[one.pk]) for one in ordered)
    reasons = [row.reason for row in rows]
    yes, no = reasons.count(None), sum(reason in _REFUSED for reason in reasons)
    waiting = sum(reason in _NO_ANSWER for reason in reasons)
    return Overview(
        rows=rows,
        yes=yes,
        no=no,
        waiting=waiting,
        other=len(rows) - yes - no - waiting,
        without_birth_date=sum(row.learner.birth_date is None for row in rows),
    )


def sessions(school_class: SchoolClass) -> QuerySet[ReadingSession]:
    """Return the sessions of a class with counts of texts, recordings and segments by what became of them."""
    segments = {
        fate.value: Count("recordings__segments", distinct=True, filter=Q(recordings__segments__fate=fate))
        for fate in Fate
    }
    counted = school_class.sessions.annotate(
        text_count=Count("turns", distinct=True), recording_count=Count("recordings", distinct=True), **segments
    )
    # A query that counts forgets the order of its model.
    return counted.order_by("-held_on", "title")


@dataclass(frozen=True, slots=True)
class ClassTotals:
    """One class in a school's table."""

    school_class: SchoolClass
    learners: int
    yes: int
    recordings: int
    kept: int


@dataclass(frozen=True, slots=True)
class SchoolTotals:
    """A school: totals by class, and the room its recordings take (MiB)."""

    school: School
    classes: tuple[ClassTotals, ...]
    learners: int
    yes: int
    recordings: int
    kept: int
    used_mib: int


def of_school(school: School) -> SchoolTotals:
    """Return the totals of a school; no learner's name is in them."""
    classes = list(school.schoolclass_set.all())
    learners: dict[object, list[bool]] = {one.pk: [] for one in classes}
    for learner in with_answers(Learner.objects.filter(school_class__school=school)):
        learners[learner.school_class_id].append(why_not(learner) is None)
    recordings = Recording.objects.filter(session__school_class__school=school)
    by_class = {
        one["session__school_class"]: one["n"]
        for one in recordings.order_by().values("session__school_class").annotate(n=Count("pk"))
    }
    kept_by_class = {
        one["recording__session__school_class"]: one["n"]
        for one in Segment.objects.filter(recording__in=recordings, fate=Fate.KEPT)
        .order_by()
        .values("recording__session__school_class")
        .annotate(n=Count("pk"))
    }
    rows = tuple(
        ClassTotals(
            one, len(learners[one.pk]), sum(learners[one.pk]), by_class.get(one.pk, 0), kept_by_class.get(one.pk, 0)
        )
        for one in classes
    )
    return SchoolTotals(
        school=school,
        classes=rows,
        learners=sum(row.learners for row in rows),
        yes=sum(row.yes for row in rows),
        recordings=sum(row.recordings for row in rows),
        kept=sum(row.kept for row in rows),
        used_mib=round((recordings.aggregate(total=Sum("size"))["total"] or 0) / _MIB),
    )
