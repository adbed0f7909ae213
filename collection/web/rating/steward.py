"""Pages of the data steward about rounds: making them, how far they are, how far the raters agree."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.consents.models import PURPOSES
from collection.web.rating import rounds
from collection.web.rating.figures import FEWEST, figures
from collection.web.rating.forms import EvaluatorsForm, RoundForm
from collection.web.rating.models import Item, Level, Rating, Round
from collection.web.words import in_words


def _round(request: Request, round_id: str) -> Round:
    return get_object_or_404(Round.objects.for_user(request.user), pk=round_id)


@allowed(Role.STEWARD)
def round_list(request: Request) -> HttpResponse:
    """Show every round and how far it is."""
    found = []
    for one in Round.objects.for_user(request.user):
        ratings = Rating.objects.filter(item__round=one, item__in=Item.objects.live())
        found.append((one, ratings.filter(finished_at__isnull=False).count(), ratings.count()))
    return render(request, "rating/rounds.html", {"rounds": found})


@allowed(Role.STEWARD)
def round_create(request: Request) -> HttpResponse:
    """Count what a round would have, then make it."""
    form = RoundForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        chosen = rounds.choose(form.wanted)
        if chosen.segments and "count" not in request.POST:
            made = rounds.create(request.user, form.settings, list(form.cleaned_data["evaluators"]), chosen)
            messages.success(request, _("Le tour est ouvert : les évaluateurs peuvent commencer."))
            return redirect("round-detail", round_id=made.pk)
        each, raters = form.cleaned_data["raters_each"], len(form.cleaned_data["evaluators"])
        context |= {
            "chosen": chosen,
            "readings": len(chosen.segments),
            "for_each": -(-len(chosen.segments) * each // raters),
            "left_out": [(in_words(reason), count) for reason, count in sorted(chosen.left_out.items())],
        }
    return render(request, "rating/create.html", context)


@allowed(Role.STEWARD)
def round_detail(request: Request, round_id: str) -> HttpResponse:
    """Show progress, agreement, raters and what they flagged."""
    found = _round(request, round_id)
    labels = dict(PURPOSES)
    context = {
        "round": found,
        "figures": figures(found),
        "fewest": FEWEST,
        "items": found.items.count(),
        "flagged": found.items.exclude(flag="").select_related("segment").order_by("-flagged_at"),
        "levels": [Level(level).label for level in found.levels],
        "purposes": [labels[purpose] for purpose in found.purposes],
    }
    return render(request, "rating/round.html", context)


@allowed(Role.STEWARD)
def round_evaluators(request: Request, round_id: str) -> HttpResponse:
    """Change who rates; what is not begun is dealt anew."""
    found = _round(request, round_id)
    form = EvaluatorsForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        rounds.change_evaluators(request.user, found, form.cleaned_data["evaluators"])
        messages.success(request, _("Ce qui n’était pas commencé est réparti de nouveau."))
        return redirect("round-detail", round_id=found.pk)
    context = {
        "form": form,
        "title": _("Évaluateurs du tour « %(title)s »") % {"title": found.title},
        "lead": _("Ce qui est déjà noté reste. Ce qui n’est pas commencé est réparti de nouveau."),
        "button": _("Enregistrer"),
        "back": reverse("round-detail", kwargs={"round_id": found.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.STEWARD)
def round_open(request: Request, round_id: str) -> HttpResponse:
    """Close a round, or open it again."""
    found = _round(request, round_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    wanted = request.POST.get("open") == "yes"
    with transaction.atomic():
        if Round.objects.filter(pk=found.pk).exclude(open=wanted).update(open=wanted):
            journal.record(request.user, "round.open" if wanted else "round.close", found)
    return redirect("round-detail", round_id=found.pk)


@allowed(Role.STEWARD)
def round_delete(request: Request, round_id: str) -> HttpResponse:
    """Delete a round with everything that was given in it, once that was said twice."""
    found = _round(request, round_id)
    finished = Rating.objects.filter(item__round=found, finished_at__isnull=False).count()
    if request.method == "POST" and request.POST.get("sure") == "yes":
        with transaction.atomic():
            journal.record(request.user, "round.delete", found, ratings=finished)
            found.delete()
        messages.success(request, _("Le tour est détruit, avec toutes ses notes."))
        return redirect("round-list")
    return render(request, "rating/delete.html", {"round": found, "finished": finished})
