"""A real browser for the portal's tests, and what accessibility checkers find in a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from playwright.sync_api import Browser, Page

from collection.web.accounts.models import User
from tests.collection.web.world import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(settings.FRONTEND) / "axe-core" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def window(chromium: Browser, requests_may_fail: bool = False) -> Iterator[Page]:
    """Open an empty window; a script that fails, or any error that the page logs, fails the test at the end."""
    context = chromium.new_context(locale="fr-FR", reduced_motion="reduce")
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    if not requests_may_fail:
        opened.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert problems == []


def sign_in(page: Page, server: str, user: User) -> None:
    """Sign somebody in by the form, as people do."""
    page.goto(f"{server}/connexion/")
    page.get_by_label("Identifiant").fill(user.username)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(lambda address: "/connexion/" not in address)


def violations(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 AA in the open page, a line each: rule, help, first element."""
    page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = page.evaluate(
        "levels => axe.run(document, {runOnly: {type: 'tag', values: levels}})", LEVELS
    )
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]


def too_wide(page: Page) -> bool:
    """Tell whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
