"""What is printed: sheets for a whole class, and receipts. Nothing is fetched while they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segno
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import mark_safe
from weasyprint import HTML
from weasyprint.document import Document
from weasyprint.urls import URLFetcher

from collection.web.consents import links, notices, receipts
from collection.web.consents.models import PURPOSES, Notice, Party

_LABELS = dict(PURPOSES)


def sheets(parties: Sequence[Party], notice: Notice, request: HttpRequest) -> bytes:
    """Return a PDF: for each party the notice, and a sheet to answer on, with their code and where to enter it.

    Every text is laid out once, and all sheets together, one a page: a class takes seconds. They speak the language of
    the families, not of who prints.
    """
    with translation.override(settings.FAMILY_LANGUAGE):
        return _sheets(parties, notice, request)


def _sheets(parties: Sequence[Party], notice: Notice, request: HttpRequest) -> bytes:
    address = links.site(reverse("family-code"), request)
    texts = [notices.text_for(notice, party) for party in parties]
    people = [
        {
            "party": party,
            "learner": party.consent.learner,
            "text": text,
            "code": f"{party.code[:4]} {party.code[4:]}",
            "qr": qr(f"{address}#{party.code}"),
        }
        for party, text in zip(parties, texts, strict=True)
    ]
    questions = [(purpose, _LABELS.get(purpose, purpose)) for purpose in notice.purposes]
    context = {"notice": notice, "people": people, "questions": questions, "address": address}
    answers = _document("consents/print/sheets.html", context)
    if not parties:
        return bytes(answers.write_pdf())
    read = {
        text.pk: _document("consents/print/notice.html", {"notice": text, "body": notices.as_html(text.body)}).pages
        for text in {text.pk: text for text in texts}.values()
    }
    if len(answers.pages) == len(parties):
        pages = [page for text, sheet in zip(texts, answers.pages, strict=True) for page in (*read[text.pk], sheet)]
    else:
        # Some name is so long that its sheet takes two pages: the notices come first then, once each.
        pages = [*(page for found in read.values() for page in found), *answers.pages]
    return bytes(answers.copy(pages).write_pdf())


def receipt(party: Party) -> bytes:
    """Return somebody's receipt as a PDF, in their language."""
    return bytes(_document("consents/print/receipt.html", receipt_words(party)).write_pdf())


def receipt_words(party: Party) -> dict[str, Any]:
    """Return what is printed on somebody's receipt."""
    found = receipts.receipt(party)
    return {
        "party": party,
        "notice": party.consent.notice,
        "purposes": [
            (_LABELS.get(purpose, purpose), state["dct:description"])
            for purpose, state in zip(
                party.consent.notice.purposes, found["dpv:hasProcess"]["dpv:hasPurpose"], strict=True
            )
        ],
        "signatures": [
            (one, [(_LABELS.get(purpose, purpose), yes) for purpose, yes in one.answers.items()])
            for one in party.signature_set.select_related("notice")
        ],
        "events": party.consent.events.filter(entity=str(party.pk)),
        "identifier": found["dct:identifier"],
    }


def printed(template: str, context: dict[str, Any]) -> bytes:
    """Return a page as a PDF."""
    return bytes(_document(template, context).write_pdf())


def qr(content: str) -> str:
    """Return a QR code as an SVG element, error correction M: a folded sheet still reads."""
    code = segno.make(content, error="m", micro=False)
    return mark_safe(code.svg_inline(scale=3, border=2, omitsize=False))  # noqa: S308 - of our own making


def _document(template: str, context: dict[str, Any]) -> Document:
    page = render_to_string(template, context)
    return HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).render()
