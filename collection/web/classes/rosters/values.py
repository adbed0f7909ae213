"""What a cell of a roster may say: names as they are written, dates, and the few codes of the other columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta

from django.utils.translation import gettext as _

from collection.consent import today
from collection.web.classes.rosters.columns import plain_words

LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
LONGEST_NAME = 100
_YOUNGEST, _OLDEST = 3, 110
_GENDERS = {
    "f": ["f", "feminin", "feminine", "female", "fille", "girl", "woman", "femme"],
    "m": ["m", "masculin", "masculine", "male", "garcon", "boy", "man", "homme", "g", "h"],
}
_LANGUAGES = {
    "fr": "francais french", "en": "anglais english", "de": "allemand german deutsch", "es": "espagnol spanish",
    "it": "italien italian", "pt": "portugais portuguese", "ar": "arabe arabic", "tr": "turc turkish",
    "ru": "russe russian", "uk": "ukrainien ukrainian", "zh": "chinois chinese mandarin", "vi": "vietnamien vietnamese",
    "pl": "polonais polish", "ro": "roumain romanian", "nl": "neerlandais dutch", "ta": "tamoul tamil",
    "fa": "persan persian farsi", "ps": "pachto pashto", "sq": "albanais albanian", "sr": "serbe serbian",
    "bm": "bambara", "wo": "wolof", "ln": "lingala", "ber": "berbere kabyle tamazight", "bg": "bulgare bulgarian",
}  # fmt: skip
"""Names of languages that French schools write, by BCP 47 code."""
_DATES = (
    r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
    r"(?P<d>\d{1,2})[/.\- ](?P<m>\d{1,2})[/.\- ](?P<y>\d{4})",
)
_TURNED = {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}
"""Marks that turn the direction of writing and could show a name as another."""


def name(text: str) -> str:
    """Return a name in Unicode's composed form; any script is kept. Raises ValueError with words for the teacher."""
    found = unicodedata.normalize("NFC", text)
    if not any(letter.isalpha() for letter in found):
        raise ValueError(_("le nom ou le prénom n’a pas de lettre"))
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") or letter in _TURNED for letter in found):
        raise ValueError(_("le nom contient un caractère invisible ou inconnu : écrivez-le de nouveau"))
    if len(found) > LONGEST_NAME:
        raise ValueError(_("le nom dépasse %(n)d caractères") % {"n": LONGEST_NAME})
    return found


def split_name(text: str) -> tuple[str, str]:
    """Return last and first name of ``ABADIE Inès``: the words in capitals come first."""
    words = text.split()
    capitals = 0
    while capitals < len(words) and words[capitals].upper() == words[capitals]:
        capitals += 1
    if not 0 < capitals < len(words):
        raise ValueError(
            _("on ne sait pas où finit le nom : écrivez-le en majuscules (ABADIE Inès), ou faites deux colonnes")
        )
    return " ".join(words[:capitals]), " ".join(words[capitals:])


def birth_date(text: str) -> date:
    """Return the date of ``14/03/2013`` or ``2013-03-14``; one that no learner can have is an error."""
    for pattern in _DATES:
        if match := re.fullmatch(pattern, text, re.ASCII):
            try:
                found = date(int(match["y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                break
            return plausible(found)
    raise ValueError(_("la date de naissance « %(text)s » n’existe pas : écrivez jour/mois/année") % {"text": text})


def plausible(born: date) -> date:
    """Return a date of birth if somebody in a class can have it."""
    age = (today() - born) / timedelta(days=365.25)
    if not _YOUNGEST <= age <= _OLDEST:
        raise ValueError(_("la date de naissance donne un âge impossible"))
    return born


def gender(text: str) -> str:
    """Return ``f`` or ``m``."""
    wanted = plain_words(text)
    for code, words in _GENDERS.items():
        if wanted in words:
            return code
    raise ValueError(_("le sexe « %(text)s » n’est pas compris : F, M ou rien") % {"text": text})


def first_language(text: str) -> str:
    """Return the BCP 47 code of a language given by its code or its name."""
    wanted = plain_words(text)
    for code, words in _LANGUAGES.items():
        if wanted == code or wanted in words.split():
            return code
    if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", text) and len(text) <= 16:
        return text
    raise ValueError(_("la langue « %(text)s » n’est pas connue : écrivez son code (fr, ar, tr…)") % {"text": text})


def level(text: str) -> str:
    """Return a level of the CEFR."""
    wanted = text.strip().upper()
    if wanted not in LEVELS:
        raise ValueError(_("le niveau « %(text)s » n’est pas du CECRL : A1 à C2, ou rien") % {"text": text})
    return wanted


READERS: dict[str, Callable[[str], str | date]] = {
    "last_name": name,
    "first_name": name,
    "birth_date": birth_date,
    "gender": gender,
    "first_language": first_language,
    "level": level,
}
"""How each column is read."""
