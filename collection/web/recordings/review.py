"""What a teacher decides about segments, with consent asked for whoever is said to speak."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from collection.building.pipeline import NO_PRONUNCIATION
from collection.errors import AudioError
from collection.segment import Interval
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner, Turn
from collection.web.recordings import export, hearing, sounds
from collection.web.recordings.models import Fate, Recording, Segment
from collection.web.recordings.permission import refusal

NOBODYS = "voice_unsure"
"""Why a stretch of nobody's cannot be kept."""


def playable(segment: Segment) -> bool:
    """Tell whether a segment may be heard now: somebody's who agrees, never nobody's."""
    return segment.learner is not None and refusal(segment.recording.session, segment.learner) is None


def why_not_kept(segment: Segment) -> str | None:
    """Return why a segment cannot be kept as it stands, as a code; ``None`` when it can."""
    if segment.learner is None:
        return NOBODYS
    if segment.position is None or not segment.text:
        return "prompt_unsure"
    if not hearing.pronounceable(segment.text, segment.recording.session.school_class.language):
        return NO_PRONUNCIATION
    return refusal(segment.recording.session, segment.learner)


def decide(user: User, segment: Segment, fate: Fate, turn: Turn | None = None) -> str | None:
    """Keep or drop a segment; return the reason when it cannot be kept. ``turn`` says what is read, if nobody knew."""
    with transaction.atomic():
        locked = Segment.objects.select_for_update(of=("self",)).select_related("recording__session__school_class")
        segment = locked.get(pk=segment.pk)
        if segment.position is None and segment.learner is not None and turn is not None:
            segment.position, segment.text = turn.position, turn.text
        if fate == Fate.KEPT and (reason := why_not_kept(segment)) is not None:
            return reason
        _settle(user, segment, fate)
    return None


def keep_flagged(user: User, recording: Recording) -> tuple[int, int]:
    """Keep every flagged segment of a recording that can be; return how many were kept and how many were not."""
    outcomes = [decide(user, segment, Fate.KEPT) for segment in recording.segments.filter(fate=Fate.FLAGGED)]
    return outcomes.count(None), len(outcomes) - outcomes.count(None)


def correct(user: User, segment: Segment, learner: Learner, text: str, data: dict[str, Any]) -> str | None:
    """Apply a teacher's correction; return the reason when the result cannot be kept, and then change nothing."""
    if segment.learner is None:
        return NOBODYS
    moved = (segment.start, segment.end) != (data["start"], data["end"])
    segment.learner, segment.position, segment.text = learner, data["position"], text
    segment.start, segment.end = data["start"], data["end"]
    if data["fate"] == Fate.KEPT and (reason := why_not_kept(segment)) is not None:
        return reason
    if moved:
        try:
            samples = sounds.stretch(segment)
        except AudioError as error:
            return error.reason
        segment.quality = hearing.judged(samples, Interval(0.0, segment.end - segment.start))[2]
    with transaction.atomic():
        _settle(user, segment, Fate(data["fate"]), moved=moved)
    return None


def _settle(user: User, segment: Segment, fate: Fate, **details: Any) -> None:
    segment.fate, segment.reviewed_by, segment.reviewed_at = fate, user, timezone.now()
    segment.save()
    journal.record(user, f"segment.{fate.value}", segment, position=segment.position, **details)


def delete(user: User | str, recording: Recording) -> None:
    """Delete a recording, its segments and every sound of it."""
    segments = list(recording.segments.all())
    with transaction.atomic():
        journal.record(user, "recording.delete", recording, segments=len(segments), bytes=recording.size)
        key = recording.pk
        recording.uploads.all().delete()
        recording.delete()
        recording.pk = key
    sounds.destroy(recording)
    export.forget(segments)
