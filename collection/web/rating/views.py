"""Pages of the evaluator: what there is to rate, one reading at a time, and its sound. Nothing tells who speaks."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.rating import flagging, queue
from collection.web.rating.forms import FlagForm
from collection.web.rating.models import Flag, Rating, Round
from collection.web.rating.sheet import sheet
from collection.web.recordings.playing import played

_LEFT = gettext_lazy("Cette lecture n’est plus à noter.")
_LEFT_LATE = gettext_lazy("Cette lecture n’est plus à noter : vos notes ne sont pas gardées, et rien n’est à refaire.")
_WITH = ("item__round", "item__segment__recording__session")


def _rating(request: Request, rating_id: str) -> Rating:
    return get_object_or_404(Rating.objects.for_user(request.user).select_related(*_WITH), pk=rating_id)


def _dealt(request: Request, rating_id: str) -> Rating | None:
    """Return a rating whose round may have been closed since its page was opened; none when it is gone."""
    return Rating.objects.dealt_to(request.user).select_related(*_WITH).filter(pk=rating_id).first()


def _gone(request: Request) -> HttpResponse:
    """Say that there is nothing to do: the same words for what was withdrawn and for what was never theirs."""
    return render(request, "rating/gone.html", {"late": request.method == "POST"}, status=404)


@allowed(Role.EVALUATOR)
def rating_queue(request: Request) -> HttpResponse:
    """Show an evaluator's rounds and how far they have come in each."""
    rounds = [(one, queue.progress(request.user, one)) for one in Round.objects.for_user(request.user)]
    return render(request, "rating/queue.html", {"rounds": rounds})


@allowed(Role.EVALUATOR)
def rating_next(request: Request, round_id: str) -> HttpResponse:
    """Go to what is to be rated next, or back to the rounds when nothing is."""
    found = get_object_or_404(Round.objects.for_user(request.user), pk=round_id)
    if not found.open:
        messages.warning(request, _("Ce tour est fermé pour l’instant."))
        return redirect("rating-queue")
    following = queue.progress(request.user, found).following
    if following is None:
        messages.success(request, _("Tout est noté dans ce tour. Merci !"))
        return redirect("rating-queue")
    return redirect("rating-rate", rating_id=following.pk)


@allowed(Role.EVALUATOR)
def rating_rate(request: Request, rating_id: str) -> HttpResponse:
    """Show one reading with its scales; keep what is given and go on. What comes too late is told what became of it.

    In a round that was closed meanwhile the marks stay as a draft; of a reading that left, nothing is kept or shown.
    """
    rating = _dealt(request, rating_id)
    if rating is None:
        return _gone(request)
    round_id, sent = rating.item.round_id, request.method == "POST"
    if not queue.playable(rating):
        messages.warning(request, _LEFT_LATE if sent else _LEFT)
        return redirect("rating-next", round_id=round_id)
    missing: list[str] = []
    if sent:
        pause = "pause" in request.POST
        try:
            missing = queue.save(request.user, rating, request.POST.dict(), finish=not pause)
            rating.refresh_from_db()
        except Rating.DoesNotExist:
            return _gone(request)
        if pause and rating.item.round.open:
            messages.success(request, _("C’est gardé : vous reprendrez où vous en étiez."))
            return redirect("rating-queue")
    if rating.finished_at is not None:
        return redirect("rating-next", round_id=round_id)
    if not rating.item.round.open:
        return render(request, "rating/closed.html", {**_sheet(rating, []), "late": sent})
    return render(request, "rating/rate.html", _page(request, rating, missing, FlagForm()))


@allowed(Role.EVALUATOR)
def rating_undo(request: Request, rating_id: str) -> HttpResponse:
    """Go back to the reading that was rated last, and to no other."""
    rating = _rating(request, rating_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if queue.take_back(request.user, rating):
        return redirect("rating-rate", rating_id=rating.pk)
    messages.warning(request, _("Seule la dernière lecture notée peut être reprise."))
    return redirect("rating-next", round_id=rating.item.round_id)


@allowed(Role.EVALUATOR)
def rating_flag(request: Request, rating_id: str) -> HttpResponse:
    """Take a reading out of the queue and say why; a name that was heard may be told of in a closed round too."""
    rating = _dealt(request, rating_id)
    if rating is None:
        return _gone(request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = FlagForm(request.POST)
    if not form.is_valid():
        if not rating.item.round.open or not queue.playable(rating):
            return redirect("rating-next", round_id=rating.item.round_id)
        return render(request, "rating/rate.html", _page(request, rating, [], form))
    flagging.flag(request.user, rating, Flag(form.cleaned_data["why"]), form.cleaned_data["comment"])
    messages.success(request, _("C’est signalé : cette lecture n’est plus à noter."))
    return redirect("rating-next", round_id=rating.item.round_id)


@allowed(Role.EVALUATOR)
def rating_audio(request: Request, rating_id: str) -> HttpResponse:
    """Play what is to be rated: cut out now, consent asked now, kept in no cache."""
    rating = _rating(request, rating_id)
    if not queue.playable(rating):
        raise PermissionDenied
    return played(request.user, "rating.play", rating, rating.item.segment)


def _page(request: Request, rating: Rating, missing: list[str], flag_form: FlagForm) -> dict[str, Any]:
    found = rating.item.round
    return {
        **_sheet(rating, missing),
        "progress": queue.progress(request.user, found),
        "before": queue.last(request.user, found),
        "missing": len(missing),
        "first_missing": missing[0] if missing else "",
        "flag_form": flag_form,
    }


def _sheet(rating: Rating, missing: list[str]) -> dict[str, Any]:
    found = rating.item.round
    return {
        "rating": rating,
        "round": found,
        "language": found.language,
        "text": rating.item.text,
        **sheet(rating.item, found, rating.marks, missing),
    }
