"""Forms about consents."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from dsfr.forms import DsfrBaseForm
from dsfr.widgets import InlineRadioSelect

from collection.consent import today
from collection.errors import ParlureError
from collection.web.classes.models import Learner
from collection.web.consents import scans, speech
from collection.web.consents.models import PURPOSES, Notice
from collection.web.consents.scans import Scan

YES, NO, SILENT = "yes", "no", "none"
_LABELS = dict(PURPOSES)
OLDEST_DAYS = 365
"""Days after which a paper answer is no longer typed in: it would not hold any more."""


class AnswersForm(DsfrBaseForm):  # type: ignore[misc]
    """Yes or no for each purpose of a notice; nothing is chosen beforehand."""

    required_message = gettext_lazy("Choisissez oui ou non pour cet usage.")

    def __init__(self, notice: Notice, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notice = notice
        for purpose in notice.purposes:
            self.fields[purpose] = self.question(purpose)
        self.order_fields(notice.purposes)
        self.set_autofocus_on_first_error()

    def question(self, purpose: str) -> forms.ChoiceField:
        """Return the question about a purpose."""
        return forms.ChoiceField(
            label=_LABELS.get(purpose, purpose),
            choices=[(YES, _("Oui")), (NO, _("Non"))],
            widget=InlineRadioSelect,
            error_messages={"required": self.required_message},
        )

    @property
    def said(self) -> dict[str, bool]:
        """Answers by purpose; one without an answer is left out."""
        given = {purpose: self.cleaned_data.get(purpose) for purpose in self.notice.purposes}
        return {purpose: answer == YES for purpose, answer in given.items() if answer in (YES, NO)}


class PaperForm(AnswersForm):
    """What a signed sheet says, with a scan of it."""

    signed_on = forms.DateField(
        label=gettext_lazy("Date écrite sur la feuille"), widget=forms.DateInput(attrs={"type": "date"})
    )
    scan = forms.FileField(
        label=gettext_lazy("Photo ou PDF de la feuille signée"),
        help_text=gettext_lazy("JPEG, PNG ou PDF, 10 Mo au plus. Seuls vous et le responsable des données la verrez."),
    )
    accepted_scan: Scan | None = None

    def __init__(self, notice: Notice, learner: Learner, *args: Any, **kwargs: Any) -> None:
        self.learner = learner
        super().__init__(notice, *args, **kwargs)

    def question(self, purpose: str) -> forms.ChoiceField:
        """Return the question; on paper a family may have left it empty."""
        return forms.ChoiceField(
            label=_LABELS.get(purpose, purpose),
            choices=[(YES, _("Oui")), (NO, _("Non")), (SILENT, _("Rien de coché"))],
            widget=InlineRadioSelect,
            error_messages={"required": _("Choisissez ce qui est coché sur la feuille.")},
        )

    def clean_signed_on(self) -> date:
        """Accept a day that has come, not older than a signature holds, and after the birth of the learner."""
        day: date = self.cleaned_data["signed_on"]
        if day > today():
            raise ValidationError(_("Cette date n’est pas encore arrivée."))
        born = self.learner.birth_date
        if (today() - day).days > OLDEST_DAYS or (born is not None and day <= born):
            raise ValidationError(_("Cette date est trop ancienne : il faut une nouvelle signature."))
        return day

    def clean_scan(self) -> Any:
        """Accept what is a scan by its content."""
        self.accepted_scan = scans.accepted(self.cleaned_data["scan"])
        return self.cleaned_data["scan"]

    def clean(self) -> dict[str, Any]:
        """Refuse a sheet on which nothing is ticked."""
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and not self.said:
            self.add_error(self.notice.purposes[0], _("Rien n’est coché : la famille n’a pas répondu."))
        return data


class CodeForm(DsfrBaseForm):  # type: ignore[misc]
    """The code printed on a sheet."""

    code = forms.CharField(
        label=gettext_lazy("Code de votre feuille"),
        help_text=gettext_lazy("Huit lettres et chiffres. Majuscules, espaces et tirets n’ont pas d’importance."),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


class ContactForm(DsfrBaseForm):  # type: ignore[misc]
    """Where somebody can be written to."""

    email = forms.EmailField(
        label=gettext_lazy("Adresse électronique"),
        help_text=gettext_lazy("Laissez vide pour n’utiliser que la feuille imprimée."),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class VersionForm(DsfrBaseForm):  # type: ignore[misc]
    """What all texts of the first version say alike."""

    controller = forms.CharField(label=gettext_lazy("Responsable de traitement"), max_length=200)
    contact = forms.CharField(
        label=gettext_lazy("Contact des familles"),
        help_text=gettext_lazy("Adresse du délégué à la protection des données."),
        max_length=200,
    )
    recipients = forms.CharField(
        label=gettext_lazy("Partenaires à qui les voix peuvent être confiées"),
        help_text=gettext_lazy("Un par ligne, nommés en entier."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    retention_days = forms.IntegerField(
        label=gettext_lazy("Conservation (jours)"), min_value=30, max_value=3650, initial=3 * 365
    )

    def clean_recipients(self) -> list[str]:
        """Return one name a line."""
        return [line.strip() for line in self.cleaned_data["recipients"].splitlines() if line.strip()]


class NoticeTextForm(DsfrBaseForm, forms.ModelForm):  # type: ignore[misc,type-arg]
    """Title, text and, where somebody read it aloud, the sound of a notice that is not published yet."""

    sound = forms.FileField(
        label=gettext_lazy("Enregistrement de la lecture à voix haute"),
        help_text=gettext_lazy("Facultatif. Sans fichier, une voix de synthèse lit le texte."),
        required=False,
    )
    accepted_sound: bytes | None = None

    class Meta:
        """Fields a steward fills in."""

        model = Notice
        fields = ("title", "body")
        widgets = {"body": forms.Textarea(attrs={"rows": 24})}

    def clean_sound(self) -> Any:
        """Accept what our decoder accepts, within twenty minutes."""
        sound = self.cleaned_data["sound"]
        if sound is not None:
            if sound.size > speech.MAX_BYTES:
                raise ValidationError(_("Ce fichier est trop gros : 20 Mo au plus."))
            try:
                self.accepted_sound = speech.accepted(sound.read())
            except ParlureError as error:
                raise ValidationError(_("Ce fichier n’est pas un enregistrement que nous savons lire.")) from error
        return sound
