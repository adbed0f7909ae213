"""Forms about classes, learners, reading lists and sessions."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from dsfr.forms import DsfrBaseForm

from collection.web.accounts.models import School
from collection.web.classes import reading
from collection.web.classes.models import Learner, PromptList, ReadingSession, SchoolClass, SessionKind
from collection.web.classes.rosters import sheets, values
from collection.web.classes.rosters.preview import too_young_to_have_signed

LANGUAGES = [
    ("en", gettext_lazy("anglais")),
    ("fr", gettext_lazy("français")),
    ("de", gettext_lazy("allemand")),
    ("es", gettext_lazy("espagnol")),
]
"""Languages the pipeline can transcribe into phones."""
LEVELS = [("", "—"), *((level, level) for level in values.LEVELS)]


class ClassForm(DsfrBaseForm, forms.ModelForm):  # type: ignore[misc,type-arg]
    """Name, year, language and level of a class."""

    language = forms.ChoiceField(label=SchoolClass._meta.get_field("language").verbose_name, choices=LANGUAGES)
    level = forms.ChoiceField(label=SchoolClass._meta.get_field("level").verbose_name, choices=LEVELS, required=False)

    class Meta:
        """Fields a teacher fills in."""

        model = SchoolClass
        fields = ("name", "year", "language", "level")

    def __init__(self, school: School, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.school = school

    def clean_year(self) -> str:
        """Accept ``2026-2027`` only."""
        year: str = self.cleaned_data["year"]
        match = re.fullmatch(r"(\d{4})-(\d{4})", year)
        if match is None or int(match[2]) != int(match[1]) + 1:
            raise ValidationError(_("Écrivez l’année scolaire ainsi : 2026-2027."))
        return year

    def clean(self) -> dict[str, Any]:
        """Refuse a second class of the same name in a year."""
        data: dict[str, Any] = super().clean() or {}
        others = SchoolClass.objects.filter(school=self.school, name=data.get("name"), year=data.get("year"))
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("Une classe de ce nom existe déjà cette année dans votre établissement."))
        return data


class RosterFileForm(DsfrBaseForm):  # type: ignore[misc]
    """A class list as a file."""

    file = forms.FileField(
        label=gettext_lazy("Liste de la classe (.csv ou .xlsx, 2 Mo au plus)"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx", "class": "fr-upload"}),
    )

    def clean_file(self) -> list[list[str]]:
        """Return the rows of the file."""
        sent = self.cleaned_data["file"]
        try:
            # Never more than one byte over the limit is taken into memory.
            return sheets.rows_of(sent.read(sheets.MOST_BYTES + 1))
        except sheets.SheetError as error:
            raise ValidationError(str(error)) from error


class LearnerForm(DsfrBaseForm, forms.ModelForm):  # type: ignore[misc,type-arg]
    """What the class list says of a learner; the same values are refused as in a file."""

    birth_date = forms.DateField(
        label=Learner._meta.get_field("birth_date").verbose_name,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    gender = forms.ChoiceField(
        label=Learner._meta.get_field("gender").verbose_name,
        required=False,
        choices=[("", "—"), ("f", gettext_lazy("fille")), ("m", gettext_lazy("garçon"))],
    )
    level = forms.ChoiceField(label=Learner._meta.get_field("level").verbose_name, choices=LEVELS, required=False)

    class Meta:
        """Everything but the code, which the portal chooses."""

        model = Learner
        fields = ("last_name", "first_name", "birth_date", "gender", "first_language", "level")

    def __init__(self, school_class: SchoolClass, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.school_class = school_class

    def _as_in_a_file(self, name: str) -> Any:
        text = " ".join(str(self.cleaned_data[name]).split())
        try:
            return values.READERS[name](text) if text else ""
        except ValueError as error:
            raise ValidationError(str(error).capitalize()) from error

    def clean_last_name(self) -> Any:
        """Accept what a file may say."""
        return self._as_in_a_file("last_name")

    def clean_first_name(self) -> Any:
        """Accept what a file may say."""
        return self._as_in_a_file("first_name")

    def clean_first_language(self) -> Any:
        """Accept a code or the name of a language."""
        return self._as_in_a_file("first_language")

    def clean_birth_date(self) -> date | None:
        """Refuse a day on which nobody of a class was born, and one after a signature."""
        born: date | None = self.cleaned_data["birth_date"]
        if born is None:
            return None
        try:
            values.plausible(born)
        except ValueError as error:
            raise ValidationError(str(error).capitalize()) from error
        known = Learner.objects.filter(pk=self.instance.pk)
        signed_on = known.aggregate(first=Min("consent__signatures__signed_on"))["first"]
        for problem in too_young_to_have_signed(born, signed_on):
            raise ValidationError(problem.capitalize())
        return born

    def clean(self) -> dict[str, Any]:
        """Refuse the same learner twice."""
        data: dict[str, Any] = super().clean() or {}
        twins = self.school_class.learners.filter(
            last_name=data.get("last_name"), first_name=data.get("first_name"), birth_date=data.get("birth_date")
        )
        if twins.exclude(pk=self.instance.pk).exists():
            self.add_error("last_name", _("Cet élève est déjà dans la classe."))
        return data


def read_texts(form: forms.BaseForm, lines: str, language: str, field: str = "lines") -> tuple[list[str], list[str]]:
    """Return the texts of a pasted block and the doubts about them; what cannot be used is an error of the form."""
    texts = reading.split(lines)
    if len(texts) > reading.MOST_TEXTS:
        form.add_error(field, _("Au plus %(n)d textes.") % {"n": reading.MOST_TEXTS})
        return [], []
    checked = reading.check(texts, language)
    for problem in reading.problems(checked):
        form.add_error(field, problem)
    return texts, reading.doubts(checked)


class TextsField(forms.CharField):
    """Texts to be read, one a line; their words are checked by ``collection.web.classes.reading``."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 10, "spellcheck": "true"}))
        super().__init__(strip=True, **kwargs)


class PromptListForm(DsfrBaseForm, forms.ModelForm):  # type: ignore[misc,type-arg]
    """A reading list: a title, a language, one text a line."""

    language = forms.ChoiceField(label=PromptList._meta.get_field("language").verbose_name, choices=LANGUAGES)
    lines = TextsField(label=gettext_lazy("Textes à lire, un par ligne"))

    class Meta:
        """The texts are read from ``lines``."""

        model = PromptList
        fields = ("title", "language")

    def clean(self) -> dict[str, Any]:
        """Refuse texts that nobody could read in that language; ``doubts`` are words to look at once more."""
        data: dict[str, Any] = super().clean() or {}
        self.doubts: list[str] = []
        if data.get("lines") and data.get("language"):
            self.texts, self.doubts = read_texts(self, data["lines"], data["language"])
        return data


class SessionForm(DsfrBaseForm, forms.ModelForm):  # type: ignore[misc,type-arg]
    """Title, day and kind of a session."""

    held_on = forms.DateField(
        label=ReadingSession._meta.get_field("held_on").verbose_name,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    kind = forms.ChoiceField(label=ReadingSession._meta.get_field("kind").verbose_name, choices=SessionKind.choices)

    class Meta:
        """What a teacher says of a session."""

        model = ReadingSession
        fields = ("title", "held_on", "kind")


class NewSessionForm(SessionForm):
    """A session with its texts: of a list, pasted, or both."""

    prompt_list = forms.ModelChoiceField(
        label=gettext_lazy("Liste de lecture"), queryset=PromptList.objects.none(), required=False, empty_label="—"
    )
    lines = TextsField(label=gettext_lazy("Ou textes collés ici, un par ligne"), required=False)

    def __init__(self, school_class: SchoolClass, lists: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.language = school_class.language
        self.fields["prompt_list"].queryset = lists  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for texts: those of the list first, then the pasted ones."""
        data: dict[str, Any] = super().clean() or {}
        chosen = data.get("prompt_list")
        self.texts: list[str] = list(chosen.texts) if chosen else []
        self.doubts: list[str] = []
        if data.get("lines"):
            pasted, self.doubts = read_texts(self, data["lines"], self.language)
            self.texts += pasted
        if len(self.texts) > reading.MOST_TEXTS:
            self.add_error("lines", _("Au plus %(n)d textes.") % {"n": reading.MOST_TEXTS})
        if not data.get("prompt_list") and not data.get("lines") and "lines" not in self.errors:
            self.add_error("prompt_list", _("Choisissez une liste, ou collez des textes."))
        return data
