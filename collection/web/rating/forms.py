"""Forms of the steward about rounds, and of the evaluator about a reading that cannot be rated."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from dsfr.forms import DsfrBaseForm

from collection.schema import Purpose
from collection.web.accounts.models import Role, School, User
from collection.web.classes.forms import LANGUAGES
from collection.web.classes.models import SchoolClass
from collection.web.consents.models import PURPOSES
from collection.web.rating.models import Flag, Level, Round
from collection.web.rating.rounds import Wanted

MOST_RATERS = 9
MOST_READINGS = 2_000
_SHARING = Purpose.SHARING.value


class Evaluators(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Accounts that may rate, by their names."""

    def __init__(self, **more: Any) -> None:
        people = User.objects.filter(role=Role.EVALUATOR, is_active=True).order_by("username")
        words = gettext_lazy("Choisissez au moins un évaluateur.")
        super().__init__(
            people,
            label=gettext_lazy("Évaluateurs"),
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": words},
            **more,
        )

    def label_from_instance(self, obj: User) -> str:  # type: ignore[override]
        """Return the full name, if there is one, and the account."""
        name = obj.get_full_name()
        return f"{name} ({obj.username})" if name else obj.username


class EvaluatorsForm(DsfrBaseForm):  # type: ignore[misc]
    """Who rates in a round."""

    evaluators = Evaluators()

    def __init__(self, found: Round, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, initial={"evaluators": found.evaluators.all()}, **kwargs)
        self.round = found

    def clean_evaluators(self) -> list[User]:
        """Refuse fewer than each reading needs."""
        return _enough(list(self.cleaned_data["evaluators"]), self.round.raters_each)


class RoundForm(DsfrBaseForm):  # type: ignore[misc]
    """Which readings are rated, for what, by whom and how often."""

    title = forms.CharField(label=gettext_lazy("Titre, que verront les évaluateurs"), max_length=100)
    language = forms.ChoiceField(label=gettext_lazy("Langue lue"), choices=LANGUAGES)
    school = forms.ModelChoiceField(
        School.objects.order_by("name"),
        label=gettext_lazy("Établissement"),
        required=False,
        empty_label=gettext_lazy("Tous"),
    )
    school_class = forms.ModelChoiceField(
        SchoolClass.objects.select_related("school").order_by("school__name", "-year", "name"),
        label=gettext_lazy("Classe"),
        required=False,
        empty_label=gettext_lazy("Toutes"),
    )
    purposes = forms.MultipleChoiceField(
        label=gettext_lazy("À quoi serviront les notes"),
        help_text=gettext_lazy("Seuls sont écoutés les élèves dont l’accord couvre aujourd’hui tous ces usages."),
        choices=[pair for pair in PURPOSES if pair[0] != _SHARING],
        initial=[Purpose.TRAINING.value, Purpose.EVALUATION.value],
        widget=forms.CheckboxSelectMultiple,
    )
    levels = forms.MultipleChoiceField(
        label=gettext_lazy("Ce qui est noté"),
        help_text=gettext_lazy("Plus on demande, plus c’est long : les sons prennent le plus de temps."),
        choices=Level.choices,
        initial=list(Level.values),
        widget=forms.CheckboxSelectMultiple,
    )
    most = forms.IntegerField(label=gettext_lazy("Lectures au plus"), initial=60, min_value=1, max_value=MOST_READINGS)
    raters_each = forms.IntegerField(
        label=gettext_lazy("Évaluateurs par lecture"), initial=3, min_value=1, max_value=MOST_RATERS
    )
    repeat_percent = forms.IntegerField(
        label=gettext_lazy("Part notée deux fois par la même personne (%)"),
        help_text=gettext_lazy("Pour savoir si chacun se juge lui-même pareil, sans le savoir. 0 : rien."),
        initial=10,
        min_value=0,
        max_value=50,
    )
    evaluators = Evaluators()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["school_class"].label_from_instance = lambda one: f"{one.school} — {one}"  # type: ignore[attr-defined]
        self.order_fields(["title", "language", "school", "school_class", "purposes", "levels", "most"])

    def clean(self) -> dict[str, Any]:
        """Refuse too few evaluators, and a class of another school or language."""
        data: dict[str, Any] = super().clean() or {}
        chosen, school = data.get("school_class"), data.get("school")
        if chosen is not None and school is not None and chosen.school_id != school.pk:
            self.add_error("school_class", _("Cette classe n’est pas de cet établissement."))
        elif chosen is not None and chosen.language != data.get("language"):
            self.add_error("school_class", _("Cette classe étudie une autre langue."))
        if data.get("evaluators") and data.get("raters_each"):
            try:
                _enough(list(data["evaluators"]), data["raters_each"])
            except forms.ValidationError as error:
                self.add_error("evaluators", error)
        return data

    @property
    def wanted(self) -> Wanted:
        """Which readings are asked for."""
        data = self.cleaned_data
        return Wanted(data["language"], tuple(data["purposes"]), data["school"], data["school_class"], data["most"])

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of the round itself."""
        names = ("title", "language", "purposes", "levels", "raters_each", "repeat_percent")
        return {name: self.cleaned_data[name] for name in names}


class FlagForm(DsfrBaseForm):  # type: ignore[misc]
    """Why a reading cannot be rated."""

    why = forms.ChoiceField(label=gettext_lazy("Ce qui ne va pas"), choices=Flag.choices, widget=forms.RadioSelect)
    comment = forms.CharField(
        label=gettext_lazy("Remarque"),
        help_text=gettext_lazy("N’écrivez aucun nom : dites seulement à quel moment cela s’entend."),
        required=False,
        max_length=300,
    )


def _enough(people: list[User], each: int) -> list[User]:
    if len(people) < each:
        raise forms.ValidationError(_("Il faut au moins %(n)s évaluateurs : chaque lecture en a autant.") % {"n": each})
    return people
