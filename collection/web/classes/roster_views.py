"""The roster of a class: from a file and back, and learner by learner."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.classes import overview
from collection.web.classes.forms import LearnerForm, RosterFileForm
from collection.web.classes.models import Learner, SchoolClass
from collection.web.classes.rosters import applying, preview
from collection.web.classes.rosters.sheets import SheetError
from collection.web.classes.rosters.writing import csv_answer

EXPORTED = ("code", *preview.FIELDS)
HEADERS = {
    "code": gettext_lazy("Code"),
    "last_name": gettext_lazy("Nom"),
    "first_name": gettext_lazy("Prénom"),
    "birth_date": gettext_lazy("Né(e) le"),
    "gender": gettext_lazy("Sexe"),
    "first_language": gettext_lazy("Langue maternelle"),
    "level": gettext_lazy("Niveau (CECRL)"),
}
"""Column titles of an export; the same file can be imported."""


def _class(request: Request, class_id: str) -> SchoolClass:
    return get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)


def _kept(class_id: object) -> str:
    """Return the name under which a preview waits in the session of who sent the file."""
    return f"roster-{class_id}"


@allowed(Role.TEACHER)
def roster_import(request: Request, class_id: str) -> HttpResponse:
    """Take a file, keep its lines in the session on the server, and show what they would do."""
    found = _class(request, class_id)
    form = RosterFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            request.session[_kept(found.pk)] = preview.records(form.cleaned_data["file"], found.name)
            return redirect("roster-preview", class_id=found.pk)
        except SheetError as error:
            form.add_error("file", str(error))
    return render(request, "classes/import.html", {"class": found, "form": form})


@allowed(Role.TEACHER)
def roster_preview(request: Request, class_id: str) -> HttpResponse:
    """Show what the file would do, line by line; POST does it, whole or not at all."""
    found = _class(request, class_id)
    kept: list[preview.Record] | None = request.session.get(_kept(found.pk))
    if kept is None:
        return redirect("roster-import", class_id=found.pk)
    if request.method == "POST":
        try:
            done = applying.apply(found, kept, request.user)
        except SheetError as error:
            messages.error(request, str(error))
            return redirect("roster-preview", class_id=found.pk)
        del request.session[_kept(found.pk)]
        counts = done.counts
        messages.success(
            request,
            _("Liste enregistrée : %(new)d nouveaux, %(changed)d modifiés, %(unchanged)d inchangés.") % counts,
        )
        return redirect("class-detail", class_id=found.pk)
    labels = {name: Learner._meta.get_field(name).verbose_name for name in preview.FIELDS}  # type: ignore[union-attr]
    compared = applying.compared(found, kept)
    lines = [
        {"line": line, "changes": [(labels[name], before, after) for name, before, after in line.changes]}
        for line in compared.lines
    ]
    return render(request, "classes/preview.html", {"class": found, "preview": compared, "lines": lines})


@allowed(Role.TEACHER, Role.HEAD)
def roster_export(request: Request, class_id: str) -> HttpResponse:
    """Send the roster as CSV; who took it is in the journal."""
    found = _class(request, class_id)
    learners = sorted(found.learners.all(), key=overview.alphabetical)
    with transaction.atomic():
        journal.record(request.user, "roster.export", found, learners=len(learners))
    rows = [[_exported(getattr(one, name)) for name in EXPORTED] for one in learners]
    return csv_answer(f"classe-{found.pk}", [str(HEADERS[name]) for name in EXPORTED], rows)


def _exported(value: Any) -> str:
    return f"{value:%d/%m/%Y}" if hasattr(value, "strftime") else str(value or "")


@allowed(Role.TEACHER)
def learner_create(request: Request, class_id: str) -> HttpResponse:
    """Add one learner by hand."""
    found = _class(request, class_id)
    form = LearnerForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        if found.learners.count() >= applying.MOST_LEARNERS:
            form.add_error(None, _("Une classe a au plus %(n)d élèves.") % {"n": applying.MOST_LEARNERS})
        else:
            with transaction.atomic():
                learner = form.save(commit=False)
                learner.school_class = found
                learner.save()
                journal.record(request.user, "learner.create", learner)
            messages.success(request, _("L’élève est ajouté."))
            return redirect("class-detail", class_id=found.pk)
    context = {
        "form": form,
        "title": _("Ajouter un élève"),
        "button": _("Ajouter"),
        "back": reverse("class-detail", kwargs={"class_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER)
def learner_edit(request: Request, learner_id: str) -> HttpResponse:
    """Correct what the class list says of a learner."""
    learner = get_object_or_404(Learner.objects.for_user(request.user).select_related("school_class"), pk=learner_id)
    form = LearnerForm(learner.school_class, request.POST or None, instance=learner)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            journal.record(request.user, "learner.edit", learner, fields=sorted(form.changed_data))
        messages.success(request, _("La fiche est modifiée."))
        return redirect("class-detail", class_id=learner.school_class_id)
    return render(request, "classes/learner.html", {"form": form, "learner": learner, "class": learner.school_class})


@allowed(Role.TEACHER)
def learner_remove(request: Request, learner_id: str) -> HttpResponse:
    """Take a learner off the list; one whose family answered, or who was recorded, must withdraw instead."""
    learner = get_object_or_404(Learner.objects.for_user(request.user).select_related("school_class"), pk=learner_id)
    if request.method == "POST":
        with transaction.atomic():
            locked = Learner.objects.select_for_update().get(pk=learner.pk)
            if why := _bound(locked):
                messages.error(request, why)
                return redirect("learner-remove", learner_id=learner.pk)
            journal.record(request.user, "learner.remove", locked)
            if consent := getattr(locked, "consent", None):
                consent.delete()  # asked, never answered
            locked.delete()
        messages.success(request, _("L’élève est retiré de la liste."))
        return redirect("class-detail", class_id=learner.school_class_id)
    context = {"learner": learner, "class": learner.school_class, "why_not": _bound(learner)}
    return render(request, "classes/remove.html", context)


def _bound(learner: Learner) -> str:
    """Return why a learner cannot just be taken off the list, or nothing."""
    if learner.recordings.exists() or learner.segments.exists():
        return _("Cet élève a été enregistré : sa voix doit d’abord être retirée, par le retrait de son accord.")
    consent = getattr(learner, "consent", None)
    if consent is not None and (consent.signatures.exists() or consent.events.exists()):
        return _("Sa famille a déjà répondu : sa réponse est une preuve à garder. Passez par le retrait de l’accord.")
    return ""
