"""Schools and accounts."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What an account is for. Families have none: they come by a signed link."""

    TEACHER = "teacher", _("Enseignant")
    HEAD = "head", _("Chef d’établissement")
    STEWARD = "steward", _("Responsable des données")
    EVALUATOR = "evaluator", _("Évaluateur")


class School(models.Model):
    """A school and how much room its recordings may take (``quota_mib``, MiB)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("nom"), max_length=200, unique=True)
    region = models.CharField(_("académie"), max_length=64, blank=True)
    quota_mib = models.PositiveIntegerField(_("quota (Mio)"), default=20_000)

    def __str__(self) -> str:
        """Return its name, for pages of its own people."""
        return self.name


class User(AbstractUser):
    """An account: one role, at most one school (stewards and evaluators serve several)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(_("rôle"), max_length=16, choices=Role.choices)
    school = models.ForeignKey(School, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("établissement"))

    @property
    def own_school(self) -> School:
        """School of a teacher or a head; they always have one."""
        if self.school is None:
            raise LookupError("this account has no school")
        return self.school

    class Meta:
        """A teacher or a head without a school would see nothing, or too much."""

        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=[Role.STEWARD, Role.EVALUATOR]) | models.Q(school__isnull=False),
                name="teachers_and_heads_have_a_school",
            )
        ]
