"""Rounds of rating: which readings are to be scored, by whom, and what each expert gave."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from collection.web.accounts.models import Role, User
from collection.web.recordings.models import Fate, Segment


class Level(models.TextChoices):
    """What is scored, on the scales of speechocean762 (``scales``)."""

    SENTENCE = "sentence", _("La phrase : exactitude, complétude, fluidité, prosodie (0 à 10)")
    WORD = "word", _("Chaque mot : exactitude (0 à 10)")
    STRESS = "stress", _("Chaque mot de plusieurs syllabes : accent tonique (5 ou 10)")
    PHONE = "phone", _("Chaque son : exactitude (0 à 2)")


class Flag(models.TextChoices):
    """Why a reading cannot be rated."""

    NOT_PROMPT = "not_prompt", _("Ce n’est pas le texte qui est lu")
    BAD_SOUND = "bad_sound", _("Le son est trop mauvais pour juger")
    PERSONAL_DATA = "personal_data", _("On entend un nom ou une donnée personnelle")


class RoundQuerySet(models.QuerySet["Round"]):
    """Rounds that somebody may see."""

    def for_user(self, user: User) -> Self:
        """Return all of them for a steward, their own for an evaluator, none for others."""
        match user.role:
            case Role.STEWARD:
                return self.all()
            case Role.EVALUATOR:
                return self.filter(evaluators=user)
        return self.none()


class Round(models.Model):
    """Readings of one language that experts score for some ``purposes``, each by ``raters_each`` of the ``evaluators``.

    ``levels`` are values of ``Level``; ``repeat_percent`` of what somebody rates is asked a second time. While a round
    is not ``open`` nobody rates in it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(_("titre"), max_length=100)
    language = models.CharField(_("langue lue"), max_length=16)
    purposes = models.JSONField(default=list)
    levels = models.JSONField(default=list)
    raters_each = models.PositiveSmallIntegerField(_("évaluateurs par lecture"), default=3)
    repeat_percent = models.PositiveSmallIntegerField(_("part notée deux fois par la même personne (%)"), default=10)
    evaluators = models.ManyToManyField(User, related_name="rounds", verbose_name=_("évaluateurs"))
    open = models.BooleanField(_("ouvert"), default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoundQuerySet.as_manager()

    class Meta:
        """Newest first."""

        ordering = ["-created_at"]

    def __str__(self) -> str:
        """Return the title."""
        return self.title


class ItemQuerySet(models.QuerySet["Item"]):
    """Readings of rounds."""

    def live(self) -> Self:
        """Return those whose segment is kept and still is what was to be rated."""
        return self.filter(
            segment__fate=Fate.KEPT,
            segment__learner__isnull=False,
            segment__text=F("text"),
            segment__start=F("start"),
            segment__end=F("end"),
        )


class Item(models.Model):
    """A reading in a round: the segment as it was when the round was made, with its words (``canon``).

    Goes with its segment, and so with the consent of whoever speaks in it. ``flag`` and ``comment`` say why an
    evaluator took it out; the segment is then the teacher's to look at.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="items")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="rated")
    text = models.TextField()
    start = models.FloatField()
    end = models.FloatField()
    words = models.JSONField(default=list)
    flag = models.CharField(_("signalement"), max_length=16, choices=Flag.choices, blank=True)
    comment = models.CharField(_("remarque"), max_length=300, blank=True)
    flagged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    flagged_at = models.DateTimeField(null=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        """A reading is in a round once."""

        constraints = [models.UniqueConstraint(fields=["round", "segment"], name="a_segment_once_a_round")]


class RatingQuerySet(models.QuerySet["Rating"]):
    """Ratings that somebody may give."""

    def dealt_to(self, user: User) -> Self:
        """Return what an evaluator was asked, in rounds that were closed meanwhile too; nothing for others."""
        if user.role != Role.EVALUATOR:
            return self.none()
        return self.filter(evaluator=user, item__round__evaluators=user)

    def for_user(self, user: User) -> Self:
        """Return what an evaluator is asked in rounds that are open; nothing for others."""
        return self.dealt_to(user).filter(item__round__open=True)


class Rating(models.Model):
    """One reading as one evaluator is asked to score it, at a place in their own order.

    ``marks`` maps the names of ``scales.cells`` to a score, or to ``scales.UNJUDGED``; they are a draft until
    ``finished_at``. ``repeat``: asked a second time, to compare the evaluator with themselves.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="ratings")
    evaluator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ratings")
    position = models.PositiveIntegerField()
    repeat = models.BooleanField(default=False)
    marks = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    objects = RatingQuerySet.as_manager()

    class Meta:
        """In the evaluator's order; each reading once, and at most once more."""

        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["item", "evaluator", "repeat"], name="one_rating_a_rater")]
