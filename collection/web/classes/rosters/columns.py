"""Which column of a school's export is what: headers of Pronote, of other registers, and of our own export."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext as _

from collection.web.classes.rosters.sheets import SheetError

FULL_NAME = "full_name"
CLASS = "class"
CODE = "code"

_HEADERS = {
    "last_name": "nom, nom de famille, nom d usage, nom eleve, nom de l eleve, last name, surname, family name",
    "first_name": "prenom, prenoms, prenom eleve, prenom de l eleve, first name, first names, given name, forename",
    FULL_NAME: "eleve, eleves, nom prenom, nom et prenom, nom complet, full name, name, student, pupil, learner",
    "birth_date": "ne e le, ne le, nee le, date de naissance, naissance, birth date, birthdate, date of birth, dob",
    "gender": "sexe, genre, gender, sex",
    "first_language": "langue maternelle, langue parlee a la maison, first language, mother tongue, native language",
    "level": "niveau cecrl, cecrl, cefr, cefr level, level cefr",
    CLASS: "classe, classes, division, class",
    CODE: "code, code parlure",
}
"""Headers as ``plain_words`` gives them. Pronote's "Niveau" is a year of school, not a CEFR level: it is left alone."""
_FIELDS = {header: field for field, headers in _HEADERS.items() for header in headers.split(", ")}
_DEEPEST = 10
"""Rows in which the header is looked for: exports begin with a title."""


def plain_words(text: str) -> str:
    """Return a text in lower case, without accents, each run of other signs as one space."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", " ", bare).strip()


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """Return the index of the header row and the column of each field; raises SheetError when there is none."""
    for number, row in enumerate(rows[:_DEEPEST]):
        columns: dict[str, int] = {}
        for column, title in enumerate(row):
            field = _FIELDS.get(plain_words(title))
            if field is not None and field not in columns:
                columns[field] = column
        if {"last_name", "first_name"} <= columns.keys():
            columns.pop(FULL_NAME, None)
            return number, columns
        if FULL_NAME in columns:
            return number, columns
    raise SheetError(
        _("Les colonnes « Nom » et « Prénom » sont introuvables : la première ligne doit porter le titre des colonnes.")
    )
