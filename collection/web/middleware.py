"""What holds for every answer of the portal."""

import logging
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

Answer = Callable[[HttpRequest], HttpResponse]
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_LINK = re.compile(r"(/famille/entree/)[^/\s]+")


class WithoutLinks(logging.Formatter):
    """Writes a line of the log without the links of families: a part of one in an address not found would be a key."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with what a link says taken out."""
        return _LINK.sub(r"\1…", super().format(record))


def known_methods(get_response: Answer) -> Answer:
    """Refuse TRACE and whatever else is no method of ours: a view would take it for a GET."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request) if request.method in METHODS else HttpResponseNotAllowed(METHODS)

    return answer


def private_pages(get_response: Answer) -> Answer:
    """Keep pages about learners out of every cache, and let the microphone be used by our own pages only."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=(), browsing-topics=()"
        return response

    return answer
