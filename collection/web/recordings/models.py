"""Uploaded recordings and what the pipeline heard in them."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.web.accounts.models import User
from collection.web.classes.models import Learner, ReadingSession


def sound_path(recording: Recording, filename: str) -> str:
    """Return where a sound file is kept: a name of ours, never the one that was sent."""
    return f"sound/{recording.pk}"


class State(models.TextChoices):
    """How far a recording has come."""

    WAITING = "waiting", _("en attente")
    WORKING = "working", _("en cours d’écoute")
    DONE = "done", _("écouté")
    REFUSED = "refused", _("refusé")


class RecordingQuerySet(models.QuerySet["Recording"]):
    """Recordings that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return the recordings of the sessions the user may see."""
        return self.filter(session__in=ReadingSession.objects.for_user(user))


class Recording(models.Model):
    """A sound file of a session: of one learner, or of the whole class when ``learner`` is null.

    ``position`` is set when the file holds one text only, recorded at the computer. ``reason`` is a code of the
    pipeline (``audio_…``, ``fewer_readings_than_prompts``, …) that says why nothing, or less, could be kept.
    ``sha256`` is that of the file as it was sent; ``sound`` and ``size`` are of what is kept of it (ADR 19).
    ``peaks`` (0-100) draw its wave; ``unheard`` maps a reason to the positions of texts of which nothing was found;
    ``microphone`` is what the microphone check measured, when there was one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ReadingSession, on_delete=models.PROTECT, related_name="recordings")
    learner = models.ForeignKey(Learner, on_delete=models.PROTECT, null=True, blank=True, related_name="recordings")
    position = models.PositiveIntegerField(null=True, blank=True)
    sound = models.FileField(upload_to=sound_path)
    size = models.PositiveBigIntegerField(_("octets"))
    sha256 = models.CharField(max_length=64)
    device = models.CharField(_("appareil"), max_length=64, blank=True)
    enrols = models.BooleanField(_("voix seule, pour reconnaître l’élève"), default=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=64, blank=True)
    seconds = models.FloatField(_("durée (s)"), null=True, blank=True)
    peaks = models.JSONField(default=list)
    unheard = models.JSONField(default=dict)
    microphone = models.JSONField(default=dict)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        """Newest first; the same file twice in a session is one recording."""

        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["session", "learner", "sha256"], name="one_file_once"),
            # Null is not null to a database: without this, a file of the whole class would come in twice.
            models.UniqueConstraint(
                fields=["session", "sha256"], condition=models.Q(learner__isnull=True), name="one_file_of_a_class_once"
            ),
        ]


class UploadState(models.TextChoices):
    """How an upload stands."""

    OPEN = "open", _("en cours d’envoi")
    DONE = "done", _("reçu")
    GONE = "gone", _("abandonné")


class UploadQuerySet(models.QuerySet["Upload"]):
    """Uploads that somebody may go on with."""

    def for_user(self, user: User) -> Self:
        """Return what the user is sending to sessions of their own."""
        return self.filter(session__in=ReadingSession.objects.for_user(user), sent_by=user)


class Upload(models.Model):
    """A file on its way, of ``length`` bytes; it becomes the recording of the same id, or is destroyed.

    How much has come is not kept here: the file on disk says so. Its name at the teacher's is never asked for.
    ``sha256`` is what the sender says of the whole file, empty when it could not be computed there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ReadingSession, on_delete=models.CASCADE, related_name="uploads")
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, null=True, blank=True, related_name="uploads")
    position = models.PositiveIntegerField(null=True, blank=True)
    length = models.PositiveBigIntegerField(_("octets"))
    sha256 = models.CharField(max_length=64, blank=True)
    device = models.CharField(max_length=64, blank=True)
    microphone = models.JSONField(default=dict)
    state = models.CharField(max_length=4, choices=UploadState.choices, default=UploadState.OPEN)
    reason = models.CharField(max_length=64, blank=True)
    recording = models.ForeignKey(Recording, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads")
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects = UploadQuerySet.as_manager()

    class Meta:
        """Newest first; looked up by sender for the rate limit."""

        ordering = ["-created_at"]
        indexes = [models.Index(fields=["sent_by", "created_at"], name="uploads_of_a_sender")]


class Fate(models.TextChoices):
    """What becomes of a segment."""

    KEPT = "kept", _("gardé")
    FLAGGED = "flagged", _("à vérifier")
    DROPPED = "dropped", _("écarté")


class SegmentQuerySet(models.QuerySet["Segment"]):
    """Segments that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return the segments of the recordings the user may see."""
        return self.filter(recording__in=Recording.objects.for_user(user))

    def usable(self) -> Self:
        """Return what was kept of a known learner and a text: what leaves the portal, where consent allows it."""
        kept = self.filter(fate=Fate.KEPT, learner__isnull=False, recording__state=State.DONE)
        return kept.exclude(text="")


class Segment(models.Model):
    """A stretch of a recording, in seconds from its start: which text, whose voice, what becomes of it and why.

    ``learner`` null is nobody: such a stretch is never cut out, written or played.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="segments")
    learner = models.ForeignKey(Learner, on_delete=models.SET_NULL, null=True, blank=True, related_name="segments")
    position = models.PositiveIntegerField(_("texte"), null=True, blank=True)
    text = models.TextField(blank=True)
    start = models.FloatField(_("début (s)"))
    end = models.FloatField(_("fin (s)"))
    fate = models.CharField(max_length=8, choices=Fate.choices)
    reasons = models.JSONField(default=list)
    quality = models.JSONField(default=dict)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        """In order of time."""

        ordering = ["recording", "start"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(start__gte=0) & models.Q(end__gt=models.F("start")), name="segments_have_length"
            )
        ]
