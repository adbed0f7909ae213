"""Families without an account: links, codes, one window for one person, answers as easy one way as the other."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collection.schema import Purpose
from collection.web.audit.models import Entry
from collection.web.consents import answering, links
from collection.web.consents.models import Party, Signature
from tests.collection.web.world import notice

ALL = [purpose.value for purpose in Purpose]


@pytest.fixture
def pupil(everyone):
    """Somebody whose family was asked and has not answered."""
    answering.ask(everyone.ours.silent, notice())
    return everyone.ours.silent


@pytest.fixture
def guardian(pupil) -> Party:
    return pupil.consent.parties.get(role="guardian")


def opened(party: Party) -> Client:
    """Return a browser that came in by somebody's link."""
    client = Client()
    assert client.get(reverse("family-link", kwargs={"token": links.token(party)})).url == reverse("family")
    return client


def refused(client: Client, token: str) -> bool:
    answer = client.get(reverse("family-link", kwargs={"token": token}))
    return answer.status_code == 410 and client.get(reverse("family")).status_code == 302


class TestLinks:
    def test_a_link_opens_the_page_of_its_person(self, guardian):
        page = opened(guardian).get(reverse("family")).content.decode()
        assert "responsable légal de Léa" in page
        assert "La voix de votre enfant" in page

    def test_a_changed_link_opens_nothing(self, guardian, pupil):
        token = links.token(guardian)
        other = pupil.consent.parties.get(role="learner")
        body, _, tail = token.partition(":")
        forged = f"{other.pk.hex}.{body.partition('.')[2]}:{tail}"
        for given in (forged, token[:-1] + ("A" if token[-1] != "A" else "B"), body, "x", "a.b:c:d", "é" * 40):
            assert refused(Client(), given), given

    def test_a_link_signed_for_something_else_opens_nothing(self, guardian):
        body = links.token(guardian).rsplit(":", 2)[0]
        assert refused(Client(), signing.TimestampSigner(salt="password-reset").sign(body))

    def test_a_link_ends_after_its_time(self, guardian, monkeypatch):
        token = links.token(guardian)
        for days, ended in ((links.VALID.days - 1, False), (links.VALID.days + 1, True)):
            later = signing.time.time() + days * 86_400
            monkeypatch.setattr(signing.time, "time", lambda later=later: later)
            assert (links.by_token(token) is None) == ended
            monkeypatch.undo()

    def test_ended_links_open_nothing_and_close_what_they_opened(self, guardian):
        token, client = links.token(guardian), opened(guardian)
        answering.end_links(guardian)
        assert refused(Client(), token)
        assert client.get(reverse("family")).url == reverse("family-code")
        assert links.by_token(links.token(guardian)) == guardian

    def test_a_bad_link_closes_the_window_of_somebody_else(self, guardian):
        client = opened(guardian)
        assert refused(client, "x")

    def test_a_window_closes_by_itself_and_by_hand(self, guardian):
        client = opened(guardian)
        session = client.session
        session["family"] = {**session["family"], "until": (timezone.now() - timedelta(seconds=1)).timestamp()}
        session.save()
        assert client.get(reverse("family")).status_code == 302
        client = opened(guardian)
        client.post(reverse("family-leave"))
        assert client.get(reverse("family")).status_code == 302

    def test_the_session_gets_a_new_number(self, guardian):
        client = Client()
        session = client.session
        session["planted"] = 1
        session.save()
        before = client.cookies["session"].value
        client.get(reverse("family-link", kwargs={"token": links.token(guardian)}))
        assert client.cookies["session"].value != before


class TestCodes:
    def test_a_code_opens_however_it_is_typed(self, guardian):
        for typed in (guardian.code, guardian.code.lower(), f" {guardian.code[:4]} - {guardian.code[4:]} "):
            client = Client()
            assert client.post(reverse("family-code"), {"code": typed}).url == reverse("family")
            assert "Léa" in client.get(reverse("family")).content.decode()

    def test_wrong_codes_are_all_answered_alike(self, guardian, django_assert_num_queries):
        ended = guardian.code
        guardian.code = "AAAAAAAA"
        guardian.save()
        pages = set()
        for typed in ("ZZZZZZZZ", ended, "x", "'; drop table", "🙂"):
            answer = Client().post(reverse("family-code"), {"code": typed})
            assert answer.status_code == 200
            page = answer.content.decode()
            main = page[page.index("<main") : page.index("</main")]
            assert "Ce code n’est pas valable" in main
            pages.add(re.sub(r'value="[^"]*"', "", main))
            with django_assert_num_queries(1):
                assert links.by_code(typed) is None
        assert len(pages) == 1

    def test_guessing_is_locked_whoever_the_browser_says_it_is(self, guardian):
        for number in range(links.CODE_TRIES):
            agent = {"HTTP_USER_AGENT": f"browser {number % 7}"}
            assert Client().post(reverse("family-code"), {"code": "ZZZZZZZZ"}, **agent).status_code == 200
        answer = Client().post(reverse("family-code"), {"code": guardian.code})
        assert answer.status_code == 429
        assert Client().get(reverse("family-code")).status_code == 429
        # From elsewhere the right code still opens, and nobody's account is locked.
        elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
        assert Client().post(reverse("family-code"), {"code": guardian.code}, **elsewhere).status_code == 302
        assert Client().get(reverse("login")).status_code == 200

    def test_a_right_code_does_not_reset_the_count(self, guardian):
        for _ in range(links.CODE_TRIES - 1):
            Client().post(reverse("family-code"), {"code": "ZZZZZZZZ"})
        assert Client().post(reverse("family-code"), {"code": guardian.code}).status_code == 302
        Client().post(reverse("family-code"), {"code": "ZZZZZZZZ"})
        assert Client().post(reverse("family-code"), {"code": guardian.code}).status_code == 429

    def test_what_was_typed_is_not_kept(self, guardian):
        Client().post(reverse("family-code"), {"code": guardian.code[:-1] + "?"})
        assert guardian.code[:-1] not in str(list(AccessAttempt.objects.values()))


class TestAnswers:
    @pytest.mark.parametrize(("button", "yes"), [("all-yes", True), ("all-no", False)])
    def test_one_button_answers_everything(self, guardian, button, yes):
        client = opened(guardian)
        assert client.post(reverse("family-answer"), {button: "1", "texte": "fr-standard"}).url == reverse("family")
        (signature,) = guardian.signature_set.all()
        assert signature.answers == dict.fromkeys(ALL, yes)
        assert (signature.channel, signature.typed_by) == ("link", None)

    def test_one_answer_a_purpose(self, guardian):
        given = dict(zip(ALL, ("yes", "no", "yes", "no"), strict=True))
        opened(guardian).post(reverse("family-answer"), {"each": "1", **given})
        assert guardian.signature_set.get().answers == dict(zip(ALL, (True, False, True, False), strict=True))

    def test_half_an_answer_is_asked_again_and_nothing_is_chosen_beforehand(self, guardian):
        client = opened(guardian)
        page = client.post(reverse("family-answer"), {"each": "1", "research": "yes"})
        assert page.status_code == 200
        assert page.content.decode().count("Choisissez oui ou non") >= 3
        assert Signature.objects.filter(party=guardian).count() == 0
        assert "checked" not in client.get(reverse("family")).content.decode()

    def test_a_code_says_so_in_the_signature(self, guardian):
        client = Client()
        client.post(reverse("family-code"), {"code": guardian.code})
        client.post(reverse("family-answer"), {"all-no": "1"})
        assert guardian.signature_set.get().channel == "code"

    def test_a_yes_after_a_no_of_today_waits_until_tomorrow(self, guardian):
        client = opened(guardian)
        client.post(reverse("family-answer"), {"all-no": "1"})
        page = client.post(reverse("family-answer"), {"all-yes": "1"}, follow=True).content.decode()
        assert "à partir de demain" in page
        assert guardian.signature_set.count() == 1

    def test_each_answers_for_themselves(self, pupil):
        for role, button in (("guardian", "all-yes"), ("learner", "all-no")):
            opened(pupil.consent.parties.get(role=role)).post(reverse("family-answer"), {button: "1"})
        assert {one.party.role: any(one.answers.values()) for one in pupil.consent.signatures.all()} == {
            "guardian": True,
            "learner": False,
        }

    def test_a_form_without_its_token_is_refused(self, guardian):
        client = Client(enforce_csrf_checks=True)
        client.get(reverse("family-link", kwargs={"token": links.token(guardian)}))
        assert client.post(reverse("family-answer"), {"all-yes": "1"}).status_code == 403
        assert client.post(reverse("family-withdraw")).status_code == 403
        assert not guardian.signature_set.exists()

    def test_nobody_without_a_window_answers(self, guardian):
        for name in ("family-answer", "family-withdraw", "family-receipt-json", "family-receipt-pdf"):
            assert Client().post(reverse(name), {"all-yes": "1"}).url == reverse("family-code")
        assert not Signature.objects.filter(party=guardian).exists()


class TestOneFamilyOnly:
    def test_no_parameter_leads_to_another_family(self, everyone, guardian):
        other = everyone.theirs.agreeing.consent.parties.first()
        client = opened(guardian)
        given = {"party": other.pk, "party_id": other.pk, "learner_id": other.consent.learner_id, "texte": other.pk}
        page = client.get(reverse("family"), given).content.decode()
        assert "Léa" in page
        assert "Inès" not in page
        assert client.get(reverse("family-receipt-json"), given).json()["@id"] == f"urn:uuid:{guardian.pk}"
        client.post(reverse("family-answer"), {"all-no": "1", "party": other.pk, "party_id": other.pk})
        assert other.signature_set.count() == 1

    def test_names_are_shown_as_text(self, guardian, pupil):
        pupil.first_name = '<script>alert("x")</script>'
        pupil.last_name = "{{ secret }}"
        pupil.save()
        page = opened(guardian).get(reverse("family")).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page

    def test_a_receipt_says_what_was_said_and_names_nobody(self, guardian):
        client = opened(guardian)
        client.post(reverse("family-answer"), {"all-yes": "1"})
        answer = client.get(reverse("family-receipt-json"))
        found = json.loads(answer.content)
        assert answer["Content-Disposition"].startswith("attachment")
        (event,) = found["dpv:hasConsentStatus"]
        assert event["@type"] == "dpv:ConsentGiven"
        assert event["parlure:answers"] == dict.fromkeys(ALL, True)
        assert event["dpv:hasNotice"]["parlure:sha256"] == notice().sha256
        # The guardian said yes, the learner has not: nothing stands yet.
        states = {one["dct:description"] for one in found["dpv:hasProcess"]["dpv:hasPurpose"]}
        assert states == {"learner_assent_missing"}
        assert "no claim of conformance" in found["dct:source"]
        assert not {"Léa", "Costa"} & set(answer.content.decode().replace('"', " ").split())
        printed = client.get(reverse("family-receipt-pdf"))
        assert printed.content.startswith(b"%PDF-")
        assert printed["X-Content-Type-Options"] == "nosniff"

    def test_the_journal_names_nobody(self, guardian):
        client = opened(guardian)
        client.post(reverse("family-answer"), {"all-yes": "1"})
        client.post(reverse("family-withdraw"))
        written = str(list(Entry.objects.values()))
        assert Entry.objects.filter(action="consent.withdraw").exists()
        assert not any(word in written for word in ("Léa", "Costa", guardian.code))
