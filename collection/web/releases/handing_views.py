"""Handing releases over, and telling who has one that somebody has left."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from collection.errors import ParlureError
from collection.schema import Purpose
from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.consents import notices, paper
from collection.web.releases import handing, standing
from collection.web.releases.forms import DUTIES, HandoverForm, PublishForm
from collection.web.releases.handing import RefusedError
from collection.web.releases.models import Delivery, Holder, Kind, Notified, Proposal
from collection.web.releases.views import proposal_of
from collection.web.words import in_words
from collection.withdrawal import withdrawn

LINK_HOLDS = timedelta(days=1)
"""How long who noted a holder may fetch the archive for it."""


def _holder(request: Request, holder_id: str) -> Holder:
    return get_object_or_404(Holder.objects.for_user(request.user), pk=holder_id)


def _refused(request: Request, proposal: Proposal | None, error: RefusedError) -> HttpResponse:
    """Say why a release cannot be had, now or any more."""
    context = {"release": proposal, "reason": in_words(error.reason), "gone": error.gone}
    return render(request, "releases/refused.html", context, status=410)


def _page(request: Request, proposal: Proposal, form: HandoverForm, title: str, button: str) -> HttpResponse:
    context = {
        "release": proposal,
        "form": form,
        "title": title,
        "button": button,
        "duties": DUTIES.values(),
        "organisations": form.fields["organisation"].choices,
    }
    return render(request, "releases/handover.html", context)


@allowed(Role.STEWARD)
def handover(request: Request, release_id: str) -> HttpResponse:
    """Note to whom a release is given and what for; the archive can then be fetched."""
    proposal = proposal_of(request, release_id)
    try:
        organisations = standing.organisations(handing.opened(proposal))
    except RefusedError as error:
        return _refused(request, proposal, error)
    form = HandoverForm(proposal.purposes, organisations, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        handing.note_download(proposal, request.user, given["organisation"], given["purpose"], given["note"])
        messages.success(request, _("C’est noté. L’archive est à télécharger ci-dessous, pendant un jour."))
        return redirect(reverse("release-detail", kwargs={"release_id": proposal.pk}) + "#holders")
    title = _("Télécharger « %(name)s »") % {"name": proposal.release_name}
    return _page(request, proposal, form, title, _("Noter, puis télécharger"))


@allowed(Role.STEWARD)
def publish(request: Request, release_id: str) -> HttpResponse:
    """Have a release sent to one of the allowed places, for somebody."""
    proposal = proposal_of(request, release_id)
    try:
        release = handing.opened(proposal)
    except RefusedError as error:
        return _refused(request, proposal, error)
    if not settings.RELEASE_TARGETS or Purpose.SHARING.value not in proposal.purposes:
        reason = "release_no_targets" if not settings.RELEASE_TARGETS else "release_not_for_sharing"
        return _refused(request, proposal, RefusedError(reason))
    form = PublishForm(proposal.purposes, standing.organisations(release), request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        made = handing.note_publication(
            proposal, request.user, given["target"], given["organisation"], given["purpose"], given["note"]
        )
        if made is None:
            messages.error(request, _("Ce jeu a déjà été envoyé à cette destination."))
        else:
            messages.success(request, _("L’envoi commence."))
        return redirect(reverse("release-detail", kwargs={"release_id": proposal.pk}) + "#holders")
    title = _("Publier « %(name)s »") % {"name": proposal.release_name}
    return _page(request, proposal, form, title, _("Noter, puis envoyer"))


@allowed(Role.STEWARD)
def download(request: Request, holder_id: str) -> HttpResponseBase:
    """Send the archive to who noted for whom it is, on that day; refused as soon as somebody has left."""
    holder = _holder(request, holder_id)
    proposal = Proposal.objects.for_user(request.user).filter(release_name=holder.release_name).first()
    try:
        if proposal is None:
            raise RefusedError(handing.GONE)
        fresh = holder.at >= timezone.now() - LINK_HOLDS
        if holder.kind != Kind.DOWNLOAD or holder.by_id != request.user.pk or not fresh:
            raise RefusedError("release_link_ended")
        release = handing.opened(proposal)
    except RefusedError as error:
        return _refused(request, proposal, error)
    with transaction.atomic():
        journal.record(request.user, "release.fetch", holder, release=proposal.release_name)
    answer = StreamingHttpResponse(
        handing.archive(release, handing.same_release(proposal)), content_type="application/x-tar"
    )
    answer["Content-Length"] = str(handing.archive_size(release))
    answer["Content-Disposition"] = f'attachment; filename="{proposal.release_name}.tar"'
    return answer


@allowed(Role.STEWARD)
@require_POST
def again(request: Request, holder_id: str) -> HttpResponse:
    """Go on with a publication that was interrupted."""
    holder = _holder(request, holder_id)
    if handing.send_again(holder, request.user):
        messages.success(request, _("L’envoi reprend."))
    else:
        messages.error(request, _("Cet envoi n’est pas interrompu."))
    return redirect("holder-list")


@allowed(Role.STEWARD)
def holders(request: Request) -> HttpResponse:
    """Show who has which release, and who is still to be told that somebody left."""
    owed = handing.owed()
    context = {
        "owed": owed,
        "waiting": sum(one.told is None for one in owed),
        "holders": Holder.objects.for_user(request.user).select_related("by"),
        "failed": Delivery.FAILED,
    }
    return render(request, "releases/holders.html", context)


def _notice(request: Request, holder_id: str) -> tuple[Holder, Path, bytes]:
    holder = _holder(request, holder_id)
    folder = Path(settings.RELEASES) / holder.release_name
    return holder, folder, handing.notice_of(folder)


@allowed(Role.STEWARD)
def notice_json(request: Request, holder_id: str) -> HttpResponseBase:
    """Give the notice to a holder as the pipeline wrote it; there is none while nobody has left."""
    holder, _folder, data = _notice(request, holder_id)
    if not data:
        return _no_notice(request)
    answer = HttpResponse(data, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{holder.release_name}-withdrawn.json"'
    return answer


@allowed(Role.STEWARD)
def notice(request: Request, holder_id: str) -> HttpResponseBase:
    """Give the notice to a holder to print: what they have, who left it, and what they must do."""
    holder, folder, data = _notice(request, holder_id)
    found = _mark(folder) if data else None
    if found is None:
        return _no_notice(request)
    context: dict[str, Any] = {
        "holder": holder,
        "mark": found,
        "notice": notices.current(),
        "title": _("Avis d’effacement"),
    }
    pdf = paper.printed("releases/print/notice.html", context)
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{holder.release_name}-avis.pdf"'
    return answer


def _mark(folder: Path) -> Any:
    try:
        return withdrawn.read(folder)
    except ParlureError:
        return None


def _no_notice(request: Request) -> HttpResponse:
    return render(request, "releases/refused.html", {"reason": in_words("release_nobody_left"), "gone": 0}, status=410)


@allowed(Role.STEWARD)
@require_POST
def told(request: Request, holder_id: str) -> HttpResponse:
    """Note that a holder was told of everybody who has left so far."""
    holder = _holder(request, holder_id)
    with transaction.atomic():
        for one in handing.owed():
            if one.holder.pk == holder.pk and one.told is None and one.notice == request.POST.get("notice"):
                Notified.objects.create(holder=holder, notice=one.notice, by=request.user)
                journal.record(request.user, "release.told", holder, release=holder.release_name, gone=one.gone)
                messages.success(request, _("C’est noté."))
                return redirect("holder-list")
    messages.error(request, _("Rien n’est à noter : personne n’est parti, ou un autre élève vient de partir."))
    return redirect("holder-list")
