"""What is printed: sheets for a whole class, and receipts. Nothing is fetched while they are made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import segno
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe
from weasyprint import HTML
from weasyprint.document import Document
from weasyprint.urls import URLFetcher

from collection.web.consents import links, notices, receipts
from collection.web.consents.models import PURPOSES, Notice, Party

_LABELS = dict(PURPOSES)


def sheets(parties: Iterable[Party], notice: Notice, request: HttpRequest) -> bytes:
    """Return a PDF: for each party the notice, and a sheet to answer on, with their code and where to enter it.

    The notice is laid out once a text and put before every sheet, so that a class takes seconds.
    """
    pages: list[Any] = []
    laid_out: dict[str, Document] = {}
    first: Document | None = None
    address = links.site(reverse("family-code"), request)
    for party in parties:
        text = notices.text_for(notice, party)
        if str(text.pk) not in laid_out:
            laid_out[str(text.pk)] = _document(
                "consents/print/notice.html", {"notice": text, "body": notices.as_html(text.body)}
            )
        sheet = _document(
            "consents/print/sheet.html",
            {
                "party": party,
                "learner": party.consent.learner,
                "notice": text,
                "questions": [(purpose, _LABELS.get(purpose, purpose)) for purpose in notice.purposes],
                "address": address,
                "code": f"{party.code[:4]} {party.code[4:]}",
                "qr": qr(f"{address}#{party.code}"),
            },
        )
        pages += [*laid_out[str(text.pk)].pages, *sheet.pages]
        first = first or sheet
    if first is None:
        first = _document("consents/print/nobody.html", {})
        pages = list(first.pages)
    return bytes(first.copy(pages).write_pdf())


def receipt(party: Party) -> bytes:
    """Return somebody's receipt as a PDF."""
    found = receipts.receipt(party)
    context = {
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
    return bytes(_document("consents/print/receipt.html", context).write_pdf())


def qr(content: str) -> str:
    """Return a QR code as an SVG element, error correction M: a folded sheet still reads."""
    code = segno.make(content, error="m", micro=False)
    return mark_safe(code.svg_inline(scale=3, border=2, omitsize=False))  # noqa: S308 - of our own making


def _document(template: str, context: dict[str, Any]) -> Document:
    page = render_to_string(template, context)
    return HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).render()
