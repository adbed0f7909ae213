"""What holds for every answer of the portal."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def private_pages(get_response: Answer) -> Answer:
    """Keep pages about learners out of every cache, and let the microphone be used by our own pages only."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=(), browsing-topics=()"
        return response

    return answer
