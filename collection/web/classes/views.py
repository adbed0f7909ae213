"""Classes and what a teacher, a head and a steward see of them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role, School, User
from collection.web.audit import journal
from collection.web.classes import overview
from collection.web.classes.forms import ClassForm
from collection.web.classes.models import SchoolClass

SCHOOLS = 10
"""Schools a page."""


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def class_list(request: Request) -> HttpResponse:
    """Show the classes the user may see."""
    classes = SchoolClass.objects.for_user(request.user).annotate(
        learner_count=Count("learners", distinct=True), session_count=Count("sessions", distinct=True)
    )
    ordered = classes.select_related("school").order_by("-year", "school__name", "name")
    return render(request, "classes/list.html", {"classes": ordered})


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


@allowed(Role.TEACHER)
def class_edit(request: Request, class_id: str) -> HttpResponse:
    """Change name, year, language or level of a class."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    form = ClassForm(found.school, request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            journal.record(request.user, "class.edit", found, fields=sorted(form.changed_data))
        messages.success(request, _("La classe est modifiée."))
        return redirect("class-detail", class_id=found.pk)
    context = {
        "form": form,
        "title": _("Modifier la classe"),
        "button": _("Enregistrer"),
        "back": reverse("class-detail", kwargs={"class_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def class_detail(request: Request, class_id: str) -> HttpResponse:
    """Show a class: what is missing, its learners with the answer of their families, and its sessions with counts."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    context = {
        "class": found,
        "overview": overview.of_class(found),
        "sessions": overview.sessions(found),
        "teachers": found.teachers.order_by("last_name", "username"),
        "mine": request.user.role == Role.TEACHER,
    }
    return render(request, "classes/detail.html", context)


@allowed(Role.TEACHER)
def class_teachers(request: Request, class_id: str) -> HttpResponse:
    """Add a colleague of the same school to a class, or take one off; somebody always stays."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    colleagues = User.objects.filter(role=Role.TEACHER, school=found.school, is_active=True)
    others = colleagues.exclude(classes=found).order_by("last_name", "username")
    if request.method == "POST":
        with transaction.atomic():
            locked = SchoolClass.objects.select_for_update().get(pk=found.pk)
            if who := request.POST.get("add"):
                added = get_object_or_404(others, username=who)
                locked.teachers.add(added)
                journal.record(request.user, "class.teacher.add", locked, teacher=str(added.pk))
                messages.success(request, _("Votre collègue voit maintenant cette classe."))
            elif who := request.POST.get("remove"):
                removed = get_object_or_404(locked.teachers.all(), username=who)
                if locked.teachers.count() == 1:
                    messages.error(request, _("Une classe garde toujours un enseignant : ajoutez d’abord un collègue."))
                else:
                    locked.teachers.remove(removed)
                    journal.record(request.user, "class.teacher.remove", locked, teacher=str(removed.pk))
                    messages.success(request, _("Cette personne ne voit plus la classe."))
                    if removed == request.user:
                        return redirect("class-list")
        return redirect("class-teachers", class_id=found.pk)
    context = {"class": found, "teachers": found.teachers.order_by("last_name", "username"), "others": others}
    return render(request, "classes/teachers.html", context)


@allowed(Role.HEAD, Role.STEWARD)
def school_list(request: Request) -> HttpResponse:
    """Show totals of the head's school, or of every school to a steward, class by class."""
    schools = School.objects.order_by("name")
    if request.user.role == Role.HEAD:
        schools = schools.filter(pk=request.user.own_school.pk)
    page = Paginator(schools, SCHOOLS).get_page(request.GET.get("page"))
    context = {"page": page, "schools": [overview.of_school(school) for school in page]}
    return render(request, "classes/schools.html", context)
