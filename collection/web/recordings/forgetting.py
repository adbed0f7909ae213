"""Destroying what the portal holds of a learner's voice, when it may be held no longer.

For whoever withdraws or whose consent has ended: recordings of theirs, files on their way, their voiceprint and what
was exported are destroyed; in the recordings of a class, the stretches known to be theirs are made silent. Their rows
in releases are the business of ``collection.withdraw``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from collection.classes import voiceprints
from collection.schema import SAMPLE_RATE
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.recordings import export, review, sounds, uploads, vault
from collection.web.recordings.models import Fate, Recording, Segment, UploadState


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many recordings were destroyed, stretches of class recordings silenced, uploads ended; and the voiceprint."""

    recordings: int
    silenced: int
    uploads: int
    voiceprint: bool


def forget_voice(actor: User | str, learner: Learner) -> Forgotten:
    """Destroy the learner's voice wherever the portal holds it; a second call finds nothing left."""
    going = list(learner.uploads.filter(state=UploadState.OPEN))
    for upload in going:
        uploads.destroy(upload, "withdrawn")
    own = list(Recording.objects.filter(learner=learner))
    for recording in own:
        review.delete(actor, recording)
    elsewhere = list(
        Segment.objects.filter(learner=learner, recording__learner__isnull=True).select_related("recording")
    )
    for recording in {segment.recording_id: segment.recording for segment in elsewhere}.values():
        silence(recording, [segment for segment in elsewhere if segment.recording_id == recording.pk])
    export.forget(Segment.objects.filter(learner=learner))
    erased = Path(settings.KEY_FILE).exists() and voiceprints.erase(Path(settings.VAULT), vault.key(), str(learner.pk))
    with transaction.atomic():
        Segment.objects.filter(learner=learner).update(
            learner=None, fate=Fate.DROPPED, reasons=["withdrawn"], quality={}, reviewed_by=None, reviewed_at=None
        )
        done = Forgotten(len(own), len(elsewhere), len(going), erased)
        if any((own, elsewhere, going, erased)):
            journal.record(
                actor,
                "voice.forget",
                learner,
                recordings=len(own),
                silenced=len(elsewhere),
                uploads=len(going),
                print=erased,
            )
    return done


def silence(recording: Recording, segments: Iterable[Segment]) -> None:
    """Write the sound of a recording again, with nothing but silence where the segments are."""
    samples = sounds.decoded(recording).copy()
    for segment in segments:
        samples[round(segment.start * SAMPLE_RATE) : round(segment.end * SAMPLE_RATE)] = 0
    size = sounds.keep(recording, samples)
    Recording.objects.filter(pk=recording.pk).update(size=size, sound=sounds.kept_path(recording))
