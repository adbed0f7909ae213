"""What the data steward does about consents: write and publish notices, watch over withdrawals."""

from __future__ import annotations

import re

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django_tasks import task

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.consents import erasing, notices
from collection.web.consents.forms import NoticeTextForm, VersionForm
from collection.web.consents.models import Notice, Withdrawal, WithdrawalState

PAGE = 50
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@allowed(Role.STEWARD)
def notice_list(request: Request) -> HttpResponse:
    """Show every version of the notice with its texts."""
    versions: dict[str, list[Notice]] = {}
    for one in Notice.objects.order_by("-published_at", "version", "-language", "-form"):
        versions.setdefault(one.version, []).append(one)
    ordered = sorted(versions.items(), key=lambda pair: (len(pair[0]), pair[0]), reverse=True)
    return render(request, "consents/notices.html", {"versions": ordered})


@allowed(Role.STEWARD)
def notice_create(request: Request) -> HttpResponse:
    """Write the next version: the texts of the portal with this controller's names in them."""
    last = notices.current()
    initial = {}
    if last is not None:
        initial = {name: getattr(last, name) for name in ("controller", "contact", "retention_days")}
        initial["recipients"] = "\n".join(last.recipients)
    form = VersionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            made = notices.draft(**form.cleaned_data)
            journal.record(request.user, "notice.draft", made[0], version=made[0].version)
        messages.success(request, _("La nouvelle version est prête à être relue."))
        return redirect("notice-list")
    context = {
        "form": form,
        "title": _("Nouvelle version de la notice"),
        "lead": _(
            "Nos textes, complets et faciles à lire, en français et en anglais, avec ces noms. Relisez-les ensuite."
        ),
        "button": _("Préparer les textes"),
        "back": reverse("notice-list"),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.STEWARD)
def notice_edit(request: Request, notice_id: str) -> HttpResponse:
    """Show a text; change it while it is not published."""
    found = get_object_or_404(Notice, pk=notice_id)
    if found.published_at is not None:
        if request.method == "POST":
            messages.error(request, _("Une notice publiée ne change plus : faites-en une nouvelle version."))
            return redirect("notice-edit", notice_id=found.pk)
        return render(request, "consents/notice.html", {"notice": found, "body": notices.as_html(found.body)})
    form = NoticeTextForm(request.POST or None, request.FILES or None, instance=found)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            journal.record(request.user, "notice.edit", found)
        if form.accepted_sound is not None:
            found.audio.save("", ContentFile(form.accepted_sound))
        messages.success(request, _("Le texte est enregistré."))
        return redirect("notice-list")
    context = {
        "form": form,
        "title": _("Texte de la version %(version)s (%(language)s, %(form)s)")
        % {"version": found.version, "language": found.language, "form": found.get_form_display()},
        "lead": _("« ## » commence un titre, « - » un point d’une liste, « ** » entoure ce qui compte."),
        "button": _("Enregistrer"),
        "back": reverse("notice-list"),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.STEWARD)
def notice_copy(request: Request, notice_id: str) -> HttpResponse:
    """Make a new version to be changed, out of the words of this one."""
    found = get_object_or_404(Notice, pk=notice_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with transaction.atomic():
        made = notices.copied(found)
        journal.record(request.user, "notice.draft", made[0], version=made[0].version)
    return redirect("notice-list")


@allowed(Role.STEWARD)
def notice_publish(request: Request, notice_id: str) -> HttpResponse:
    """Publish every text of a version; where nobody read a text aloud, the worker has it read."""
    found = get_object_or_404(Notice, pk=notice_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        with transaction.atomic():
            notices.publish(found)
            journal.record(request.user, "notice.publish", found, version=found.version)
            for one in notices.texts(found):
                speak.enqueue(str(one.pk))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("La version est publiée : c’est elle qui est désormais proposée aux familles."))
    return redirect("notice-list")


@task()
def speak(notice_id: str) -> bool:
    """Have a text read aloud; tell whether there is sound."""
    return notices.speak(Notice.objects.get(pk=notice_id))


@login_not_required
def notice_audio(request: HttpRequest, notice_id: str) -> HttpResponse:
    """Play a published notice, whole or in parts: telephones ask for parts."""
    found = get_object_or_404(Notice, pk=notice_id, published_at__isnull=False)
    if not found.audio:
        raise Http404
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    with found.audio.open("rb") as file:
        size = found.audio.size
        match = _RANGE.fullmatch(request.headers.get("Range", ""))
        start, stop = 0, size
        if match and any(match.groups()):
            start = int(match[1]) if match[1] else max(0, size - int(match[2]))
            stop = min(size, int(match[2]) + 1) if match[1] and match[2] else size
        if start >= stop:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        file.seek(start)
        response = HttpResponse(file.read(stop - start), content_type="audio/mpeg", status=206 if match else 200)
    response["Accept-Ranges"] = "bytes"
    if match:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


@allowed(Role.STEWARD)
def withdrawal_list(request: Request) -> HttpResponse:
    """Show how far the destruction after each withdrawal has come; start the unfinished ones again when asked."""
    if request.method == "POST":
        count = erasing.again()
        journal.record(request.user, "consent.erase.again", count=count)
        messages.success(request, _("%(n)s destruction(s) relancée(s).") % {"n": count})
        return redirect("withdrawal-list")
    found = Withdrawal.objects.order_by("-at")
    context = {
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "unfinished": found.exclude(state=WithdrawalState.DONE).count(),
    }
    return render(request, "consents/withdrawals.html", context)
