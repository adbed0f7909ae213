"""What every page is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collection.web.accounts.models import Role, User

MENU = (
    ("class-list", _("Mes classes"), {Role.TEACHER}),
    ("class-list", _("Classes"), {Role.HEAD, Role.STEWARD}),
    ("list-list", _("Listes de lecture"), {Role.TEACHER, Role.STEWARD}),
    ("school-list", _("Mon établissement"), {Role.HEAD}),
    ("school-list", _("Établissements"), {Role.STEWARD}),
    ("equipment", _("Matériel"), {Role.HEAD, Role.STEWARD}),
    ("audit-list", _("Journal"), {Role.STEWARD}),
    ("notice-list", _("Notices"), {Role.STEWARD}),
    ("withdrawal-list", _("Accords repris"), {Role.STEWARD}),
    ("release-list", _("Jeux de données"), {Role.STEWARD}),
    ("round-list", _("Notation"), {Role.STEWARD}),
    ("rating-queue", _("À noter"), {Role.EVALUATOR}),
)
"""Name of the page, its title, and who sees it in the menu."""


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the menu of the person signed in, and whether this is the demonstration."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"menu": [], "demo": settings.DEMO}
    menu = [(reverse(page), title) for page, title, roles in MENU if user.role in roles]
    return {"menu": menu, "demo": settings.DEMO}
