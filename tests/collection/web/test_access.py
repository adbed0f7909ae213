"""Every address x every role x an object of one's own and of somebody else: what is not listed is refused."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from collection.web.consents import links
from tests.collection.web.world import Place, World

ROLES = ("nobody", "teacher", "colleague", "foreign teacher", "head", "foreign head", "steward", "evaluator")
STAFF = {"teacher", "head", "steward"}
SIGNED_IN = set(ROLES) - {"nobody"}
TEACHERS = {"teacher", "colleague", "foreign teacher"}

ALLOWED: dict[str, set[str]] = {
    "home": SIGNED_IN,
    "login": set(ROLES),
    "logout": set(ROLES),
    "set-language": set(ROLES),
    "about": set(ROLES),
    "audit-list": {"steward"},
    "password-change": SIGNED_IN,
    # Without a provider these addresses are nowhere; test_accounts_oidc.py opens them.
    "openid_connect_login": set(),
    "openid_connect_callback": set(),
    "class-list": SIGNED_IN - {"evaluator"},
    "class-create": TEACHERS,
    "class-detail": STAFF,
    "class-edit": {"teacher"},
    "class-teachers": {"teacher"},
    "roster-import": {"teacher"},
    "roster-preview": {"teacher"},
    "roster-export": {"teacher", "head"},
    "learner-create": {"teacher"},
    "learner-edit": {"teacher"},
    "learner-remove": {"teacher"},
    "session-create": {"teacher"},
    "session-detail": STAFF,
    "session-edit": {"teacher"},
    "session-order": {"teacher"},
    "session-delete": {"teacher"},
    "list-list": SIGNED_IN - {"evaluator"},
    "list-create": TEACHERS | {"steward"},
    "list-detail": STAFF | {"colleague"},
    "list-edit": {"teacher", "colleague"},
    "list-delete": {"teacher", "colleague"},
    "school-list": {"head", "foreign head", "steward"},
    "recording-send": {"teacher"},
    "recorder": {"teacher"},
    "equipment": SIGNED_IN - {"evaluator"},
    "upload-create": {"teacher"},
    "upload": {"teacher"},
    "session-recordings": STAFF,
    "session-progress": STAFF,
    "recording-detail": STAFF,
    "recording-delete": {"teacher"},
    "recording-keep": {"teacher"},
    "segment-review": {"teacher"},
    "segment-decide": {"teacher"},
    "segment-audio": {"teacher"},
    "family": set(ROLES),
    "family-link": set(ROLES),
    "family-code": set(ROLES),
    "family-answer": set(ROLES),
    "family-withdraw": set(ROLES),
    "family-receipt-json": set(ROLES),
    "family-receipt-pdf": set(ROLES),
    "family-leave": set(ROLES),
    "notice-audio": set(ROLES),
    "consent-progress": STAFF,
    "consent-sheets": {"teacher"},
    "consent-invite": {"teacher"},
    "consent-renew": {"teacher"},
    "consent-learner": {"teacher", "steward"},
    "consent-paper": {"teacher"},
    "party-contact": {"teacher"},
    "party-links": {"teacher"},
    "consent-scan": {"teacher", "steward"},
    "notice-list": {"steward"},
    "notice-create": {"steward"},
    "notice-edit": {"steward"},
    "notice-copy": {"steward"},
    "notice-publish": {"steward"},
    "withdrawal-list": {"steward"},
    "release-list": {"steward"},
    "release-propose": {"steward"},
    "release-detail": {"steward"},
    "release-progress": {"steward"},
    "release-approve": {"steward"},
    "release-reject": {"steward"},
    "release-rebuild": {"steward"},
    "release-download": {"steward"},
    "release-publish": {"steward"},
    "holder-list": {"steward"},
    "holder-archive": {"steward"},
    "holder-again": {"steward"},
    "holder-told": {"steward"},
    "holder-notice": {"steward"},
    "holder-notice-json": {"steward"},
    "rating-queue": {"evaluator"},
    "rating-next": {"evaluator"},
    "rating-rate": {"evaluator"},
    "rating-audio": {"evaluator"},
    "rating-undo": {"evaluator"},
    "rating-flag": {"evaluator"},
    "round-list": {"steward"},
    "round-create": {"steward"},
    "round-detail": {"steward"},
    "round-evaluators": {"steward"},
    "round-open": {"steward"},
    "round-delete": {"steward"},
}
"""Who may open the address when its object is of our school; nobody else, whatever the method."""
WITHOUT_SIGN_IN = {"login", "logout", "set-language", "about", "notice-audio"} | {
    name for name in ALLOWED if name.startswith("family")
}
"""Addresses that answer people who are not signed in; the others send them to the sign-in page."""


def objects(place: Place) -> dict[str, object]:
    """Return what each parameter of an address stands for in a school."""
    return {
        "provider_id": "etablissement",
        "class_id": place.school_class.pk,
        "learner_id": place.agreeing.pk,
        "session_id": place.session.pk,
        "recording_id": place.recording.pk,
        "segment_id": place.segment.pk,
        "upload_id": place.upload.pk,
        "list_id": place.prompt_list.pk,
        "party_id": place.agreeing.consent.parties.first().pk,
        "token": links.token(place.agreeing.consent.parties.first()),
        "notice_id": place.agreeing.consent.notice_id,
        "release_id": place.release.pk,
        "holder_id": place.holder.pk,
        "round_id": place.segment.rated.get().round_id,
        "rating_id": place.segment.rated.get().ratings.get().pk,
        "signature_id": place.agreeing.consent.signatures.exclude(scan="").get().pk,
    }


def addresses(patterns=None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield name and parameters of every address of the portal."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern.name or str(pattern.pattern), tuple(pattern.pattern.converters)


def people(world: World) -> dict[str, object]:
    """Return who plays which role."""
    ours, theirs = world.ours, world.theirs
    return {
        "nobody": None,
        "teacher": ours.teacher,
        "colleague": ours.colleague,
        "foreign teacher": theirs.teacher,
        "head": ours.head,
        "foreign head": theirs.head,
        "steward": world.steward,
        "evaluator": world.evaluator,
    }


def test_every_address_is_listed():
    assert {name for name, _ in addresses()} == set(ALLOWED)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_only_who_is_listed_gets_in(everyone, signed_in, method):
    wrong = []
    known = objects(everyone.ours)
    for role, person in people(everyone).items():
        cookies = signed_in(person).cookies
        for name, parameters in addresses():
            client = Client()
            client.cookies = deepcopy(cookies)
            address = reverse(name, kwargs={one: known[one] for one in parameters})
            with transaction.atomic():
                answer = getattr(client, method)(address)
                # What one of them deletes, the next one finds again.
                transaction.set_rollback(True)
            refused = answer.status_code in (403, 404)
            to_sign_in = answer.status_code == 302 and answer.url.startswith(reverse("login"))
            if role == "nobody" and name not in WITHOUT_SIGN_IN:
                right = to_sign_in or refused
            elif role in ALLOWED[name]:
                right = not refused and answer.status_code < 500
            else:
                right = refused
            if not right:
                wrong.append((role, name, answer.status_code))
    assert wrong == []


def test_a_form_without_its_token_is_refused(everyone):
    client = Client(enforce_csrf_checks=True)
    client.force_login(everyone.ours.teacher, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(reverse("class-create"), {"name": "5eA"}).status_code == 403
    assert everyone.ours.school.schoolclass_set.filter(name="5eA").count() == 0
