"""The portal in English: nothing left out, the same placeholders, no French on a page, the reader's own choice."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.conf import settings
from django.core import mail
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation.template import templatize

from collection.web.consents import invitations, notices, paper
from collection.web.consents.models import Party
from tests.collection.web.browsing import too_wide, violations
from tests.collection.web.test_pages import visited  # noqa: F401 - a fixture

BASE = Path(settings.BASE)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%?[st]?")
KEYWORDS = {"gettext": None, "gettext_lazy": None, "_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
FRENCH = re.compile(r"\b(le|la|les|des|du|une|est|sont|pour|avec|dans|cette|aucune?|élèves?|séances?)\b", re.IGNORECASE)
"""Words that English does not know."""


def catalogue():
    """Return msgid (or singular and plural) and the message of the English catalogue."""
    with (BASE / "locale" / "en" / "LC_MESSAGES" / "django.po").open("rb") as file:
        return {message.id: message for message in read_po(file) if message.id}


def singular(one):
    return one[0] if isinstance(one, tuple) else one


def said_in_source():
    """Yield file and msgid of everything that code and templates mark for translation."""
    for path in sorted(BASE.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"} or "node_modules" in path.parts:
            continue
        source = path.read_text("utf-8")
        if path.suffix != ".py":
            # What is left of the page's own text is indented as no Python is.
            source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).split("\n"))
        for _, _, found, _ in extract_python(io.BytesIO(source.encode()), KEYWORDS, (), {"encoding": "utf-8"}):
            yield path.relative_to(BASE), singular(found)


class TestCatalogue:
    def test_everything_that_is_said_is_in_it(self):
        known = {singular(one) for one in catalogue()}
        found = list(said_in_source())
        assert len(found) > 700
        missing = [f"{path}: {msgid}" for path, msgid in found if msgid not in known]
        assert missing == [], "run `make messages`, then translate them in locale/en/LC_MESSAGES/django.po"

    def test_nothing_is_in_it_twice(self):
        """Two who translate beside each other add the same sentence; gettext then refuses the file."""
        lines = (BASE / "locale" / "en" / "LC_MESSAGES" / "django.po").read_text("utf-8").split("\n")
        assert sum(line.startswith("msgid ") for line in lines) == len(catalogue()) + 1  # and the header
        assert not any(line.startswith("#~") for line in lines)

    def test_nothing_is_left_in_french_or_guessed(self):
        wrong = []
        for msgid, message in catalogue().items():
            english = message.string if isinstance(message.string, tuple) else (message.string,)
            if not all(english) or message.fuzzy:
                wrong.append(msgid)
        assert wrong == []

    def test_placeholders_are_the_same(self):
        wrong = []
        for msgid, message in catalogue().items():
            french = msgid if isinstance(msgid, tuple) else (msgid,)
            english = message.string if isinstance(message.string, tuple) else (message.string,)
            for one, other in zip(french, english, strict=True):
                if sorted(PLACEHOLDER.findall(one)) != sorted(PLACEHOLDER.findall(other)):
                    wrong.append((one, other))
                if (one[0].isspace(), one[-1].isspace()) != (other[0].isspace(), other[-1].isspace()) and one != " : ":
                    wrong.append((one, other))
        assert wrong == []


class Shown(HTMLParser):
    """What a page shows or tells: text and the attributes people hear, save what is said to be in French."""

    TOLD = ("title", "aria-label", "placeholder", "alt", "value")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.inside: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag not in {"input", "meta", "link", "br", "img", "hr", "source"}:
            self.inside.append((tag, told.get("lang") or (self.inside[-1][1] if self.inside else "en")))
        if self._french(told):
            return
        names = [name for name in told if name in self.TOLD or name.startswith("data-")]
        self.said += [" ".join((told[name] or "").split()) for name in names]

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not self._french({}) and not (self.inside and self.inside[-1][0] in {"script", "style"}):
            self.said.append(" ".join(data.split()))

    def _french(self, told):
        return (told.get("lang") or (self.inside[-1][1] if self.inside else "en")) == "fr"


def french_sentences():
    """Return patterns of the sentences that are others in English, the longest first."""
    english = {
        " ".join(one.split())
        for message in catalogue().values()
        for one in (message.string if isinstance(message.string, tuple) else (message.string,))
    }
    for msgid in catalogue():
        for one in msgid if isinstance(msgid, tuple) else (msgid,):
            sentence = " ".join(one.split())
            if sentence not in english and re.search(r"[^\W\d_]", PLACEHOLDER.sub("", sentence)):
                yield re.compile(".+".join(map(re.escape, PLACEHOLDER.split(sentence))))


def french(page: str) -> list[str]:
    """Return what a page says in French."""
    said = set(Shown(page).said) - {""}
    patterns = list(french_sentences())
    return sorted(one for one in said if FRENCH.search(one) or any(pattern.fullmatch(one) for pattern in patterns))


MADE_UP = ("La voix de votre enfant", "Nous enregistrons des lectures.")
"""What people of the test world wrote."""


class TestPages:
    def test_no_page_shows_french(self, everyone, visited, signed_in):  # noqa: F811
        wrong, seen = [], 0
        for name, address, person in visited:
            for viewer in {person, everyone.ours.head} if name == "class-detail" else {person}:
                client = signed_in(None if name in {"login", "about", "family-code"} else viewer)
                answer = client.get(address, headers={"accept-language": "en-GB,en;q=0.9,fr;q=0.5"}, follow=True)
                page = answer.content.decode()
                assert '<html lang="en"' in page, name
                seen += 1
                wrong += [(name, one) for one in french(page) if not one.startswith(MADE_UP)]
        assert seen > 40
        assert wrong == []

    def test_refusals_are_in_english(self, everyone, signed_in):
        client = signed_in(everyone.ours.teacher)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
        ours = {"class_id": everyone.ours.school_class.pk}
        sent = [
            (reverse("class-create"), {"name": "4eB", "year": "2026", "language": "xx"}),
            (reverse("class-create"), {"name": "4eB", "year": "2026-2027", "language": "en"}),
            (reverse("roster-import", kwargs=ours), {"file": io.BytesIO(b"PK\x03\x04")}),
            (reverse("session-create", kwargs=ours), {"title": "", "held_on": "32/13/2026"}),
            (reverse("list-create"), {"title": "x", "language": "en", "lines": "日本"}),
            (reverse("learner-create", kwargs=ours), {"last_name": "Abadie", "birth_date": "x", "level": "Z9"}),
            (reverse("password-change"), {"old_password": "x", "new_password1": "a", "new_password2": "b"}),
        ]
        for address, form in sent:
            page = client.post(address, form).content.decode()
            assert "fr-error-text" in page or "fr-alert--error" in page, address
            assert french(page) == [], address

    def test_every_reason_has_its_english(self):
        from collection.web.words import WORDS, in_words

        with translation.override("en"):
            english = {code: in_words(code) for code in WORDS}
        with translation.override("fr"):
            same = [code for code in WORDS if in_words(code) == english[code]]
        assert same == []

    def test_days_are_written_as_in_britain(self):
        from datetime import date

        with translation.override("en"):
            assert formats.date_format(date(2026, 11, 2)) == "2 November 2026"
            assert formats.date_format(date(2026, 11, 2), "SHORT_DATE_FORMAT") == "02/11/2026"


class TestChoice:
    def test_the_browser_says_which_language(self, client, db):
        for wish, language in (
            ("en-GB,en;q=0.9", "en"),
            ("de-DE,de;q=0.9", "fr"),
            ("fr-FR,en;q=0.5", "fr"),
            ("", "fr"),
        ):
            answer = client.get(reverse("login"), headers={"accept-language": wish})
            assert f'<html lang="{language}"' in answer.content.decode(), wish
            assert answer.headers["Content-Language"] == language

    def test_a_choice_is_remembered_without_an_account(self, client, db):
        address = reverse("family-code")
        answer = client.post(reverse("set-language"), {"language": "en", "next": address})
        assert answer.url == address
        cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
        assert (cookie["max-age"], cookie["samesite"], cookie["httponly"]) == (365 * 86_400, "Lax", True)
        page = client.get(address, headers={"accept-language": "fr"}).content.decode()
        assert '<html lang="en"' in page
        assert "Code on your sheet" in page

    def test_a_choice_leads_to_no_other_site(self, client, db):
        answer = client.post(reverse("set-language"), {"language": "en", "next": "https://evil.example/"})
        assert answer.url == "/"


class TestFamilies:
    @pytest.fixture
    def guardian(self, everyone) -> Party:
        notices.publish(notices.draft("Académie", "dpd@essai.example", ["Parlure"])[0])
        consent = everyone.ours.agreeing.consent
        consent.notice = notices.current()
        consent.save()
        return consent.parties.get(role="guardian")

    def test_a_reader_of_english_gets_the_english_notice_and_page(self, guardian, client):
        from collection.web.consents import links

        english = {"accept-language": "en"}
        client.get(reverse("family-link", kwargs={"token": links.token(guardian)}), headers=english)
        page = client.get(reverse("family"), headers=english).content.decode()
        assert "The learner’s voice" in page
        assert french(page) == []
        page = client.get(reverse("family-withdraw"), headers=english).content.decode()
        assert "Yes, withdraw consent and destroy the recordings" in page

    def test_the_text_that_is_chosen_decides_for_the_pages_after_it(self, guardian, client):
        from collection.web.consents import links

        client.get(reverse("family-link", kwargs={"token": links.token(guardian)}))
        assert "Reprendre mon accord" in client.get(reverse("family")).content.decode()
        assert "The learner’s voice" in client.get(reverse("family"), {"texte": "en-standard"}).content.decode()
        assert "Yes, withdraw consent" in client.get(reverse("family-withdraw")).content.decode()

    def test_messages_and_sheets_are_in_the_language_of_families(self, guardian, settings, rf):
        with translation.override("en"):
            assert invitations.text(guardian, "https://x/")[1].startswith("Bonjour,")
            settings.FAMILY_LANGUAGE = "en"
            subject, body = invitations.text(guardian, "https://x/")
            assert subject == "Your answer about the pupil’s voice"
            assert french(f"<p>{body}</p>") == []
            for kind in ("expiry", "birthday15", "birthday18"):
                body = invitations.text(guardian, "https://x/", "reminder", kind=kind, day="1 May")[1]
                assert "https://x/" in body
                assert french("".join(f"<p>{line}</p>" for line in body.split("\n"))) == []
            assert paper.sheets([guardian], guardian.consent.notice, rf.get("/")).startswith(b"%PDF")
        assert mail.outbox == []

    def test_a_receipt_speaks_the_language_of_its_reader(self, guardian):
        from django.template.loader import render_to_string

        with translation.override("en"):
            page = render_to_string("consents/print/receipt.html", paper.receipt_words(guardian))
        assert 'lang="en"' in page
        assert "There is no name on this receipt." in page
        assert french(page) == []


@pytest.mark.browser
def test_pages_in_english_are_accessible_and_the_choice_is_kept(everyone, page, live_server):
    page.goto(f"{live_server.url}/connexion/")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="FR").click()
    page.get_by_role("button", name="EN – English").click()
    page.wait_for_selector("html[lang=en]")
    page.get_by_label("User name").fill(everyone.ours.teacher.username)
    page.get_by_label("Password").fill("une phrase assez longue")
    page.locator("main button").click()
    page.get_by_role("heading", name="Classes").wait_for()
    ours = everyone.ours
    wrong = []
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for name, known in (
            ("class-list", {}),
            ("class-detail", {"class_id": ours.school_class.pk}),
            ("consent-progress", {"class_id": ours.school_class.pk}),
            ("recording-send", {"session_id": ours.session.pk}),
            ("recorder", {"session_id": ours.session.pk}),
            ("recording-detail", {"recording_id": ours.recording.pk}),
        ):
            page.goto(live_server.url + reverse(name, kwargs=known))
            assert page.locator("html").get_attribute("lang") == "en"
            wrong += [f"{name} at {width}: {line}" for line in violations(page)]
            wrong += [f"{name} at {width}: scrolls sideways"] if too_wide(page) else []
    assert wrong == []
