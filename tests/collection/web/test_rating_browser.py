"""An expert who never touches the mouse, and one whose browser runs no script."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session

from collection.web.consents import answering
from collection.web.rating import queue
from collection.web.rating.models import Rating, Round
from collection.web.rating.scales import UNJUDGED, cells
from collection.web.recordings.models import Recording, Upload
from tests.collection.web.browsing import sign_in, too_wide, violations, window
from tests.collection.web.sounding import TEXTS
from tests.collection.web.test_rating import classmates, read_aloud
from tests.collection.web.world import PASSWORD, rating_round

pytestmark = pytest.mark.browser


@pytest.fixture
def found(everyone):
    """Return a round of three short readings for one evaluator."""
    Round.objects.all().delete()
    Upload.objects.all().delete()
    Recording.objects.all().delete()
    for number, learner in enumerate(classmates(everyone.ours, 3)):
        read_aloud(everyone.ours, learner, TEXTS[0], number)
    return rating_round(everyone.steward, [everyone.evaluator])


def here(page) -> str:
    """Return the name of the score that is asked now."""
    return str(page.evaluate("document.activeElement.name"))


def marks(rating: Rating) -> dict[str, object]:
    """Return what is kept of a rating."""
    rating.refresh_from_db()
    return rating.marks


def test_three_readings_are_rated_with_keys_alone(found, everyone, page, live_server):
    sign_in(page, live_server.url, everyone.evaluator)
    press = page.keyboard.press
    # The first page of an evaluator is the queue: from its top to the button with Tab.
    page.wait_for_url("**/notation/")
    for _ in range(30):
        press("Tab")
        if "Commencer" in page.evaluate("document.activeElement.textContent"):
            break
    press("Enter")
    page.wait_for_url(re.compile(r"/notation/[0-9a-f-]{36}/$"))
    order = list(Rating.objects.order_by("position"))
    asked = [cell.name for cell in cells(order[0].item.words, found.levels)]
    assert here(page) == asked[0] == "s-accuracy"

    with page.expect_response(re.compile("/son/$")) as answer:
        press("Space")
    assert answer.value.headers["content-type"] == "audio/flac"
    page.wait_for_function("!document.getElementById('sound').paused")
    press("Space")
    page.wait_for_function("document.getElementById('sound').paused")

    # Ten by the key beside 0, by a letter, and by 1 and 0; what cannot be judged; one step back.
    press("Minus")
    press("d")
    press("1")
    press("0")
    press("u")
    assert here(page) == "p-0-0"
    press("ArrowLeft")
    press("7")
    # Enter before all is there leads to what is missing.
    press("Enter")
    assert here(page) == "p-0-0"
    assert page.locator(".rate-cell--missing").count() == len(asked) - 4
    press("1")
    press("j")
    # The next word: sounds one by one, then its own scores.
    assert here(page) == "p-1-0"
    press("ArrowUp")
    assert here(page) == "p-0-0"
    press("ArrowDown")
    for key in "201210":
        press(key)
    assert here(page) == "w-1-accuracy"
    press("4")
    press("1")
    press("0")
    assert page.locator("#left").text_content().startswith("Tout est noté")
    with page.expect_navigation():
        press("Enter")
    assert marks(order[0]) == {
        "s-accuracy": 10,
        "s-completeness": 10,
        "s-fluency": 10,
        "s-prosody": 7,
        "p-0-0": 1,
        "p-0-1": 2,
        "p-0-2": 2,
        "w-0-accuracy": 10,
        **{f"p-1-{place}": int(key) for place, key in enumerate("201210")},
        "w-1-accuracy": 4,
        "w-1-stress": 10,
    }
    for number in (1, 2):
        page.wait_for_selector(f"h1:has-text('Lecture {number + 1} sur 3')")
        assert here(page) == asked[0]
        for _ in asked:
            press("u")
        with page.expect_navigation():
            press("Enter")
    page.wait_for_url("**/notation/")
    assert page.locator("main").inner_text().count("3 sur 3") == 1
    assert set(marks(order[2]).values()) == {UNJUDGED}
    assert queue.progress(everyone.evaluator, found).done == 3


def test_the_reading_before_comes_back_by_a_key(found, everyone, page, live_server):
    sign_in(page, live_server.url, everyone.evaluator)
    page.goto(f"{live_server.url}/notation/tours/{found.pk}/suivante/")
    first = Rating.objects.order_by("position").first()
    for _ in cells(first.item.words, found.levels):
        page.keyboard.press("u")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Lecture 2 sur 3')")
    with page.expect_navigation():
        page.keyboard.press("z")
    page.wait_for_selector("h1:has-text('Lecture 1 sur 3')")
    assert page.locator("input:checked").count() == len(marks(first))


def test_shortcuts_can_be_switched_off_for_good(found, everyone, page, live_server):
    sign_in(page, live_server.url, everyone.evaluator)
    page.goto(f"{live_server.url}/notation/tours/{found.pk}/suivante/")
    page.get_by_role("button", name="Raccourcis clavier").click()
    page.reload()
    radio = page.locator("[name=s-accuracy]").first
    radio.focus()
    page.keyboard.press("7")
    assert page.locator("input:checked").count() == 0
    page.keyboard.press("Space")
    assert radio.is_checked()
    page.keyboard.press("ArrowRight")
    assert page.locator("[name=s-accuracy]").nth(1).is_checked()


def test_without_scripts_the_page_is_a_plain_form(found, everyone, chromium, live_server):
    context = chromium.new_context(java_script_enabled=False, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{live_server.url}/connexion/")
    page.get_by_label("Identifiant").fill(everyone.evaluator.username)
    page.get_by_label("Mot de passe").fill("une phrase assez longue")
    page.locator("main button").click()
    page.get_by_role("link", name="Commencer").click()
    first = Rating.objects.order_by("position").first()
    asked = list(cells(first.item.words, found.levels))
    page.get_by_role("button", name="Enregistrer, lecture suivante").click()
    assert "Il manque" in page.locator("main").inner_text()
    for cell in asked:
        page.locator(f"[name={cell.name}][value='{cell.scale.values[-1]}']").check()
    page.get_by_role("button", name="Enregistrer, lecture suivante").click()
    assert "Lecture 2 sur 3" in page.locator("h1").inner_text()
    assert len(marks(first)) == len(asked)
    context.close()


def test_marks_outlive_the_session_and_the_round(found, everyone, page, live_server):
    sign_in(page, live_server.url, everyone.evaluator)
    page.goto(f"{live_server.url}/notation/tours/{found.pk}/suivante/")
    first, second = Rating.objects.order_by("position")[:2]
    asked = list(cells(first.item.words, found.levels))
    for key in "7896":
        page.keyboard.press(key)
    page.keyboard.press("j")
    # The page is left and opened again: what was given is there, and said to be unsaved.
    page.reload()
    assert page.locator("#again").is_visible()
    given = page.locator("input:checked").count()
    assert given > len("7896")
    for _ in range(len(asked) - given):
        page.keyboard.press("u")
    assert page.locator("input:checked").count() == len(asked)
    assert violations(page) == []
    Session.objects.all().delete()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "/connexion/" in page.url
    assert marks(first) == {}
    page.get_by_label("Identifiant").fill(everyone.evaluator.username)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(f"**/notation/{first.pk}/")
    assert page.locator("#again").is_visible()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Lecture 2 sur 3')")
    assert len(marks(first)) == len(asked)
    assert marks(first)["s-fluency"] == 9
    assert page.locator("#again").is_hidden()
    # Nothing of what arrived is left in the browser.
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('parlure-marks-'))") == []

    page.keyboard.press("5")
    Round.objects.filter(pk=found.pk).update(open=False)
    page.get_by_role("button", name="Faire une pause").click()
    page.wait_for_selector("h1:has-text('Ce tour est fermé')")
    assert "Exactitude : 5" in page.locator("main").inner_text()
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert not too_wide(page)
    Round.objects.filter(pk=found.pk).update(open=True)
    page.goto(f"{live_server.url}/notation/{second.pk}/")
    assert page.locator("input:checked").count() == 1


def test_a_reading_withdrawn_under_an_open_page_leaves_nothing_of_it(found, everyone, chromium, live_server):
    with window(chromium, requests_may_fail=True) as page:
        sign_in(page, live_server.url, everyone.evaluator)
        rating = Rating.objects.get(item__segment__learner=everyone.ours.agreeing)
        page.goto(f"{live_server.url}/notation/{rating.pk}/")
        text = rating.item.text
        assert text in page.locator("main").inner_text()
        page.keyboard.press("5")
        answering.take_back(everyone.ours.agreeing.consent.parties.get(role="guardian"))
        with page.expect_response(re.compile("/son/$")) as answer:
            page.keyboard.press("Space")
        assert answer.value.status == 404
        page.get_by_role("button", name="Faire une pause").click()
        page.wait_for_selector("h1:has-text('n’est plus à noter')")
        assert text not in page.content()
        assert violations(page) == []
        page.reload()
        page.get_by_role("link", name="Continuer à noter").click()
        page.get_by_role("link", name="Continuer").or_(page.get_by_role("link", name="Commencer")).click()
        assert page.locator("input:checked").count() == 0
        assert page.evaluate(f"sessionStorage.getItem('parlure-marks-{rating.pk}')") is None
