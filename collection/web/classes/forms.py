"""Forms about classes."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from dsfr.forms import DsfrBaseForm

from collection.web.accounts.models import School
from collection.web.classes.models import SchoolClass

LANGUAGES = [("en", "anglais"), ("fr", "français"), ("de", "allemand"), ("es", "espagnol")]
"""Languages the pipeline can transcribe into phones."""
LEVELS = [("", "—"), *((level, level) for level in ("A1", "A2", "B1", "B2", "C1", "C2"))]


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
