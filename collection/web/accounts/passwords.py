"""What a password may not be made of, beside what Django knows already."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from collection.web.accounts.models import User

_PORTAL = {"parlure", "portail", "college", "lycee", "ecole"}
_SHORTEST = 4
"""Letters of a word that counts; shorter ones stand in every sentence."""
_OWN = 8
"""Letters and digits that must be left of a password without the words everybody here knows."""


class NoWordsOfTheSchool:
    """Refuse a password that is little more than the name of the school or of the portal (ASVS 6.2.11)."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for such a password."""
        school = getattr(user, "school", None)
        words = _PORTAL | set(re.findall(r"[a-z0-9]+", slugify(school.name) if school else ""))
        left = slugify(password)
        for word in sorted((one for one in words if len(one) >= _SHORTEST), key=len, reverse=True):
            left = left.replace(word, "")
        if len(re.sub(r"[^a-z0-9]", "", left)) < _OWN and left != slugify(password):
            raise ValidationError(
                _("Ce mot de passe reprend surtout le nom de l’établissement ou du portail : prenez-en un autre."),
                code="words_of_the_school",
            )

    def get_help_text(self) -> str:
        """Say it beforehand."""
        return _("Votre mot de passe ne doit pas être fait du nom de l’établissement ou du portail.")
