"""Reading lists: a school's own, and the ones that a steward offers to everybody."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role, User
from collection.web.audit import journal
from collection.web.classes.forms import LANGUAGES, PromptListForm
from collection.web.classes.models import PromptList, PromptListQuerySet

_SHOWN = 8
"""Doubtful lines that are named in a message."""


def editable(user: User) -> PromptListQuerySet:
    """Return the lists that somebody may change: a teacher their school's, a steward the ones of no school."""
    lists = PromptList.objects.for_user(user)
    return lists.filter(school__isnull=True) if user.role == Role.STEWARD else lists.filter(school=user.own_school)


def tell_doubts(request: Request, doubts: Sequence[str]) -> None:
    """Say which words are in no dictionary; they may be names, and may be mistakes."""
    if doubts:
        more = _(" Et %(n)d autres lignes.") % {"n": len(doubts) - _SHOWN} if len(doubts) > _SHOWN else ""
        messages.warning(request, _("À relire : ") + " ".join(doubts[:_SHOWN]) + more)


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def list_list(request: Request) -> HttpResponse:
    """Show the lists that somebody may use."""
    lists = PromptList.objects.for_user(request.user).select_related("school")
    mine = set(editable(request.user).values_list("pk", flat=True)) if request.user.role != Role.HEAD else set()
    named = dict(LANGUAGES)
    rows = [(one, named.get(one.language, one.language), one.pk in mine) for one in lists]
    return render(request, "classes/lists.html", {"rows": rows})


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def list_detail(request: Request, list_id: str) -> HttpResponse:
    """Show the texts of a list."""
    found = get_object_or_404(PromptList.objects.for_user(request.user), pk=list_id)
    mine = request.user.role != Role.HEAD and editable(request.user).filter(pk=found.pk).exists()
    return render(request, "classes/list_detail.html", {"list": found, "mine": mine})


@allowed(Role.TEACHER, Role.STEWARD)
def list_create(request: Request) -> HttpResponse:
    """Make a list for one's school; a steward's is offered to every school."""
    form = PromptListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save(commit=False)
            made.texts = form.texts
            made.school = None if request.user.role == Role.STEWARD else request.user.own_school
            made.save()
            journal.record(request.user, "list.create", made, texts=len(made.texts))
        messages.success(request, _("La liste est créée."))
        tell_doubts(request, form.doubts)
        return redirect("list-detail", list_id=made.pk)
    context = {
        "form": form,
        "title": _("Nouvelle liste de lecture"),
        "lead": _("Un texte par ligne, tel que l’élève le lira. Évitez les noms de personnes réelles."),
        "button": _("Créer la liste"),
        "back": reverse("list-list"),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER, Role.STEWARD)
def list_edit(request: Request, list_id: str) -> HttpResponse:
    """Change a list; sessions made of it before keep their texts."""
    found = get_object_or_404(editable(request.user), pk=list_id)
    form = PromptListForm(request.POST or None, instance=found, initial={"lines": "\n".join(found.texts)})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            changed = form.save(commit=False)
            changed.texts = form.texts
            changed.save()
            journal.record(request.user, "list.edit", changed, texts=len(changed.texts))
        messages.success(request, _("La liste est modifiée. Les séances déjà créées gardent leurs textes."))
        tell_doubts(request, form.doubts)
        return redirect("list-detail", list_id=found.pk)
    context = {
        "form": form,
        "title": _("Modifier la liste"),
        "button": _("Enregistrer"),
        "back": reverse("list-detail", kwargs={"list_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER, Role.STEWARD)
def list_delete(request: Request, list_id: str) -> HttpResponse:
    """Delete a list; sessions made of it keep their texts."""
    found = get_object_or_404(editable(request.user), pk=list_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with transaction.atomic():
        journal.record(request.user, "list.delete", found)
        found.delete()
    messages.success(request, _("La liste est supprimée. Les séances déjà créées gardent leurs textes."))
    return redirect("list-list")
