"""Releases as a data steward sees them: the list, a proposal, its preview, and the decision."""

from __future__ import annotations

from collections import defaultdict

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from collection.errors import ParlureError
from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.classes.forms import LANGUAGES
from collection.web.releases import deciding, disguise, figures, listing, shelf, standing
from collection.web.releases.forms import DISGUISES, ProposeForm, RejectForm
from collection.web.releases.making import build_draft
from collection.web.releases.models import Holder, Proposal, State
from collection.web.words import in_words


@allowed(Role.STEWARD)
def release_list(request: Request) -> HttpResponse:
    """Show every release with how it stands and who has it; what was made by command too."""
    rows = listing.rows(request.user)
    pending = any(row.proposal and row.proposal.state in (State.WAITING, State.BUILDING) for row in rows)
    return render(request, "releases/list.html", {"rows": rows, "pending": pending})


@allowed(Role.STEWARD)
def propose(request: Request) -> HttpResponse:
    """Ask for a release; it is built in the background."""
    form = ProposeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            with transaction.atomic():
                made = Proposal.objects.create(
                    name=given["name"],
                    release_name=given["name"],
                    language=given["language"],
                    purposes=given["purposes"],
                    transform=given["transform"],
                    k=settings.RELEASE_K,
                    proposed_by=request.user,
                )
                made.schools.set(given["schools"])
                journal.record(
                    request.user,
                    "release.propose",
                    made,
                    release=made.release_name,
                    purposes=made.purposes,
                    transform=made.transform,
                    language=made.language,
                    schools=[str(school.pk) for school in given["schools"]],
                )
                build_draft.enqueue(str(made.pk))
        except IntegrityError:
            form.add_error("name", _("Ce nom vient d’être pris : choisissez-en un autre."))
        else:
            messages.success(request, _("Le jeu est proposé : sa fabrication commence."))
            return redirect("release-detail", release_id=made.pk)
    context = {
        "form": form,
        "title": _("Proposer un jeu de données"),
        "lead": _("Rien n’en sort avant que vous ayez vu l’aperçu et que le jeu soit approuvé."),
        "button": _("Fabriquer un brouillon"),
        "back": reverse("release-list"),
    }
    return render(request, "portal/form.html", context)


def proposal_of(request: Request, release_id: str) -> Proposal:
    """Return a proposal that the user may see, or answer 404."""
    return get_object_or_404(
        Proposal.objects.for_user(request.user).select_related("proposed_by", "decided_by"), pk=release_id
    )


@allowed(Role.STEWARD)
def detail(request: Request, release_id: str) -> HttpResponse:
    """Show a release: figures, crowds, consents, warnings and card; what may be decided; who has it."""
    proposal = proposal_of(request, release_id)
    approved = proposal.state == State.APPROVED
    found = shelf.look(proposal.path if approved else proposal.draft)
    words, badge = listing.standing_in_words(proposal)
    refused: list[tuple[str, int]] = []
    broken = ""
    if proposal.state in (State.READY, State.APPROVED) and found.release is not None:
        try:
            refused = [(in_words(reason), count) for reason, count in sorted(standing.refused(found.release).items())]
        except ParlureError as error:
            broken = str(error)
    if refused and not found.superseded:
        words, badge = in_words(standing.CONSENT_ENDED), "warning"
    known = "kept" in proposal.figures
    context = {
        "release": proposal,
        "words": words,
        "badge": badge,
        "disguise": dict(DISGUISES).get(proposal.transform, proposal.transform),
        "schools": list(proposal.schools.all()),
        "language": dict(LANGUAGES).get(proposal.language, proposal.language),
        "pending": proposal.state in (State.WAITING, State.BUILDING),
        "figures": proposal.figures if known else None,
        "cells": figures.cells(proposal.figures) if known else [],
        "ends": figures.ends(proposal.figures) if known else [],
        "warnings": figures.warnings(proposal) if known and proposal.state in (State.READY, State.APPROVED) else [],
        "voices": disguise.sentences(proposal.transform),
        "worth": disguise.worth(proposal.figures["privacy"]) if known else None,
        "out": _reasons(proposal),
        "card": figures.card(found.release) if found.release is not None else "",
        "missing": proposal.state in (State.READY, State.APPROVED) and found.release is None,
        "superseded": found.superseded,
        "refused": refused,
        "broken": broken,
        "gone": sum(count for _reason, count in refused),
        "approvable": proposal.state == State.READY and found.release is not None and not refused and not broken,
        "another": deciding.needs_another(proposal, request.user),
        "handable": approved and found.release is not None and not refused and not broken,
        "again": proposal.state in deciding.AGAIN,
        "rejectable": proposal.state in deciding.OPEN,
        "holders": Holder.objects.for_user(request.user)
        .filter(release_name=proposal.release_name)
        .select_related("by"),
        "targets": settings.RELEASE_TARGETS,
    }
    return render(request, "releases/detail.html", context)


def _reasons(proposal: Proposal) -> list[tuple[str, int]]:
    """Return why readings are not in a release, those that never left the portal too, most of them first."""
    counts: dict[str, int] = defaultdict(int)
    for kind in ("left", "dropped"):
        for reason, count in proposal.figures.get(kind, {}).items():
            counts[in_words(reason)] += count
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


@allowed(Role.STEWARD)
def progress(request: Request, release_id: str) -> HttpResponse:
    """Tell how far a build is, for the page that shows it."""
    proposal = proposal_of(request, release_id)
    step = proposal.step
    return JsonResponse(
        {
            "state": proposal.state,
            "words": listing.standing_in_words(proposal)[0],
            "done": step.get("done", 0),
            "total": step.get("total", 0),
            "pending": proposal.state in (State.WAITING, State.BUILDING),
        }
    )


@allowed(Role.STEWARD)
@require_POST
def approve(request: Request, release_id: str) -> HttpResponse:
    """Approve the draft that was shown; everybody in it is asked once more."""
    proposal = proposal_of(request, release_id)
    verdict = deciding.approve(proposal.pk, request.user, request.POST.get("seen", ""))
    if verdict.reason == deciding.APPROVED:
        messages.success(request, _("Le jeu est approuvé : il peut être remis."))
    elif verdict.reason == standing.CONSENT_ENDED:
        gone = sum(verdict.refused.values())
        messages.error(
            request,
            ngettext(
                "Rien n’est approuvé : depuis la fabrication, l’accord de %(n)s élève ne tient plus. "
                "Le brouillon est détruit ; fabriquez-le de nouveau.",
                "Rien n’est approuvé : depuis la fabrication, les accords de %(n)s élèves ne tiennent plus. "
                "Le brouillon est détruit ; fabriquez-le de nouveau.",
                gone,
            )
            % {"n": gone},
        )
    else:
        messages.error(request, in_words(verdict.reason))
    return redirect("release-detail", release_id=proposal.pk)


@allowed(Role.STEWARD)
def reject(request: Request, release_id: str) -> HttpResponse:
    """Refuse a proposal, with the reason; its draft is destroyed."""
    proposal = proposal_of(request, release_id)
    form = RejectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if reason := deciding.reject(proposal.pk, request.user, form.cleaned_data["note"]):
            messages.error(request, in_words(reason))
        else:
            messages.success(request, _("Le jeu est refusé, son brouillon est détruit."))
        return redirect("release-detail", release_id=proposal.pk)
    context = {
        "form": form,
        "title": _("Refuser « %(name)s »") % {"name": proposal.release_name},
        "lead": _("Le brouillon est détruit ; la proposition reste, avec votre motif."),
        "button": _("Refuser ce jeu"),
        "back": reverse("release-detail", kwargs={"release_id": proposal.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.STEWARD)
@require_POST
def rebuild(request: Request, release_id: str) -> HttpResponse:
    """Have a draft built again, of what is allowed today."""
    proposal = proposal_of(request, release_id)
    if reason := deciding.rebuild(proposal.pk, request.user):
        messages.error(request, in_words(reason))
    else:
        messages.success(request, _("La fabrication recommence, avec les accords d’aujourd’hui."))
    return redirect("release-detail", release_id=proposal.pk)
