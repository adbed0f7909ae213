"""What a data steward decides about releases, and who was given which.

The rows say who asked and who decided. What a release *is* stands on the disk, in the pipeline's own files: whether it
is there, what it holds, and whether somebody has left it (``withdrawn.json``). No row is trusted about that.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.voice import Tier, Transform, VoiceConfig, tier
from collection.web.accounts.models import Role, School, User
from collection.web.consents.models import PURPOSES

DRAFT = ".draft"
"""What the folder of a release is called after its name until it is approved."""


class State(models.TextChoices):
    """How far a proposal has come. That a release is superseded is no state: the disk says so."""

    WAITING = "waiting", _("proposé, en attente de fabrication")
    BUILDING = "building", _("en cours de fabrication")
    READY = "ready", _("prêt à être approuvé")
    APPROVED = "approved", _("approuvé")
    REJECTED = "rejected", _("refusé")
    FAILED = "failed", _("fabrication en échec")
    OUTDATED = "outdated", _("à refaire : des accords ne tiennent plus")


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Proposals that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return all of them for a steward, none for others."""
        return self.all() if user.role == Role.STEWARD else self.none()


class Proposal(models.Model):
    """A release that a steward asked for, and what was decided about it.

    ``name`` is what was asked for, ``release_name`` what the build is called: another one at each build whose name was
    used up, because two releases of one name could be joined. No ``schools`` means all of them, no ``language`` every
    language. ``reason`` is a code for ``in_words``, ``error`` what a failed build said. ``figures`` are what the page
    shows of the draft (``figures.py``), ``manifest`` the SHA-256 of its manifest: what is approved is what was shown.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("nom"), max_length=40)
    release_name = models.CharField(max_length=48, unique=True)
    schools = models.ManyToManyField(School, blank=True, related_name="+", verbose_name=_("établissements"))
    language = models.CharField(_("langue"), max_length=16, blank=True)
    purposes = models.JSONField(_("usages"), default=list)
    transform = models.CharField(_("déguisement des voix"), max_length=16, default=Transform.NONE.value)
    k = models.PositiveIntegerField(default=5)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    step = models.JSONField(default=dict)
    figures = models.JSONField(default=dict)
    manifest = models.CharField(max_length=64, blank=True)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    built_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(_("motif"), blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        """Newest first."""

        ordering = ["-proposed_at"]

    def __str__(self) -> str:
        """Return the name of the release."""
        return self.release_name

    @property
    def path(self) -> Path:
        """Folder of the release once it is approved."""
        return Path(settings.RELEASES) / self.release_name

    @property
    def draft(self) -> Path:
        """Folder of the release before."""
        return Path(settings.RELEASES) / f"{self.release_name}{DRAFT}"

    @property
    def tier(self) -> Tier:
        """Tier of the release."""
        return tier(VoiceConfig(transform=self.transform))

    @property
    def purposes_in_words(self) -> list[str]:
        """Purposes as the notice says them."""
        return [str(dict(PURPOSES).get(purpose, purpose)) for purpose in self.purposes]


class Kind(models.TextChoices):
    """How a release was handed over."""

    DOWNLOAD = "download", _("téléchargement")
    PUBLICATION = "publication", _("publication")


class Delivery(models.TextChoices):
    """How far handing over has come. Whoever has a part of a release has voices of it."""

    WAITING = "waiting", _("en attente")
    SENDING = "sending", _("en cours d’envoi")
    DONE = "done", _("remis")
    FAILED = "failed", _("interrompu")


class HolderQuerySet(models.QuerySet["Holder"]):
    """Holders that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return all of them for a steward, none for others."""
        return self.all() if user.role == Role.STEWARD else self.none()


class Holder(models.Model):
    """An organisation that was given a release. The list beside the key says so too, and outlives the database.

    ``target`` is the address it was sent to, or what the list calls a download; ``purpose`` a purpose of the release,
    ``note`` what for in words. ``usage`` is the policy that was accepted. ``by`` is null for what was published by
    command.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release_name = models.CharField(max_length=64)
    organisation = models.CharField(_("organisme"), max_length=200)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target = models.CharField(max_length=500)
    purpose = models.CharField(_("usage"), max_length=32, blank=True)
    note = models.CharField(_("pour quoi faire"), max_length=300, blank=True)
    usage = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=Delivery.choices, default=Delivery.DONE)
    error = models.TextField(blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    objects = HolderQuerySet.as_manager()

    class Meta:
        """Newest first; one row a place that a release was sent to."""

        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["release_name", "target"], name="one_holder_a_place")]

    @property
    def purpose_in_words(self) -> str:
        """Purpose as the notice says it."""
        return str(dict(PURPOSES).get(self.purpose, self.purpose))


class Notified(models.Model):
    """That a holder was told who left, with the SHA-256 of the notice: a later one is to be sent again."""

    holder = models.ForeignKey(Holder, on_delete=models.PROTECT, related_name="notified")
    notice = models.CharField(max_length=64)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Each notice is noted once."""

        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["holder", "notice"], name="one_note_a_notice")]
