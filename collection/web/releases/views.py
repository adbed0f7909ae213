"""Releases as a data steward sees them: the list, a proposal, its preview, and the decision."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

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
from collection.voice import Transform
from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.releases import deciding, figures, shelf, standing
from collection.web.releases.forms import DISGUISES, ProposeForm, RejectForm
from collection.web.releases.making import build_draft
from collection.web.releases.models import Holder, Proposal, State
from collection.web.releases.shelf import OnDisk
from collection.web.words import in_words


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list; ``proposal`` is none for what was built by command, ``words`` say how it stands."""

    name: str
    proposal: Proposal | None
    tier: str
    disguise: str
    kept: dict[str, Any]
    words: str
    badge: str
    holders: list[str]

    @property
    def minutes(self) -> float:
        """Minutes of sound."""
        return float(self.kept.get("seconds", 0)) / 60


@allowed(Role.STEWARD)
def release_list(request: Request) -> HttpResponse:
    """Show every release with how it stands and who has it; what was made by command too."""
    given: dict[str, list[str]] = defaultdict(list)
    for name, organisation in Holder.objects.for_user(request.user).values_list("release_name", "organisation"):
        if organisation not in given[name]:
            given[name].append(organisation)
    rows = [_row(one, given) for one in Proposal.objects.for_user(request.user).prefetch_related("schools")]
    rows += [_foreign(one, given) for one in shelf.others()]
    pending = any(row.proposal and row.proposal.state in (State.WAITING, State.BUILDING) for row in rows)
    return render(request, "releases/list.html", {"rows": rows, "pending": pending})


def _row(proposal: Proposal, given: dict[str, list[str]]) -> Row:
    words, badge = standing_in_words(proposal)
    return Row(
        name=proposal.release_name,
        proposal=proposal,
        tier=proposal.tier.value,
        disguise=_disguise(proposal.transform),
        kept=proposal.figures.get("kept", {}),
        words=words,
        badge=badge,
        holders=given.get(proposal.release_name, []),
    )


def _foreign(found: OnDisk, given: dict[str, list[str]]) -> Row:
    facts = found.release.manifest if found.release else {}
    words = _superseded(found.gone) if found.superseded else _("fait par commande : à remettre par commande")
    voice = facts.get("config", {}).get("voice", {})
    return Row(
        name=found.release.name if found.release else found.folder.name,
        proposal=None,
        tier=str(facts.get("tier", "—")),
        disguise=_disguise(voice.get("transform", Transform.NONE)),
        kept=facts.get("kept", {}),
        words=words,
        badge="warning" if found.superseded else "info",
        holders=given.get(found.folder.name, []),
    )


def _disguise(transform: str) -> str:
    return {Transform.NONE: _("non"), Transform.MCADAMS: "McAdams", Transform.WORLD: "WORLD"}.get(
        Transform(transform), transform
    )


def _superseded(gone: int) -> str:
    if gone < 0:
        return _("périmé par une reprise d’accord")
    return ngettext("périmé : %(n)s élève est parti", "périmé : %(n)s élèves sont partis", gone) % {"n": gone}


def standing_in_words(proposal: Proposal) -> tuple[str, str]:
    """Return how a proposal stands, as the disk says where it has a say, and the colour of its badge."""
    badges = {State.READY: "info", State.APPROVED: "success", State.FAILED: "error", State.OUTDATED: "warning"}
    words, badge = str(proposal.get_state_display()), badges.get(State(proposal.state), "new")
    if proposal.state == State.APPROVED:
        found = shelf.look(proposal.path)
        if found.superseded:
            return _superseded(found.gone), "warning"
        if found.release is None:
            return _("approuvé, mais ses fichiers manquent"), "error"
    if proposal.state == State.READY and (gone := shelf.look(proposal.draft).gone):
        return _superseded(gone), "warning"
    return words, badge


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


def _proposal(request: Request, release_id: str) -> Proposal:
    return get_object_or_404(
        Proposal.objects.for_user(request.user).select_related("proposed_by", "decided_by"), pk=release_id
    )


@allowed(Role.STEWARD)
def detail(request: Request, release_id: str) -> HttpResponse:
    """Show a release: figures, crowds, consents, warnings and card; what may be decided; who has it."""
    proposal = _proposal(request, release_id)
    approved = proposal.state == State.APPROVED
    found = shelf.look(proposal.path if approved else proposal.draft)
    words, badge = standing_in_words(proposal)
    refused: list[tuple[str, int]] = []
    broken = ""
    if proposal.state in (State.READY, State.APPROVED) and found.release is not None:
        try:
            refused = [(in_words(reason), count) for reason, count in sorted(standing.refused(found.release).items())]
        except ParlureError as error:
            broken = str(error)
    known = "kept" in proposal.figures
    context = {
        "release": proposal,
        "words": words,
        "badge": badge,
        "disguise": dict(DISGUISES).get(proposal.transform, proposal.transform),
        "schools": list(proposal.schools.all()),
        "pending": proposal.state in (State.WAITING, State.BUILDING),
        "figures": proposal.figures if known else None,
        "cells": figures.cells(proposal.figures) if known else [],
        "warnings": figures.warnings(proposal) if known and proposal.state in (State.READY, State.APPROVED) else [],
        "voices": figures.as_html(proposal.figures["voices"]) if known else "",
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
    proposal = _proposal(request, release_id)
    step = proposal.step
    return JsonResponse(
        {
            "state": proposal.state,
            "words": standing_in_words(proposal)[0],
            "done": step.get("done", 0),
            "total": step.get("total", 0),
            "pending": proposal.state in (State.WAITING, State.BUILDING),
        }
    )


@allowed(Role.STEWARD)
@require_POST
def approve(request: Request, release_id: str) -> HttpResponse:
    """Approve the draft that was shown; everybody in it is asked once more."""
    proposal = _proposal(request, release_id)
    verdict = deciding.approve(proposal.pk, request.user, request.POST.get("seen", ""))
    if verdict.reason == deciding.APPROVED:
        messages.success(request, _("Le jeu est approuvé : il peut être remis."))
    elif verdict.reason == deciding.CONSENT_ENDED:
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
    proposal = _proposal(request, release_id)
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
    proposal = _proposal(request, release_id)
    if reason := deciding.rebuild(proposal.pk, request.user):
        messages.error(request, in_words(reason))
    else:
        messages.success(request, _("La fabrication recommence, avec les accords d’aujourd’hui."))
    return redirect("release-detail", release_id=proposal.pk)
