"""Reading the journal."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.audit import journal
from collection.web.audit.models import Entry

PAGE = 50


@allowed(Role.STEWARD)
def entries(request: Request) -> HttpResponse:
    """Show the journal, newest first, searched by action, actor or subject, and verified when asked."""
    found = Entry.objects.order_by("-seq")
    if wanted := request.GET.get("q", "").replace("\0", "").strip():
        found = (
            found.filter(action__icontains=wanted)
            | found.filter(actor__icontains=wanted)
            | found.filter(subject__icontains=wanted)
        )
    verified = "verify" in request.GET
    context = {
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "q": wanted,
        "verified": verified,
        "broken": journal.broken(Entry.objects.order_by("seq").iterator()) if verified else None,
        "head": journal.head(),
    }
    return render(request, "audit/list.html", context)
