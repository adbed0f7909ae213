"""Whose recordings may be taken in: asked before the first byte, after the last one, and again when they are heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from collection.classes.class_recording import RECORDED_BEFORE_CONSENT
from collection.consent import Reason, today
from collection.web.classes.models import Learner, ReadingSession, SessionKind
from collection.web.consents.answers import may_be_heard, why_not, with_answers
from collection.web.recordings.models import Segment

NOBODY_AGREED = "nobody_agreed"
"""Of a whole class, not one reader may be recorded."""
OF_NOBODY = "of_nobody"
"""The file of a session with a file a learner must say whose it is."""


def refusal(session: ReadingSession, learner: Learner | None) -> str | None:
    """Return why a file may not be taken in, as a code for ``in_words``; ``None`` when it may.

    A learner must agree today and have agreed on the day of the session: a later yes does not reach back to it. The
    recording of a whole class needs one such reader; what others say in it is nobody's and never cut out.
    """
    if learner is not None:
        return _why_not(session, learner)
    if session.kind != SessionKind.CLASS:
        return OF_NOBODY
    return None if any(_why_not(session, one) is None for one in readers(session)) else NOBODY_AGREED


def refusals(segments: Iterable[Segment], learners: Mapping[UUID, Learner]) -> Iterator[tuple[Segment, str | None]]:
    """Yield segments of ``learners`` in their order, each with why it may not be used; a session asks a learner once.

    Fetch segments with ``recording__session`` and learners with ``answers.with_answers``.
    """
    asked: dict[tuple[UUID, UUID], str | None] = {}
    for segment in segments:
        session, learner_id = segment.recording.session, segment.learner_id
        if learner_id is None:
            yield segment, OF_NOBODY
            continue
        if (session.pk, learner_id) not in asked:
            asked[session.pk, learner_id] = refusal(session, learners[learner_id])
        yield segment, asked[session.pk, learner_id]


def readers(session: ReadingSession) -> list[Learner]:
    """Return the learners who are to read in a session, with what decisions about them need."""
    return list(with_answers(Learner.objects.filter(pk__in=session.turns.values("reader"))))


def hearable(session: ReadingSession) -> tuple[list[Learner], list[tuple[Learner, str]]]:
    """Return the learners of the class who may be recorded in this session, and the others with the reason."""
    yes: list[Learner] = []
    no: list[tuple[Learner, str]] = []
    for learner in with_answers(session.school_class.learners.all()):
        reason = _why_not(session, learner)
        if reason is None:
            yes.append(learner)
        else:
            no.append((learner, reason))
    return yes, no


def _why_not(session: ReadingSession, learner: Learner) -> Reason | str | None:
    now = why_not(learner)
    if now is not None:
        return now.value
    held = may_be_heard(learner, min(session.held_on, today()))
    return None if held else RECORDED_BEFORE_CONSENT
