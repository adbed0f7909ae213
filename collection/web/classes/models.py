"""Classes, learners, reading lists and sessions. Names live here and nowhere else."""

from __future__ import annotations

import secrets
import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.web.accounts.models import Role, School, User

CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without I, O, 0 and 1, which a hand-written form confuses."""


def new_code() -> str:
    """Return a code of 8 letters and digits (40 bits) that stands for a learner on paper."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(8))


class ClassQuerySet(models.QuerySet["SchoolClass"]):
    """Classes that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return a teacher's own classes, a head's whole school, all of them for a steward, none for others."""
        match user.role:
            case Role.TEACHER:
                return self.filter(teachers=user, school=user.school)
            case Role.HEAD:
                return self.filter(school=user.school)
            case Role.STEWARD:
                return self.all()
        return self.none()


class SchoolClass(models.Model):
    """A class that learns one language."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    school = models.ForeignKey(School, on_delete=models.PROTECT, verbose_name=_("établissement"))
    teachers = models.ManyToManyField(User, related_name="classes", verbose_name=_("enseignants"))
    name = models.CharField(_("nom de la classe"), max_length=64)
    year = models.CharField(_("année scolaire"), max_length=9)
    language = models.CharField(_("langue étudiée"), max_length=16)
    level = models.CharField(_("niveau visé (CECRL)"), max_length=2, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClassQuerySet.as_manager()

    class Meta:
        """A school names a class once a year."""

        ordering = ["-year", "name"]
        constraints = [models.UniqueConstraint(fields=["school", "year", "name"], name="one_class_of_a_name")]

    def __str__(self) -> str:
        """Return name and year."""
        return f"{self.name} ({self.year})"


class LearnerQuerySet(models.QuerySet["Learner"]):
    """Learners that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return the learners of the classes the user may see."""
        return self.filter(school_class__in=SchoolClass.objects.for_user(user))


class Learner(models.Model):
    """A pupil of a class. ``id`` is the learner id of the pipeline, ``code`` stands for them on paper."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    school_class = models.ForeignKey(SchoolClass, on_delete=models.PROTECT, related_name="learners")
    last_name = models.CharField(_("nom"), max_length=100)
    first_name = models.CharField(_("prénom"), max_length=100)
    birth_date = models.DateField(_("date de naissance"), null=True, blank=True)
    gender = models.CharField(_("sexe"), max_length=1, blank=True, choices=[("f", _("fille")), ("m", _("garçon"))])
    first_language = models.CharField(_("langue maternelle"), max_length=16, blank=True)
    level = models.CharField(_("niveau (CECRL)"), max_length=2, blank=True)
    code = models.CharField(max_length=8, unique=True, default=new_code, editable=False)

    objects = LearnerQuerySet.as_manager()

    class Meta:
        """In the order of a register."""

        ordering = ["last_name", "first_name"]

    def __str__(self) -> str:
        """Return the name as a register writes it."""
        return f"{self.last_name.upper()} {self.first_name}"


class PromptListQuerySet(models.QuerySet["PromptList"]):
    """Reading lists that somebody may use."""

    def for_user(self, user: User) -> Self:
        """Return the lists of the user's school and the ones that belong to none, which everybody may use."""
        if user.role not in (Role.TEACHER, Role.HEAD, Role.STEWARD):
            return self.none()
        if user.role == Role.STEWARD:
            return self.all()
        return self.filter(models.Q(school=user.school) | models.Q(school__isnull=True))


class PromptList(models.Model):
    """Texts to be read, in order. ``school`` null: offered to everybody."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    school = models.ForeignKey(School, on_delete=models.PROTECT, null=True, blank=True)
    title = models.CharField(_("titre"), max_length=100)
    language = models.CharField(_("langue"), max_length=16)
    texts = models.JSONField(_("textes"), default=list)

    objects = PromptListQuerySet.as_manager()

    class Meta:
        """By title."""

        ordering = ["title"]

    def __str__(self) -> str:
        """Return the title."""
        return self.title


class SessionKind(models.TextChoices):
    """How a session is recorded."""

    EACH = "each", _("Un fichier par élève, ou au micro de l’ordinateur")
    CLASS = "class", _("Un seul enregistrement pour toute la classe")


class SessionQuerySet(models.QuerySet["ReadingSession"]):
    """Sessions that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return the sessions of the classes the user may see."""
        return self.filter(school_class__in=SchoolClass.objects.for_user(user))


class ReadingSession(models.Model):
    """A reading by a class on one day; ``turns`` say what is read, and by whom when the whole class is recorded."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    school_class = models.ForeignKey(SchoolClass, on_delete=models.PROTECT, related_name="sessions")
    title = models.CharField(_("titre"), max_length=100)
    held_on = models.DateField(_("date"))
    kind = models.CharField(_("enregistrement"), max_length=8, choices=SessionKind.choices, default=SessionKind.EACH)

    objects = SessionQuerySet.as_manager()

    class Meta:
        """Newest first."""

        ordering = ["-held_on", "title"]

    def __str__(self) -> str:
        """Return the title."""
        return self.title

    @property
    def prompts(self) -> list[str]:
        """Texts in reading order."""
        return [turn.text for turn in self.turns.all()]


class Turn(models.Model):
    """One text of a session; ``reader`` is set where a class takes turns, null for somebody who is on no roster."""

    session = models.ForeignKey(ReadingSession, on_delete=models.CASCADE, related_name="turns")
    position = models.PositiveIntegerField()
    text = models.TextField()
    reader = models.ForeignKey(Learner, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        """In reading order."""

        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["session", "position"], name="one_turn_a_position")]
