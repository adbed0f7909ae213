"""How a family comes in without an account: a signed link that expires, or the code printed on their sheet.

Either opens a window (a session) for one party; no address of the family pages names anybody, so that there is nothing
to guess in them. Whatever ends a party's links closes the windows they opened.
"""

from __future__ import annotations

from datetime import timedelta

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from collection.web.audit import journal
from collection.web.classes.models import CODE_LETTERS
from collection.web.consents.models import Channel, Party

VALID = timedelta(days=45)
"""How long a link holds; a code holds until the next one is printed."""
WINDOW = timedelta(minutes=30)
"""How long a window stays open without anything being asked in it: a phone or a school computer is passed on."""
CODE_TRIES = 20
"""Wrong codes from one address within AXES_COOLOFF_TIME; a whole class may sit behind one."""
GUESSER = "famille"
"""Name under which axes counts wrong codes."""
_SESSION = "family"
_signer = signing.TimestampSigner(salt="collection.web.consents.links")


def token(party: Party) -> str:
    """Return the signed part of somebody's link: who it is for, and which generation of their links it belongs to."""
    return _signer.sign(f"{party.pk.hex}.{_generation(party)}")


def address(party: Party, request: HttpRequest | None = None) -> str:
    """Return somebody's link, to be sent to them and to nobody else."""
    return site(reverse("family-link", kwargs={"token": token(party)}), request)


def site(path: str, request: HttpRequest | None = None) -> str:
    """Return a full address: under PORTAL_URL, or where the request came to."""
    if settings.PORTAL_URL or request is None:
        return f"{settings.PORTAL_URL.rstrip('/')}{path}"
    return request.build_absolute_uri(path)


def by_token(given: str) -> Party | None:
    """Return whose link this is; ``None`` when it is forged, expired or ended, which is not told apart."""
    try:
        who, generation = _signer.unsign(given, max_age=VALID).split(".")
        party = Party.objects.get(pk=who)
    except (signing.BadSignature, ValueError, Party.DoesNotExist):
        return None
    return party if generation == _generation(party) else None


def by_code(given: str) -> Party | None:
    """Return whose code this is, however it was typed; every wrong one, well formed or not, costs the same query."""
    code = "".join(letter for letter in given.upper()[:64] if letter in CODE_LETTERS)
    return Party.objects.filter(code=code).first()


def locked(request: HttpRequest) -> bool:
    """Tell whether too many wrong codes came from this address."""
    return not AxesProxyHandler.is_allowed(request, {"username": GUESSER})


def wrong_code(request: HttpRequest) -> None:
    """Count a wrong code."""
    AxesProxyHandler.user_login_failed(__name__, {"username": GUESSER}, request)
    # Axes would put its page about passwords before ours.
    request.axes_locked_out = False  # type: ignore[attr-defined]


def failure_limit(request: HttpRequest, credentials: dict[str, str] | None) -> int:
    """Return how many failures axes lets pass: AXES_FAILURE_LIMIT for both kinds of door."""
    return CODE_TRIES if (credentials or {}).get("username") == GUESSER else 5


def enter(request: HttpRequest, party: Party, channel: Channel) -> None:
    """Open a window for somebody, in a session of its own number."""
    request.session.cycle_key()
    request.session[_SESSION] = {"party": str(party.pk), "generation": _generation(party), "channel": str(channel)}
    _touch(request)
    journal.record(party.role, "family.enter", party, channel=str(channel))


def inside(request: HttpRequest) -> tuple[Party, Channel] | None:
    """Return who looks through this window and how they came; ``None`` when none is open or it was closed."""
    window = request.session.get(_SESSION)
    if window is None or timezone.now().timestamp() > window["until"]:
        leave(request)
        return None
    found = Party.objects.select_related("consent__learner", "consent__notice").filter(pk=window["party"]).first()
    if found is None or window["generation"] != _generation(found):
        leave(request)
        return None
    _touch(request)
    return found, Channel(window["channel"])


def stay(request: HttpRequest, party: Party) -> None:
    """Keep this one window open although the party's links have just ended: they see what they have done."""
    party.refresh_from_db()
    request.session[_SESSION] = {**request.session[_SESSION], "generation": _generation(party)}


def leave(request: HttpRequest) -> None:
    """Close the window."""
    request.session.pop(_SESSION, None)


def _generation(party: Party) -> str:
    return f"{round(party.links_since.timestamp() * 1_000_000):x}"


def _touch(request: HttpRequest) -> None:
    request.session[_SESSION] = {
        **request.session[_SESSION],
        "until": (timezone.now() + WINDOW).timestamp(),
    }
