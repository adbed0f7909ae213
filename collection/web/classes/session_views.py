"""Reading sessions: made, put in order, and left alone once the first recording has come."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collection.consent import today
from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.classes import overview, reading, reading_order
from collection.web.classes.forms import NewSessionForm, SessionForm
from collection.web.classes.list_views import tell_doubts
from collection.web.classes.models import PromptList, ReadingSession, SchoolClass, SessionKind, Turn
from collection.web.classes.reading_order import Reading
from collection.web.consents.answers import why_not, with_answers

_LOCKED = gettext_lazy("Des enregistrements sont arrivés : la séance ne change plus.")


def session_of(request: Request, session_id: str) -> ReadingSession:
    """Return a session that the user may see, or answer 404."""
    sessions = ReadingSession.objects.for_user(request.user).select_related("school_class__school")
    return get_object_or_404(sessions, pk=session_id)


def _write(session: ReadingSession, turns: Sequence[Reading]) -> None:
    session.turns.all().delete()
    Turn.objects.bulk_create(
        Turn(session=session, position=position, text=turn.text, reader_id=turn.reader)
        for position, turn in enumerate(turns)
    )


@allowed(Role.TEACHER)
def session_create(request: Request, class_id: str) -> HttpResponse:
    """Make a session of a class, with the texts of a list, pasted ones, or both."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    lists = PromptList.objects.for_user(request.user).filter(language=found.language)
    form = NewSessionForm(found, lists, request.POST or None, initial={"held_on": today()})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = form.save(commit=False)
            made.school_class = found
            made.save()
            _write(made, [Reading(text) for text in form.texts])
            journal.record(request.user, "session.create", made, texts=len(form.texts), kind=made.kind)
        tell_doubts(request, form.doubts)
        if made.kind == SessionKind.CLASS:
            messages.info(request, _("Dites maintenant qui lit quoi, et dans quel ordre."))
            return redirect("session-order", session_id=made.pk)
        messages.success(request, _("La séance est créée."))
        return redirect("session-detail", session_id=made.pk)
    context = {
        "form": form,
        "title": _("Nouvelle séance de lecture"),
        "button": _("Créer la séance"),
        "back": reverse("class-detail", kwargs={"class_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def session_detail(request: Request, session_id: str) -> HttpResponse:
    """Show a session: what is read, by whom, and how many recordings there are."""
    found = session_of(request, session_id)
    counted = overview.sessions(found.school_class).get(pk=found.pk)
    context = {
        "session": counted,
        "class": found.school_class,
        "turns": found.turns.select_related("reader"),
        "by_turns": found.kind == SessionKind.CLASS,
        "mine": request.user.role == Role.TEACHER,
        "locked": found.recordings.exists(),
    }
    return render(request, "classes/session.html", context)


@allowed(Role.TEACHER)
def session_edit(request: Request, session_id: str) -> HttpResponse:
    """Change title, day or kind of a session that has no recording yet."""
    found = session_of(request, session_id)
    form = SessionForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            locked = ReadingSession.objects.select_for_update().get(pk=found.pk)
            if locked.recordings.exists():
                messages.error(request, str(_LOCKED))
            else:
                form.save()
                journal.record(request.user, "session.edit", found, fields=sorted(form.changed_data))
                messages.success(request, _("La séance est modifiée."))
        return redirect("session-detail", session_id=found.pk)
    context = {
        "form": form,
        "title": _("Modifier la séance"),
        "button": _("Enregistrer"),
        "back": reverse("session-detail", kwargs={"session_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER)
def session_delete(request: Request, session_id: str) -> HttpResponse:
    """Delete a session that has no recording yet."""
    found = session_of(request, session_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with transaction.atomic():
        locked = ReadingSession.objects.select_for_update().get(pk=found.pk)
        if locked.recordings.exists():
            messages.error(request, str(_LOCKED))
            return redirect("session-detail", session_id=found.pk)
        journal.record(request.user, "session.delete", locked)
        locked.delete()
    messages.success(request, _("La séance est supprimée."))
    return redirect("class-detail", class_id=found.school_class_id)


@allowed(Role.TEACHER)
def session_order(request: Request, session_id: str) -> HttpResponse:
    """Change the texts of a session, their order and who reads them, until the first recording has come."""
    found = session_of(request, session_id)
    learners = sorted(with_answers(found.school_class.learners.all()), key=overview.alphabetical)
    if request.method == "POST":
        with transaction.atomic():
            locked = ReadingSession.objects.select_for_update().get(pk=found.pk)
            if locked.recordings.exists():
                messages.error(request, str(_LOCKED))
                return redirect("session-detail", session_id=found.pk)
            agreeing = [one.pk for one in learners if why_not(one) is None]
            turns, focus = _acted(request.POST, {str(one.pk): one.pk for one in learners}, agreeing)
            checked = reading.check([turn.text for turn in turns], found.school_class.language)
            problems = reading.problems(checked)
            if not turns or len(turns) > reading.MOST_TEXTS:
                problems.append(_("Une séance a de 1 à %(n)d textes.") % {"n": reading.MOST_TEXTS})
            if not problems:
                _write(locked, turns)
                journal.record(request.user, "session.order", locked, texts=len(turns))
        if not problems:
            tell_doubts(request, reading.doubts(checked) if request.POST.get("new") else [])
            if "save" in request.POST:
                messages.success(request, _("L’ordre de lecture est enregistré."))
                return redirect("session-detail", session_id=found.pk)
            query = QueryDict(mutable=True)
            query["focus"] = focus
            return redirect(f"{reverse('session-order', kwargs={'session_id': found.pk})}?{query.urlencode()}")
        messages.error(request, " ".join(problems))
    else:
        turns = [Reading(turn.text, turn.reader_id) for turn in found.turns.all()]
    focus = request.GET.get("focus", "")
    focused, _colon, position = focus.partition(":")
    context = {
        "session": found,
        "class": found.school_class,
        "turns": [(number, turn, focused if position == str(number) else "") for number, turn in enumerate(turns)],
        "last": len(turns) - 1,
        "learners": [(one, why_not(one)) for one in learners],
        "by_turns": found.kind == SessionKind.CLASS,
        "focus": focus,
        "locked": found.recordings.exists(),
    }
    return render(request, "classes/order.html", context)


def _acted(form: QueryDict, known: dict[str, uuid.UUID], agreeing: Sequence[uuid.UUID]) -> tuple[list[Reading], str]:
    """Return the turns after the button that was pressed, and which button is to be focused next."""
    flat = {name: str(form[name]) for name in form}
    turns = reading_order.sent(flat, known)
    action, _colon, where = form.get("do", "").partition(":")
    position = int(where) if where.isascii() and where.isdigit() and len(where) < 5 else -1
    turns += [Reading(text) for text in reading.split(form.get("new", ""))]
    match action:
        case "up":
            return reading_order.moved(turns, position, -1), f"up:{max(position - 1, 0)}"
        case "down":
            return reading_order.moved(turns, position, 1), f"down:{min(position + 1, len(turns) - 1)}"
        case "remove":
            return reading_order.removed(turns, position), f"remove:{max(position - 1, 0)}"
        case "share":
            return reading_order.shared(turns, agreeing), "share"
    return turns, "new"
