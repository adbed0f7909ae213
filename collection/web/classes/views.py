"""Classes and what a teacher sees of them."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.classes.forms import ClassForm
from collection.web.classes.models import SchoolClass
from collection.web.consents.answers import why_not, with_answers


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def class_list(request: Request) -> HttpResponse:
    """Show the classes the user may see."""
    classes = SchoolClass.objects.for_user(request.user).annotate(
        learner_count=Count("learners", distinct=True), session_count=Count("sessions", distinct=True)
    )
    return render(request, "classes/list.html", {"classes": classes.select_related("school")})


@allowed(Role.TEACHER)
def class_create(request: Request) -> HttpResponse:
    """Make a class of the teacher's own school."""
    school = request.user.own_school
    form = ClassForm(school, request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save(commit=False)
            made.school = school
            made.save()
            made.teachers.add(request.user)
            journal.record(request.user, "class.create", made)
        messages.success(request, _("La classe est créée. Ajoutez maintenant ses élèves."))
        return redirect("class-detail", class_id=made.pk)
    context = {
        "form": form,
        "title": _("Nouvelle classe"),
        "button": _("Créer la classe"),
        "back": reverse("class-list"),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def class_detail(request: Request, class_id: str) -> HttpResponse:
    """Show a class: its learners with the answer of their families, and its sessions."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    learners = [{"learner": learner, "reason": why_not(learner)} for learner in with_answers(found.learners.all())]
    context = {
        "class": found,
        "learners": learners,
        "yes": sum(one["reason"] is None for one in learners),
        "sessions": found.sessions.annotate(recording_count=Count("recordings")),
    }
    return render(request, "classes/detail.html", context)
