"""Pages of a family, without an account: read or listen, answer, see what stands, withdraw, take a receipt along.

No address names anybody: the window that a link or a code opened says who looks through it (``links``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, links, notices, paper, receipts
from collection.web.consents.forms import AnswersForm, CodeForm
from collection.web.consents.models import PURPOSES, Channel, Notice, Party

_LABELS = dict(PURPOSES)
View = Callable[..., HttpResponseBase]
EVERYTHING = {"all-yes": True, "all-no": False}
"""Buttons that answer every purpose alike; they are of one size, side by side."""


def through_a_window(view: View) -> View:
    """Show the page to whoever came by a link or a code; everybody else is asked for a code."""

    @login_not_required
    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = links.inside(request)
        if found is None:
            return redirect("family-code")
        return view(request, *found, *args, **kwargs)

    return opened


@login_not_required
@require_safe
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Come in by a link; forged, expired and ended ones are answered alike."""
    party = links.by_token(token)
    if party is None:
        links.leave(request)
        return render(request, "consents/family/link_ended.html", status=410)
    links.enter(request, party, Channel.LINK)
    return redirect("family")


@login_not_required
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def by_code(request: HttpRequest) -> HttpResponse:
    """Come in with a printed code; after many wrong ones from an address nobody there gets in for a while."""
    if links.locked(request):
        return render(request, "consents/family/locked.html", status=429)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        party = links.by_code(form.cleaned_data["code"])
        if party is not None:
            links.enter(request, party, Channel.CODE)
            return redirect("family")
        links.wrong_code(request)
        form.add_error(
            "code", _("Ce code n’est pas valable. Vérifiez chaque lettre, ou demandez une nouvelle feuille.")
        )
    return render(request, "consents/family/code.html", {"form": form})


@through_a_window
@require_safe
def page(request: HttpRequest, party: Party, channel: Channel) -> HttpResponse:
    """Show the notice, the questions, and what stands."""
    wanted = request.GET.get("texte", "")
    text = notices.text_for(party.consent.notice, party, wanted)
    response = _page(request, party, text, AnswersForm(text))
    if wanted and text.language != translation.get_language():
        # The pages after this one speak the same language.
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            text.language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    return response


@through_a_window
@require_POST
def answer(request: HttpRequest, party: Party, channel: Channel) -> HttpResponse:
    """Write down a yes or a no for each purpose, or one for all of them."""
    text = notices.text_for(party.consent.notice, party, request.POST.get("texte", ""))
    button = next((name for name in EVERYTHING if name in request.POST), None)
    form = AnswersForm(text, None if button else request.POST)
    said = dict.fromkeys(text.purposes, EVERYTHING[button]) if button else form.said if form.is_valid() else None
    if not answering.heard(party):
        messages.warning(request, _("L’élève est majeur : lui seul répond."))
        return redirect("family")
    if said is None:
        return _page(request, party, text, form)
    if any(said.values()) and answering.said_no_today(party):
        messages.warning(request, _("Vous avez dit non aujourd’hui. Un oui peut être donné à partir de demain."))
        return redirect("family")
    answering.sign(party, text, said, channel)
    links.stay(request, party)
    messages.success(request, _("Votre réponse est enregistrée. Vous pouvez la changer quand vous voulez."))
    return redirect("family")


@through_a_window
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, party: Party, channel: Channel) -> HttpResponse:
    """Say what will happen (first click), and do it (second)."""
    if not answering.heard(party):
        messages.warning(request, _("L’élève est majeur : lui seul répond."))
        return redirect("family")
    if request.method != "POST":
        return render(request, "consents/family/withdraw.html", {"party": party})
    answering.take_back(party)
    links.stay(request, party)
    messages.success(
        request, _("Votre accord est repris. Les enregistrements de l’élève ne peuvent plus être écoutés.")
    )
    return redirect("family")


@through_a_window
@require_safe
def receipt_json(request: HttpRequest, party: Party, channel: Channel) -> HttpResponse:
    """Give the receipt for machines."""
    response = JsonResponse(receipts.receipt(party), json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = 'attachment; filename="recu.json"'
    return response


@through_a_window
@require_safe
def receipt_pdf(request: HttpRequest, party: Party, channel: Channel) -> HttpResponse:
    """Give the receipt for people."""
    response = HttpResponse(paper.receipt(party), content_type="application/pdf")
    response["Content-Disposition"] = 'attachment; filename="recu.pdf"'
    return response


@login_not_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Close the window, on a computer that others use."""
    links.leave(request)
    return redirect("family-code")


def _page(request: HttpRequest, party: Party, text: Notice, form: AnswersForm) -> HttpResponse:
    learner = answers.with_answers(Learner.objects.filter(consent=party.consent_id)).get()
    found = answers.decisions(learner)
    own = list(party.signature_set.all())
    context = {
        "party": party,
        "own_address": reverse("family"),
        "learner": learner,
        "text": text,
        "wanted": f"{text.language}-{text.form}",
        "texts": [(f"{one.language}-{one.form}", one) for one in notices.texts(text)],
        "body": notices.as_html(text.body),
        "form": form,
        "heard": answering.heard(party),
        "own": own[-1] if own else None,
        "own_answers": [(_LABELS.get(purpose, purpose), yes) for purpose, yes in own[-1].answers.items()]
        if own
        else [],
        "standing": [(_LABELS[purpose], found[Purpose(purpose)]) for purpose in text.purposes],
        "can_withdraw": any(any(one.answers.values()) for one in own) or any(one.keep for one in found.values()),
    }
    # The whole page speaks the language of the text that was chosen.
    with translation.override(text.language):
        return render(request, "consents/family/page.html", context)
