"""Sending and recording in a real browser: a cut line, a reload, the keyboard alone, a made-up microphone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, Route, expect

from collection.web.recordings.models import Fate, Recording, State
from tests.collection.web.browsing import CHROMIUM, sign_in, too_wide, violations, window
from tests.collection.web.sounding import TEXTS, paused, spoken, wav, work
from tests.factories import encoded, noise

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[3]


def big() -> bytes:
    """Return a sound of more than one chunk."""
    return encoded(noise(300.0, rms=0.01))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Open an empty window in which requests may fail: lines are cut here. A script that fails still fails the test."""
    with window(chromium, requests_may_fail=True) as opened:
        yield opened


@pytest.fixture
def sending(everyone, page, live_server) -> Page:
    """Open the page that sends recordings."""
    sign_in(page, live_server.url, everyone.ours.teacher)
    page.goto(live_server.url + reverse("recording-send", kwargs={"session_id": everyone.ours.session.pk}))
    return page


def chosen(page: Page, *files: tuple[str, bytes]) -> None:
    """Choose files, as the file dialog does."""
    page.locator("#files").set_input_files(
        [{"name": name, "mimeType": "audio/wav", "buffer": data} for name, data in files]
    )


def shot(page: Page, name: str) -> None:
    """Renew a picture of the documentation, when asked: ``PORTAL_SCREENS=1 python -m pytest …``."""
    if os.environ.get("PORTAL_SCREENS"):
        page.screenshot(path=ROOT / "docs" / "screens" / f"{name}.png", full_page=True)


def arrived(data: bytes) -> Recording:
    """Return the recording of a file, whole and unchanged."""
    recording = Recording.objects.get(sha256=hashlib.sha256(data).hexdigest())
    assert recording.sound.read() == data
    return recording


def test_a_file_is_sent_heard_and_shown(everyone, sending, live_server):
    page, sound = sending, wav()
    chosen(page, ("abadie-INES lecture.wav", sound), ("notes.txt", b"no sound"))
    mine = page.locator(".portal-file").first
    assert mine.locator("select option:checked").inner_text() == "ABADIE Inès"
    expect(page.locator(".portal-file").nth(1)).to_contain_text("Format non accepté")
    page.locator("#device").select_option("phone")
    page.get_by_role("button", name="Tout envoyer").click()
    expect(mine).to_contain_text("Arrivé en entier", timeout=30_000)
    assert violations(page) == []
    shot(page, "send")
    recording = arrived(sound)
    assert (recording.learner, recording.device) == (everyone.ours.agreeing, "phone")
    page.goto(live_server.url + reverse("session-recordings", kwargs={"session_id": everyone.ours.session.pk}))
    expect(page.locator("#listening")).to_contain_text("L’écoute est en cours")
    work()
    # The page finds out by itself.
    row = page.locator(f"[data-recording='{recording.pk}']")
    expect(row.locator("[data-field='kept']")).to_have_text("2", timeout=15_000)
    expect(page.locator("#listening")).to_contain_text("Tout est écouté")
    row.locator("a").click()
    expect(page.locator(".wave-box--kept")).to_have_count(2)
    with page.expect_response(lambda answer: "/son/" in answer.url) as played:
        page.get_by_role("button", name="Écouter 1").press("Enter")
    assert played.value.status in (200, 206)
    shot(page, "recording")
    assert violations(page) == []


def test_a_cut_line_loses_nothing(everyone, sending):
    page, sound = sending, big()
    patches = []

    def cutting(route: Route) -> None:
        if route.request.method == "PATCH":
            patches.append(route.request.headers["upload-offset"])
            if len(patches) == 2:
                page.context.set_offline(True)
                route.abort("connectionreset")
                return
        route.continue_()

    page.route("**/envois/**", cutting)
    chosen(page, ("Abadie.wav", sound))
    page.get_by_role("button", name="Tout envoyer").click()
    row = page.locator(".portal-file")
    expect(row).to_contain_text("Connexion coupée", timeout=60_000)
    page.context.set_offline(False)
    expect(row).to_contain_text("Arrivé en entier", timeout=60_000)
    arrived(sound)
    # The first chunk was not sent twice.
    assert patches[0] == "0"
    assert all(offset == str(8 * 2**20) for offset in patches[1:])


def test_a_reload_goes_on_where_it_was(everyone, sending, tmp_path):
    page, sound = sending, big()
    file = tmp_path / "Abadie.wav"
    file.write_bytes(sound)
    patches = []

    def first_only(route: Route) -> None:
        patches.append(route.request.headers["upload-offset"])
        if len(patches) == 2:
            return  # never answered: the lid is closed
        route.continue_()

    page.route(
        "**/envois/*/", lambda route: first_only(route) if route.request.method == "PATCH" else route.continue_()
    )
    page.locator("#files").set_input_files(file)
    page.get_by_role("button", name="Tout envoyer").click()
    for _ in range(600):
        if len(patches) == 2:
            break
        page.wait_for_timeout(100)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.locator("#files").set_input_files(file)
    page.get_by_role("button", name="Tout envoyer").click()
    expect(page.locator(".portal-file")).to_contain_text("Arrivé en entier", timeout=60_000)
    arrived(sound)
    assert patches == ["0", str(8 * 2**20), str(8 * 2**20)]


def test_sending_by_keyboard_alone(everyone, sending):
    page, sound = sending, wav()
    with page.expect_file_chooser() as opened:
        page.locator("#device").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "files"
        page.keyboard.press("Enter")
    opened.value.set_files([{"name": "enregistrement.wav", "mimeType": "audio/wav", "buffer": sound}])
    expect(page.locator(".portal-file")).to_have_count(1)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send-all"
    page.keyboard.press("Enter")
    expect(page.locator(".portal-file")).to_contain_text("Arrivé en entier", timeout=30_000)
    arrived(sound)


def test_files_are_dropped_onto_the_page(everyone, sending):
    page, sound = sending, wav()
    dropped = page.evaluate_handle(
        """data => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(data)], "Abadie.wav", {type: "audio/wav"})); return held; }""",
        list(sound),
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    page.get_by_role("button", name="Tout envoyer").click()
    expect(page.locator(".portal-file")).to_contain_text("Arrivé en entier", timeout=30_000)
    arrived(sound)


@pytest.fixture
def speaking(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """Open a browser whose microphone hears one reading again and again."""
    heard = tmp_path / "microphone.wav"
    # Long quiet, so that the check of the microphone and the automatic stop both find some.
    heard.write_bytes(encoded(paused([spoken(TEXTS[1]), 0 * noise(1.5)])))
    browser = chromium.browser_type.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={heard}",
        ],
    )
    context = browser.new_context(locale="fr-FR", reduced_motion="reduce", permissions=["microphone"])
    yield context.new_page()
    browser.close()


def test_a_learner_is_recorded_at_the_computer_without_a_line(everyone, speaking, live_server):
    page, ours = speaking, everyone.ours
    Recording.objects.all().delete()
    sign_in(page, live_server.url, ours.teacher)
    page.goto(live_server.url + reverse("recorder", kwargs={"session_id": ours.session.pk}))
    page.get_by_role("button", name="Vérifier le micro").press("Enter")
    expect(page.locator("#recorder[data-verdict]")).to_have_count(1, timeout=30_000)
    page.context.set_offline(True)
    page.locator("#who").select_option(label="ABADIE Inès")
    for text in TEXTS[:2]:
        expect(page.locator("#prompt")).to_have_text(text)
        page.keyboard.press("Enter")  # the focus is on "Enregistrer"
        # It stops by itself, and the focus is on "Texte suivant".
        expect(page.locator("#next")).to_be_focused(timeout=40_000)
        assert violations(page) == []
        shot(page, "recorder")
        page.keyboard.press("Enter")
    expect(page.locator("#sent")).to_contain_text("gardées sur cet ordinateur", timeout=10_000)
    assert Recording.objects.count() == 0
    assert not too_wide(page)
    page.context.set_offline(False)
    expect(page.locator("#sent")).to_contain_text("Tout est arrivé", timeout=40_000)
    work()
    recordings = list(Recording.objects.order_by("position"))
    assert [(one.position, one.learner, one.state) for one in recordings] == [
        (0, ours.agreeing, State.DONE),
        (1, ours.agreeing, State.DONE),
    ]
    assert all(one.device == "computer" and one.microphone["verdict"] for one in recordings)
    assert all(one.segments.get().fate in (Fate.KEPT, Fate.FLAGGED) for one in recordings)
