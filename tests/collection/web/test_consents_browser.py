"""Families in a real browser: a no is as near as a yes, a withdrawal two clicks away, every page accessible."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from playwright.sync_api import Page

from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, links, notices
from collection.web.consents.models import Consent, Party
from collection.web.recordings.models import Recording, Segment
from tests.collection.web.browsing import too_wide, violations
from tests.collection.web.world import notice

pytestmark = pytest.mark.browser


@pytest.fixture
def guardian(everyone) -> Party:
    """Somebody who was asked with the whole notice, and has not answered."""
    made = notices.draft("Académie d’essai", "dpd@essai.example", ["Institut Ouïe"])
    notices.publish(made[0])
    answering.ask(everyone.ours.silent, notices.current())
    return everyone.ours.silent.consent.parties.get(role="guardian")


def enter(page: Page, server: str, party: Party) -> None:
    page.goto(server + reverse("family-link", kwargs={"token": links.token(party)}))


class TestEasyEitherWay:
    @pytest.mark.parametrize(("button", "yes"), [("Oui à tout", True), ("Non à tout", False)])
    def test_one_click_after_the_link_is_an_answer(self, page, live_server, guardian, button, yes):
        enter(page, live_server.url, guardian)
        page.get_by_role("button", name=button).click()
        page.get_by_text("Votre réponse est enregistrée").wait_for()
        assert set(guardian.signature_set.get().answers.values()) == {yes}

    @pytest.mark.parametrize("width", [320, 1280])
    def test_both_buttons_are_of_one_size_and_look(self, page, live_server, guardian, width):
        page.set_viewport_size({"width": width, "height": 800})
        enter(page, live_server.url, guardian)
        yes, no = (page.get_by_role("button", name=name) for name in ("Oui à tout", "Non à tout"))
        a, b = yes.bounding_box(), no.bounding_box()
        assert (a["width"], a["height"]) == (b["width"], b["height"])
        assert yes.get_attribute("class") == no.get_attribute("class")

    @pytest.mark.parametrize("answer", ["Oui", "Non"])
    def test_a_purpose_takes_as_many_clicks_for_a_no_as_for_a_yes(self, page, live_server, guardian, answer):
        enter(page, live_server.url, guardian)
        groups = page.locator("fieldset")
        for number in range(4):
            groups.nth(number).get_by_text(answer, exact=True).click()
        page.get_by_role("button", name="Enregistrer ces réponses").click()
        page.get_by_text("Votre réponse est enregistrée").wait_for()
        assert set(guardian.signature_set.get().answers.values()) == {answer == "Oui"}


class TestWithdrawal:
    def test_two_clicks_take_the_voice_out_of_reach(self, page, live_server, everyone):
        ours = everyone.ours
        name = ours.recording.sound.name
        assert answers.may_be_heard(ours.agreeing)
        enter(page, live_server.url, ours.agreeing.consent.parties.get(role="guardian"))
        page.get_by_role("link", name="Reprendre mon accord").click()
        assert violations(page) == []
        page.get_by_role("button", name="Oui, reprendre l’accord").click()
        page.get_by_text("Votre accord est repris").wait_for()
        assert not answers.may_be_heard(Learner.objects.get(pk=ours.agreeing.pk))
        assert not Segment.objects.filter(learner=ours.agreeing).exists()
        assert not Recording.objects.filter(learner=ours.agreeing).exists()
        assert not default_storage.exists(name)
        assert page.get_by_text("L’accord a été repris").count() == 4


class TestPages:
    @pytest.mark.parametrize("width", [320, 1280])
    def test_family_pages_are_accessible_and_fit(self, page, live_server, guardian, everyone, width):
        page.set_viewport_size({"width": width, "height": 800})
        wrong = []
        enter(page, live_server.url, guardian)
        for text in ("fr-standard", "en-easy"):
            page.goto(f"{live_server.url}{reverse('family')}?texte={text}")
            assert page.locator("html").get_attribute("lang") == text[:2]
            wrong += [f"{text}: {line}" for line in violations(page)]
            wrong += [f"{text}: scrolls sideways"] if too_wide(page) else []
        # Somebody who answered sees what stands; somebody with half an answer sees what is missing.
        page.locator("button[name=each]").click()
        page.locator("fieldset.fr-fieldset--error").first.wait_for()
        assert page.locator("fieldset.fr-fieldset--error").count() == 4
        wrong += [f"errors: {line}" for line in violations(page)]
        enter(page, live_server.url, everyone.ours.agreeing.consent.parties.get(role="learner"))
        wrong += [f"standing: {line}" for line in violations(page)]
        wrong += ["standing: scrolls sideways"] if too_wide(page) else []
        assert wrong == []

    def test_the_square_fills_in_the_code_and_leaves_no_trace(self, page, live_server, guardian):
        page.goto(f"{live_server.url}{reverse('family-code')}#{guardian.code}")
        page.wait_for_function("document.getElementById('id_code').value.length === 8")
        assert guardian.code not in page.url
        page.get_by_role("button", name="Entrer").click()
        page.get_by_text("responsable légal de Léa").wait_for()

    def test_by_keyboard_alone(self, page, live_server, guardian):
        enter(page, live_server.url, guardian)
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "all-no":
                break
        page.keyboard.press("Enter")
        page.get_by_text("Votre réponse est enregistrée").wait_for()
        assert set(guardian.signature_set.get().answers.values()) == {False}
        assert Consent.objects.get(pk=guardian.consent_id).notice != notice()
