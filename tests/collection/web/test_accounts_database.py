"""The database of the tests is the one that was asked for, and holds what only a real one holds."""

from __future__ import annotations

import os

import pytest
from django.db import IntegrityError, connection, transaction

from collection.web.accounts.models import Role, User
from collection.web.recordings.models import Recording


def test_the_suite_runs_on_the_database_it_was_given(db):
    wanted = "postgresql" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "sqlite"
    assert connection.vendor == wanted


def test_the_database_itself_refuses_a_teacher_without_a_school(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("x", role=Role.TEACHER)


def test_the_same_file_of_a_whole_class_is_kept_once(everyone):
    form = {"session": everyone.ours.session, "learner": None, "size": 1, "sha256": "b" * 64}
    Recording.objects.create(**form)
    with pytest.raises(IntegrityError), transaction.atomic():
        Recording.objects.create(**form)
