"""Forms about releases."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from dsfr.forms import DsfrBaseForm
from dsfr.widgets import CheckboxSelectMultiple, RadioSelect

from collection.schema import Purpose
from collection.voice import Transform
from collection.web.accounts.models import School
from collection.web.classes.forms import LANGUAGES
from collection.web.consents import notices
from collection.web.consents.models import PURPOSES
from collection.web.releases.making import taken_names

_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
_RESERVED = ("draft", "work", "lock")
DISGUISES = [
    (Transform.NONE.value, gettext_lazy("T1 — voix telles qu’elles sont, remises sous contrat")),
    (
        Transform.MCADAMS.value,
        gettext_lazy("T2 — voix déguisées par McAdams : le timbre change, la prononciation en souffre"),
    ),
    (
        Transform.WORLD.value,
        gettext_lazy("T2 — voix déguisées par WORLD : hauteur et timbre changent, la prononciation en souffre moins"),
    ),
]
DUTIES = {
    "re-identification": gettext_lazy(
        "Ne pas chercher qui est un élève, ni relier les élèves de deux jeux de données."
    ),
    "voice-cloning": gettext_lazy("Ne pas imiter ni cloner la voix d’un élève."),
    "biometric-identification": gettext_lazy("Ne reconnaître ni vérifier personne par ces voix."),
    "trait-inference": gettext_lazy("Ne déduire ni émotion, ni santé, ni caractère."),
    "distribute": gettext_lazy("Ne rien donner à d’autres : les familles savent à qui leurs voix sont confiées."),
    "deletion-notice": gettext_lazy(
        "Quand un élève s’en va : effacer ses lignes, leurs copies et les modèles qui en ont appris, dès l’avis reçu."
    ),
}
"""What a holder accepts (``odrl.jsonld``), by the name of the policy's term."""


class ProposeForm(DsfrBaseForm):  # type: ignore[misc]
    """What a release is to be made of, and for what."""

    name = forms.CharField(
        label=gettext_lazy("Nom du jeu de données"),
        help_text=gettext_lazy(
            "Minuscules sans accent, chiffres, points et tirets, comme 2026-automne. Un nom ne sert qu’une fois."
        ),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    schools = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Établissements"),
        help_text=gettext_lazy("Ne cochez rien pour les prendre tous."),
        queryset=School.objects.none(),
        required=False,
        widget=CheckboxSelectMultiple,
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Langue lue"), required=False, choices=[("", gettext_lazy("Toutes")), *LANGUAGES]
    )
    transform = forms.ChoiceField(
        label=gettext_lazy("Voix"),
        help_text=gettext_lazy("Un déguisement n’est pas l’anonymat : ce qu’il vaut est écrit dans l’aperçu."),
        choices=DISGUISES,
        initial=Transform.NONE.value,
        widget=RadioSelect,
    )
    purposes = forms.MultipleChoiceField(
        label=gettext_lazy("Usages"),
        help_text=gettext_lazy("Un élève n’y entre que si tous les usages cochés sont acceptés."),
        choices=PURPOSES,
        initial=[Purpose.TRAINING.value, Purpose.EVALUATION.value],
        widget=CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Cochez au moins un usage.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["schools"].queryset = School.objects.order_by("name")
        notice = notices.current()
        if notice is not None:
            self.fields["purposes"].choices = [one for one in PURPOSES if one[0] in notice.purposes]
        self.set_autofocus_on_first_error()

    def clean_name(self) -> str:
        """Accept a name that a folder may have, and that was never given."""
        name: str = self.cleaned_data["name"].strip()
        if not _NAME.fullmatch(name) or name.rpartition(".")[2] in _RESERVED:
            raise ValidationError(_("Minuscules sans accent, chiffres, et entre eux un point ou un tiret."))
        if name in taken_names():
            raise ValidationError(
                _("Ce nom a déjà servi : deux jeux du même nom pourraient être reliés. Choisissez-en un autre.")
            )
        return name

    def clean_purposes(self) -> list[str]:
        """Refuse sharing alone: it says to whom, and not what for."""
        purposes: list[str] = self.cleaned_data["purposes"]
        if purposes == [Purpose.SHARING.value]:
            raise ValidationError(_("Cochez aussi ce que le partenaire a le droit d’en faire."))
        return purposes


class RejectForm(DsfrBaseForm):  # type: ignore[misc]
    """Why a proposal is refused."""

    note = forms.CharField(
        label=gettext_lazy("Pourquoi"),
        help_text=gettext_lazy("Sans nom d’élève : ce motif reste affiché."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class HandoverForm(DsfrBaseForm):  # type: ignore[misc]
    """To whom a release is handed, what for, and that the duties are accepted."""

    organisation = forms.ChoiceField(
        label=gettext_lazy("Organisme"),
        help_text=gettext_lazy("Seulement qui est nommé dans la notice de toutes les familles de ce jeu."),
    )
    purpose = forms.ChoiceField(label=gettext_lazy("Pour quel usage"))
    note = forms.CharField(label=gettext_lazy("Pour quoi faire, en une phrase"), max_length=300, widget=forms.TextInput)
    accept = forms.BooleanField(
        label=gettext_lazy("L’organisme s’engage à respecter ces obligations."),
        error_messages={"required": gettext_lazy("Sans cet engagement, rien ne peut être remis.")},
    )

    def __init__(self, purposes: list[str], organisations: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].choices = [(one, one) for one in organisations]
        self.fields["purpose"].choices = [
            one for one in PURPOSES if one[0] in purposes and one[0] != Purpose.SHARING.value
        ]
        if "target" in self.fields:
            self.fields["target"].choices = [(one, one) for one in settings.RELEASE_TARGETS]
        self.set_autofocus_on_first_error()


class PublishForm(HandoverForm):
    """The same, and one of the places that the environment allows."""

    target = forms.ChoiceField(
        label=gettext_lazy("Destination"),
        help_text=gettext_lazy(
            "Les destinations permises sont fixées à l’installation ; le jeu y a son propre dossier."
        ),
    )
    field_order = ["target", "organisation", "purpose", "note", "accept"]
