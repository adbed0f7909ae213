"""The portal in English: nothing left out, the same placeholders, no French on any page, and the reader's own choice."""

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
from tests.collection.web.browsing import sign_in, too_wide, violations
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
