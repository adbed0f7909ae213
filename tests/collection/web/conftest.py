"""Fixtures of the portal's tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.frontend import CommandLineInterface
from django.conf import settings
from django.test import Client
from django.utils import translation
from filelock import FileLock
from playwright.sync_api import Browser, Page, sync_playwright

from collection.web.accounts.models import User
from tests.collection.web.browsing import CHROMIUM, window
from tests.collection.web.world import World, world


@pytest.fixture(scope="session", autouse=True)
def english() -> None:
    """Compile the English catalogue where it is missing or older than its source, as ``make setup`` does."""
    source = Path(settings.BASE) / "locale" / "en" / "LC_MESSAGES" / "django.po"
    with FileLock(Path(tempfile.gettempdir()) / f"parlure-english-{os.getuid()}.lock"):
        made = source.with_suffix(".mo")
        if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
            CommandLineInterface().run(
                ["pybabel", "--quiet", "compile", f"--input-file={source}", f"--output-file={made}", "--locale=en"]
            )


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Begin every test in French: the language of a request stays with its thread."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def folders(settings, tmp_path: Path) -> Iterator[Path]:
    """Give every test a portal folder of its own."""
    settings.PORTAL = tmp_path / "portal"
    settings.MEDIA_ROOT = settings.PORTAL / "media"
    settings.VAULT = settings.PORTAL / "vault"
    settings.RELEASES = settings.PORTAL / "releases"
    settings.RELEASE_PRIVACY = settings.PORTAL / "privacy"
    settings.KEY_FILE = tmp_path / "key" / "portal.key"
    return tmp_path


@pytest.fixture
def everyone(db, folders: Path) -> World:
    """Two schools with everybody in them."""
    return world()


@pytest.fixture
def signed_in(db) -> Callable[[User | None], Client]:
    """Return a browser in which somebody, or nobody, is signed in."""

    def open_for(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return open_for


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Chromium once; its microphone is made up."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright keeps an event loop in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open an empty window; whatever the page logs as an error fails the test."""
    with window(chromium) as opened:
        yield opened
