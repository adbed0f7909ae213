"""What goes with a voice that may be held no longer, beyond its recordings: files on their way, stretches of others.

``collection.web.consents.erasing`` destroys a learner's own recordings, what was exported and their voiceprint. Of the
recording of a class, which holds other voices too, only the stretches known to be theirs can go: they are made silent
in the sound itself when their segments are deleted, whoever deletes them.
"""

from __future__ import annotations

from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django_tasks import task

from collection.schema import SAMPLE_RATE
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.recordings import sounds, uploads
from collection.web.recordings.models import Recording, Segment, UploadState
from collection.web.recordings.permission import refusal
from collection.web.recordings.tasks import WORKER, lock_of


def end_uploads(learner: Learner) -> int:
    """Destroy what is on its way of a learner who may not be recorded any more; return how many uploads ended."""
    ended = 0
    for upload in learner.uploads.filter(state=UploadState.OPEN).select_related("session"):
        # Asked anew: what decided before may have been fetched before the answer changed.
        reason = refusal(upload.session, Learner.objects.get(pk=learner.pk))
        if reason is not None:
            uploads.destroy(upload, reason)
            ended += 1
    return ended


@receiver(pre_delete, sender=Segment)
def silence_later(sender: type[Segment], instance: Segment, **_: Any) -> None:
    """Queue the silencing of a deleted segment in the transaction that deletes it."""
    if instance.learner_id is not None and instance.recording.learner_id is None:
        silence.enqueue(str(instance.recording_id), instance.start, instance.end)


@task()
def silence(recording_id: str, start: float, end: float) -> str:
    """Write the sound of a recording again with silence from one second to another; safe to do twice."""
    with lock_of(recording_id):
        recording = Recording.objects.filter(pk=recording_id).first()
        if recording is None or not default_storage.exists(before := str(recording.sound.name)):
            return "there is no such sound"
        samples = sounds.decoded(recording).copy()
        samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0
        size, kept = sounds.keep(recording, samples), sounds.kept_path(recording)
        with transaction.atomic():
            Recording.objects.filter(pk=recording.pk).update(size=size, sound=kept)
            journal.record(WORKER, "recording.silence", recording)
        if before != kept:
            default_storage.delete(before)
    return "silenced"
