"""Every page in a real browser: no accessibility violation, no sideways scrolling at 320 px, no script error."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.collection.web.browsing import sign_in, too_wide, violations
from tests.collection.web.test_access import ALLOWED, addresses, objects

pytestmark = pytest.mark.browser

NOT_PAGES = {"home", "logout", "set-language", "roster-export", "list-delete", "session-delete"}
NOT_PAGES |= {"upload-create", "upload", "session-progress", "recording-keep", "segment-decide", "segment-audio"}
NOT_PAGES |= {
    "family-answer",
    "family-link",
    "family-leave",
    "family-receipt-json",
    "family-receipt-pdf",
    "notice-audio",
}
NOT_PAGES |= {"consent-sheets", "consent-invite", "party-links", "consent-scan", "notice-copy", "notice-publish"}
NOT_PAGES |= {"rating-next", "rating-audio", "rating-undo", "rating-flag", "round-open"}
NOT_PAGES |= {"openid_connect_login", "openid_connect_callback"}
NOT_PAGES |= {"release-progress", "release-approve", "release-rebuild", "holder-again", "holder-told"}
# Refused without files; test_releases_browser.py looks at them with some.
NOT_PAGES |= {"release-download", "release-publish", "holder-archive", "holder-notice", "holder-notice-json"}
"""Addresses that show nothing of their own."""
STEWARDS = ["audit-list", "school-list", "notice-list", "notice-create", "notice-edit", "withdrawal-list"]
STEWARDS += ["release-list", "release-propose", "release-detail", "release-reject", "holder-list"]
STEWARDS += ["round-list", "round-create", "round-detail", "round-evaluators", "round-delete"]
ROLE_OF = dict.fromkeys(STEWARDS, "steward") | {"rating-queue": "evaluator", "rating-rate": "evaluator"}
"""Who looks at a page, when it is not the teacher."""


@pytest.fixture
def visited(everyone):
    """Return name and address of every page, and who looks at it."""
    known = objects(everyone.ours)
    people = {"teacher": everyone.ours.teacher, "steward": everyone.steward, "evaluator": everyone.evaluator}
    return [
        (name, reverse(name, kwargs={one: known[one] for one in parameters}), people[ROLE_OF.get(name, "teacher")])
        for name, parameters in addresses()
        if name in ALLOWED and name not in NOT_PAGES
    ]


@pytest.mark.parametrize("width", [320, 1280])
def test_pages_are_accessible_and_fit(everyone, visited, page, live_server, width):
    page.set_viewport_size({"width": width, "height": 800})
    wrong = []
    # Signed out first, then one role after the other.
    for name, address, _ in [one for one in visited if one[0] in ("login", "about")]:
        page.goto(live_server.url + address)
        wrong += [f"{name}: {line}" for line in violations(page)]
        wrong += [f"{name}: scrolls sideways"] if too_wide(page) else []
    for person in dict.fromkeys(person for _, _, person in visited):
        page.context.clear_cookies()
        sign_in(page, live_server.url, person)
        for name, address, viewer in visited:
            if viewer != person or name == "login":
                continue
            page.goto(live_server.url + address)
            wrong += [f"{name}: {line}" for line in violations(page)]
            wrong += [f"{name}: scrolls sideways"] if too_wide(page) else []
    assert wrong == []
