"""The journal: every change of a written line is seen."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from collection.web.audit import journal
from collection.web.audit.models import Entry


def written(count: int) -> list[Entry]:
    """Write a few lines and read them back."""
    for number in range(count):
        journal.record("test", "thing.done", f"thing:{number}", count=number)
    return list(Entry.objects.order_by("seq"))


@pytest.mark.django_db
def test_lines_are_numbered_and_chained():
    first, second = written(2)
    assert (first.seq, second.seq) == (1, 2)
    assert first.before == journal.FIRST
    assert second.before == first.sha256
    assert journal.broken([first, second]) is None
    assert journal.head()[:2] == (2, second.sha256)


class Tampering(TestCase):
    """Properties of a tampered journal."""

    @settings(max_examples=30)
    @given(line=st.integers(0, 4), field=st.sampled_from(["actor", "action", "subject", "details", "at", "before"]))
    def test_a_changed_line_is_found(self, line, field):
        Entry.objects.all().delete()
        lines = written(5)
        changed = lines[line]
        value = {"details": {"count": 99}, "at": changed.at.replace(year=2001)}.get(field, "x")
        setattr(changed, field, value)
        assert journal.broken(lines) == line + 1

    @settings(max_examples=10)
    @given(line=st.integers(0, 3))
    def test_a_line_that_is_gone_or_moved_is_found(self, line):
        Entry.objects.all().delete()
        lines = written(5)
        assert journal.broken(lines[:line] + lines[line + 1 :]) == line + 1
        moved = list(lines)
        moved[line], moved[line + 1] = moved[line + 1], moved[line]
        assert journal.broken(moved) == line + 1


@pytest.mark.django_db
def test_a_line_goes_with_what_it_tells():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        journal.record("test", "thing.done")
        1 / 0  # noqa: B018
    assert Entry.objects.count() == 0


def test_the_steward_searches_and_verifies(everyone, signed_in):
    written(3)
    page = signed_in(everyone.steward).get("/journal/?q=thing:1&verify=1").content.decode()
    assert "thing:1" in page
    assert "thing:2" not in page
    assert "Toutes les lignes tiennent." in page
    Entry.objects.filter(seq=2).update(action="nothing")
    page = signed_in(everyone.steward).get("/journal/?verify=1").content.decode()
    assert "La ligne 2 a été changée" in page
