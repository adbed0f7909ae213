"""What somebody sees who tries the portal for the first time."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from collection.web.accounts.models import User
from collection.web.classes.models import ReadingSession
from collection.web.recordings.models import Fate, Recording, Segment
from tests.collection.web.sounding import work


def test_the_demonstration_shows_what_is_kept_left_and_dropped(db, settings, signed_in):
    settings.DEMO = True
    said = StringIO()
    call_command("demo", stdout=said)
    assert "(Data steward)" in said.getvalue()
    assert "(a family)" in said.getvalue()
    assert len(work()) == 3
    session = ReadingSession.objects.get()
    fates = {one.learner.last_name: [part.fate for part in one.segments.all()] for one in Recording.objects.all()}
    assert fates["Abadie"] == [Fate.KEPT, Fate.KEPT, Fate.FLAGGED, Fate.DROPPED, Fate.KEPT]
    assert fates["Benali"] == [Fate.KEPT] * 5
    assert fates["Costa"] == [Fate.FLAGGED] * 4
    teacher = signed_in(User.objects.get(username="enseignante"))
    page = teacher.get(reverse("session-recordings", kwargs={"session_id": session.pk})).content.decode()
    assert "ABADIE Inès" in page
    call_command("demo", stdout=said)  # a second start changes nothing
    assert Recording.objects.count() == 3
    assert Segment.objects.count() == 14


def test_a_service_has_no_demonstration(db, settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="known passwords"):
        call_command("demo")
