"""What a teacher does about consents: see who is missing what, invite, print, type in signed sheets."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection.register import Role as Voice
from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.classes.models import Learner, SchoolClass, new_code
from collection.web.consents import answering, answers, invitations, links, notices, paper, progress
from collection.web.consents.forms import ContactForm, PaperForm
from collection.web.consents.models import PURPOSES, Channel, Consent, Party, Signature
from collection.web.consents.scans import SUFFIXES

_LABELS = dict(PURPOSES)


@allowed(Role.TEACHER, Role.HEAD, Role.STEWARD)
def class_progress(request: Request, class_id: str) -> HttpResponse:
    """Show who is missing what in a class."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    standings = _standings(found)
    notice = notices.current()
    context = {
        "class": found,
        "standings": standings,
        "notice": notice,
        "yes": sum(one.granted > 0 for one in standings),
        "waiting": sum(bool(one.awaited) or not one.parties for one in standings),
        "soon": sum(one.ends_soon or one.birthday is not None for one in standings),
        "outdated": notice is not None
        and any(one.parties and one.learner.consent.notice.version != notice.version for one in standings),
        "purposes": len(notice.purposes) if notice else len(PURPOSES),
    }
    return render(request, "consents/progress.html", context)


@allowed(Role.TEACHER)
def class_sheets(request: Request, class_id: str) -> HttpResponse:
    """Give a PDF with a sheet for everybody, or for those whose answer is awaited; asks who was not asked before."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    notice = notices.current()
    if notice is None:
        messages.error(request, _("Aucune notice n’est publiée : demandez au responsable des données."))
        return redirect("consent-progress", class_id=found.pk)
    with transaction.atomic():
        for learner in found.learners.all():
            answering.ask(learner, notice)
        standings = _standings(found)
        everybody = "everybody" in request.POST
        wanted = [party for one in standings for party in (one.parties if everybody else one.awaited)]
        journal.record(request.user, "consent.print", found, sheets=len(wanted))
    parties = Party.objects.filter(pk__in=[party.pk for party in wanted]).select_related(
        "consent__learner__school_class__school", "consent__notice"
    )
    ordered = sorted(parties, key=lambda one: (str(one.consent.learner), one.role, str(one.pk)))
    response = HttpResponse(paper.sheets(ordered, notice, request), content_type="application/pdf")
    response["Content-Disposition"] = 'attachment; filename="feuilles.pdf"'
    return response


@allowed(Role.TEACHER)
def class_invite(request: Request, class_id: str) -> HttpResponse:
    """Write to everybody whose answer is awaited and whose address is known."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    awaited = [party for one in _standings(found) for party in one.awaited]
    known = [party for party in awaited if party.email]
    if known and _mail_works(request):
        for party in known:
            invitations.invite(party, request.user, request)
        sent = len(known)
        messages.success(
            request, ngettext("%(n)s message est parti.", "%(n)s messages sont partis.", sent) % {"n": sent}
        )
    if len(awaited) > len(known):
        messages.info(request, _("Pour les autres, aucune adresse n’est connue : imprimez leurs feuilles."))
    return redirect("consent-progress", class_id=found.pk)


@allowed(Role.TEACHER)
def class_renew(request: Request, class_id: str) -> HttpResponse:
    """Ask a whole class with the newest notice; what was said to an older one no longer counts as a yes."""
    found = get_object_or_404(SchoolClass.objects.for_user(request.user), pk=class_id)
    notice = notices.current()
    if request.method == "POST" and notice is not None:
        with transaction.atomic():
            for learner in found.learners.all():
                answering.renew(learner, notice)
            journal.record(request.user, "consent.renew", found, version=notice.version)
        messages.success(request, _("La nouvelle notice est posée à toute la classe. Invitez maintenant les familles."))
        return redirect("consent-progress", class_id=found.pk)
    return render(request, "consents/renew.html", {"class": found, "notice": notice})


@allowed(Role.TEACHER, Role.STEWARD)
def learner_consent(request: Request, learner_id: str) -> HttpResponse:
    """Show one learner's consent: who is asked, what they said, on which papers."""
    learner = get_object_or_404(answers.with_answers(Learner.objects.for_user(request.user)), pk=learner_id)
    if request.method == "POST" and request.user.role == Role.TEACHER:
        return _add_guardian(request, learner)
    found = progress.standing(learner)
    consent: Consent | None = getattr(learner, "consent", None)
    signatures = consent.signatures.select_related("notice", "party", "typed_by") if consent else []
    context = {
        "learner": learner,
        "standing": found,
        "decisions": [(_LABELS[purpose], one) for purpose, one in found.decisions.items()],
        "signatures": [(one, [(_LABELS.get(p, p), yes) for p, yes in one.answers.items()]) for one in signatures],
        "events": consent.events.all() if consent else [],
        "parties": [(one, _mailto(one, request)) for one in found.parties],
        "teacher": request.user.role == Role.TEACHER,
    }
    return render(request, "consents/learner.html", context)


@allowed(Role.TEACHER)
def paper_answer(request: Request, party_id: str) -> HttpResponse:
    """Type in a signed sheet, with a scan of it."""
    party = _party(request, party_id)
    notice, learner = party.consent.notice, party.consent.learner
    form = PaperForm(notice, learner, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        answering.sign(
            party,
            notice,
            form.said,
            Channel.PAPER,
            signed_on=form.cleaned_data["signed_on"],
            typed_by=request.user,
            scan=form.accepted_scan,
        )
        messages.success(request, _("La réponse est enregistrée."))
        return redirect("consent-learner", learner_id=learner.pk)
    context = {
        "form": form,
        "title": _("Feuille signée : %(who)s, %(role)s") % {"who": learner, "role": party.get_role_display()},
        "lead": _("Recopiez ce qui est coché, sans rien interpréter."),
        "button": _("Enregistrer la réponse"),
        "back": reverse("consent-learner", kwargs={"learner_id": learner.pk}),
    }
    return render(request, "portal/form.html", context)


@allowed(Role.TEACHER)
def party_contact(request: Request, party_id: str) -> HttpResponse:
    """Write down where somebody can be written to, and send them their link when asked."""
    party = _party(request, party_id)
    form = ContactForm(request.POST or None, initial={"email": party.email})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            if party.email != form.cleaned_data["email"]:
                party.email = form.cleaned_data["email"]
                party.save(update_fields=["email"])
                # What was sent to the old address must open nothing any more.
                answering.end_links(party)
                journal.record(request.user, "party.contact", party, known=bool(party.email))
        if "send" in request.POST and party.email and _mail_works(request):
            invitations.invite(party, request.user, request)
            messages.success(request, _("Le message est parti."))
        return redirect("consent-learner", learner_id=party.consent.learner_id)
    return render(request, "consents/contact.html", {"form": form, "party": party})


@allowed(Role.TEACHER)
def party_links(request: Request, party_id: str) -> HttpResponse:
    """End every link that was sent to somebody, and replace their printed code."""
    party = _party(request, party_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with transaction.atomic():
        party.code = new_code()
        party.save(update_fields=["code"])
        answering.end_links(party)
        journal.record(request.user, "party.links", party)
    messages.success(request, _("Les anciens liens et l’ancien code ne marchent plus. Imprimez une nouvelle feuille."))
    return redirect("consent-learner", learner_id=party.consent.learner_id)


@allowed(Role.TEACHER, Role.STEWARD)
def scan(request: Request, signature_id: int) -> HttpResponseBase:
    """Give the scan of a signed sheet, to be kept or opened elsewhere: it is never shown inside a page."""
    found = get_object_or_404(Signature.objects.for_user(request.user), pk=signature_id)
    if not found.scan or found.scan_type not in SUFFIXES:
        raise Http404
    journal.record(request.user, "scan.open", found)
    return FileResponse(
        found.scan.open("rb"),
        as_attachment=True,
        filename=f"feuille-{found.pk}.{SUFFIXES[found.scan_type]}",
        content_type=found.scan_type,
    )


def _party(request: Request, party_id: str) -> Party:
    parties = Party.objects.for_user(request.user).select_related("consent__learner", "consent__notice")
    return get_object_or_404(parties, pk=party_id)


def _standings(found: SchoolClass) -> list[progress.Standing]:
    learners = answers.with_answers(found.learners.all()).prefetch_related("consent__parties")
    return [progress.standing(learner) for learner in learners]


def _add_guardian(request: Request, learner: Learner) -> HttpResponse:
    notice = notices.current()
    if notice is None:
        messages.error(request, _("Aucune notice n’est publiée : demandez au responsable des données."))
    else:
        with transaction.atomic():
            # The first time, the guardian and the learner themselves; then one more guardian.
            known = getattr(learner, "consent", None)
            consent = answering.ask(learner, notice)
            if known is not None:
                Party.objects.create(consent=consent, role=Voice.GUARDIAN)
            journal.record(request.user, "party.add", learner)
    return redirect("consent-learner", learner_id=learner.pk)


def _mail_works(request: Request) -> bool:
    if not settings.MAIL_WORKS:
        messages.error(request, _("Ce portail n’envoie pas de messages : imprimez les feuilles, ou écrivez vous-même."))
    return bool(settings.MAIL_WORKS)


def _mailto(party: Party, request: Request) -> str:
    """Return an address that opens the teacher's own mail program with the invitation in it; empty without one."""
    if not party.email:
        return ""
    subject, body = invitations.text(party, links.address(party, request))
    return f"mailto:{quote(party.email)}?subject={quote(subject)}&body={quote(body)}"
