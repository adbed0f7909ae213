"""What families were told and what they answered, after the records of ``collection.register``."""

from __future__ import annotations

import hashlib
import uuid
from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.register import EventState, Role
from collection.schema import Purpose
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


class Notice(models.Model):
    """A version of the information notice; once somebody has signed it, it never changes."""

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
    retention_days = models.PositiveIntegerField(_("conservation (jours)"), default=3 * 365)
    audio = models.FileField(upload_to="notices", blank=True)
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

    @property
    def sha256(self) -> str:
        """Hash (hex) of title and text: what was signed."""
        return hashlib.sha256(f"{self.title}\n\n{self.body}".encode()).hexdigest()


class Consent(models.Model):
    """One learner's consent record. Signatures and events hang on it; decisions are taken by ``collection.consent``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.OneToOneField(Learner, on_delete=models.PROTECT, related_name="consent")
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT)
    retention_until = models.DateField()
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
    scan = models.FileField(upload_to=evidence_path, blank=True)
    typed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

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


def retention_end(notice: Notice, signed_on: date) -> date:
    """Return the first day on which a voice may no longer be held."""
    return date.fromordinal(signed_on.toordinal() + notice.retention_days)
