"""What families were told and what they answered, after the records of ``collection.register``."""

from __future__ import annotations

import hashlib
import uuid
from datetime import date
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.register import EventState, Role
from collection.schema import Purpose
from collection.web.accounts.models import Role as Account
from collection.web.accounts.models import User
from collection.web.classes.models import Learner, new_code

PURPOSES = [
    (Purpose.RESEARCH.value, _("Étudier comment les élèves parlent une langue")),
    (Purpose.TRAINING.value, _("Entraîner des outils qui aident à prononcer")),
    (Purpose.EVALUATION.value, _("Mesurer si ces outils sont justes pour tous les élèves")),
    (Purpose.SHARING.value, _("Confier les voix à un partenaire nommé dans la notice")),
]
ROLES = [(Role.GUARDIAN.value, _("responsable légal")), (Role.LEARNER.value, _("élève"))]


class NoticeForm(models.TextChoices):
    """How a notice is written."""

    STANDARD = "standard", _("texte complet")
    EASY = "easy", _("facile à lire")


def audio_path(notice: Notice, filename: str) -> str:
    """Return where a spoken notice is kept: a name of ours, never the one that was sent."""
    return f"notices/{uuid.uuid4()}"


class Notice(models.Model):
    """One text of a version of the information notice: a language and a form. Once published it never changes.

    The texts of a version differ in their words only; ``contact`` is whom families write to about their rights.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    language = models.CharField(_("langue"), max_length=16)
    form = models.CharField(_("forme"), max_length=16, choices=NoticeForm.choices, default=NoticeForm.STANDARD)
    title = models.CharField(_("titre"), max_length=200)
    body = models.TextField(_("texte"))
    purposes = models.JSONField(default=list)
    controller = models.CharField(_("responsable de traitement"), max_length=200)
    recipients = models.JSONField(_("destinataires"), default=list)
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    retention_days = models.PositiveIntegerField(_("conservation (jours)"), default=3 * 365)
    audio = models.FileField(upload_to=audio_path, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One text a version, language and form."""

        ordering = ["name", "-version", "language", "form"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version", "language", "form"], name="one_text_a_version")
        ]

    def __str__(self) -> str:
        """Return what it is."""
        return f"{self.title} ({self.version}, {self.language})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, unless that would change what families have read: raises ``ValidationError``."""
        before = None if self._state.adding else Notice.objects.filter(pk=self.pk).first()
        if before is not None and before.published_at is not None:
            changed = [name for name in FIXED if getattr(before, name) != getattr(self, name)]
            if changed:
                raise ValidationError(_("Une notice publiée ne change plus : faites-en une nouvelle version."))
        super().save(*args, **kwargs)

    @property
    def sha256(self) -> str:
        """Hash (hex) of title and text: what was signed."""
        return hashlib.sha256(f"{self.title}\n\n{self.body}".encode()).hexdigest()


FIXED = (
    "name",
    "version",
    "language",
    "form",
    "title",
    "body",
    "purposes",
    "controller",
    "recipients",
    "contact",
    "retention_days",
    "published_at",
)
"""What no longer changes once a notice is published; its sound may still be made, or made better."""


class Consent(models.Model):
    """One learner's consent record. Signatures and events hang on it; decisions are taken by ``collection.consent``.

    ``notice`` is the version that is asked now. ``subject`` is the learner's id in the pipeline once a withdrawal has
    closed the first one, which is the learner's own (ADR 10: a learner id is closed for good).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.OneToOneField(Learner, on_delete=models.PROTECT, related_name="consent")
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT)
    retention_until = models.DateField()
    subject = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)


class PartyQuerySet(models.QuerySet["Party"]):
    """People whose word counts, as far as somebody may see them."""

    def for_user(self, user: User) -> Self:
        """Return the parties of the learners the user may see."""
        return self.filter(consent__learner__in=Learner.objects.for_user(user))


class Party(models.Model):
    """Somebody whose word is asked: a guardian or the learner. ``id`` is their opaque entity in the register.

    ``code`` is what the printed form says; ``links_since`` ends every link that was sent before it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="parties")
    role = models.CharField(max_length=16, choices=ROLES)
    email = models.EmailField(blank=True)
    code = models.CharField(max_length=8, unique=True, default=new_code, editable=False)
    links_since = models.DateTimeField(auto_now_add=True)

    objects = PartyQuerySet.as_manager()

    class Meta:
        """Guardians before the learner."""

        ordering = ["role", "id"]


class Channel(models.TextChoices):
    """How an answer came."""

    LINK = "link", _("par le lien reçu")
    CODE = "code", _("avec le code imprimé")
    PAPER = "paper", _("sur papier")


class SignatureQuerySet(models.QuerySet["Signature"]):
    """Answers, as far as somebody may see the paper they were given on."""

    def for_user(self, user: User) -> Self:
        """Return the answers of the learners of a teacher, all of them for a steward, none for others."""
        if user.role not in (Account.TEACHER, Account.STEWARD):
            return self.none()
        return self.filter(consent__learner__in=Learner.objects.for_user(user))


def evidence_path(signature: Signature, filename: str) -> str:
    """Return where a scan is kept: a name of ours, never the one that was sent."""
    return f"evidence/{uuid.uuid4()}"


class Signature(models.Model):
    """One person's answers on one day, online or on paper (then with a scan and the account that typed it in)."""

    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="signatures")
    party = models.ForeignKey(Party, on_delete=models.PROTECT)
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT)
    signed_on = models.DateField()
    answers = models.JSONField()
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.PAPER)
    scan = models.FileField(upload_to=evidence_path, blank=True)
    scan_type = models.CharField(max_length=32, blank=True)
    typed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SignatureQuerySet.as_manager()

    class Meta:
        """In the order in which they came."""

        ordering = ["created_at"]


class ConsentEvent(models.Model):
    """A refusal, a withdrawal or an end, as the register knows them. No ``purposes`` means all."""

    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="events")
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in EventState])
    at = models.DateTimeField()
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    entity = models.CharField(max_length=64)
    purposes = models.JSONField(default=list)

    class Meta:
        """In the order in which they came."""

        ordering = ["at"]


class WithdrawalState(models.TextChoices):
    """How far the destruction after a withdrawal has come."""

    WAITING = "waiting", _("en attente")
    WORKING = "working", _("en cours")
    DONE = "done", _("terminé")


class Withdrawal(models.Model):
    """What is to be destroyed because a family took its consent back, until nothing is left of it.

    ``subject`` is the learner's id in the pipeline, ``entity`` the party who withdrew, ``files`` the names of sound
    files in the storage that are still to be destroyed, ``stretches`` what is still to be made silent in recordings of
    the class (recording, start, end in seconds), ``error`` why the last attempt failed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="withdrawals")
    subject = models.UUIDField(unique=True)
    role = models.CharField(max_length=16, choices=[*ROLES, ("controller", _("terme de la conservation"))])
    entity = models.CharField(max_length=64)
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=WithdrawalState.choices, default=WithdrawalState.WAITING)
    files = models.JSONField(default=list)
    stretches = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first."""

        ordering = ["-at"]


class Reminder(models.Model):
    """A reminder that was sent to somebody: one a cause, such as ``expiry:2027-09-07``."""

    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="reminders")
    cause = models.CharField(max_length=64)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Nobody is reminded twice of one thing."""

        constraints = [models.UniqueConstraint(fields=["party", "cause"], name="one_reminder_a_cause")]


def retention_end(notice: Notice, signed_on: date) -> date:
    """Return the first day on which a voice may no longer be held."""
    return date.fromordinal(signed_on.toordinal() + notice.retention_days)
