from __future__ import annotations

from collections import Counter
from dataclasses import fields

import datasets
import pytest

from collection.consent import ConsentRecord
from collection.errors import ReleaseError
from collection.intake import Learner, Recording
from collection.pseudonyms.columns import INTAKE, RELEASE, Fate, check_columns, declaration, leaves
from collection.schema import FEATURES

FATES = {column.name: column.fate for column in declaration()}


def test_every_column_of_a_release_is_declared_and_none_besides():
    assert sorted(column.name for column in RELEASE) == sorted(leaves(FEATURES))
    check_columns(FEATURES)
    check_columns(list(FEATURES))


def test_every_column_of_the_intake_is_declared_and_none_besides():
    tables = {"roster": Learner, "recordings": Recording, "register": ConsentRecord}
    expected = [f"{table}.{field.name}" for table, record in tables.items() for field in fields(record)]
    assert sorted(column.name for column in INTAKE) == sorted(expected)


def test_nothing_is_declared_twice():
    assert max(Counter(column.name for column in declaration()).values()) == 1


@pytest.mark.parametrize("name", ["name", "birth_date", "school"])
def test_what_never_leaves_is_removed(name):
    assert FATES[f"roster.{name}"] is Fate.REMOVED
    with pytest.raises(ReleaseError, match=name):
        check_columns([name])


@pytest.mark.parametrize("name", ["utterance_id", "speaker_id", "session_id", "consent.record", "raters.rater"])
def test_every_identifier_is_replaced(name):
    assert FATES[name] is Fate.REPLACED


def test_leaves_go_through_lists_and_groups():
    text = datasets.Value("string")
    features = datasets.Features({"a": text, "b": {"c": text, "d": datasets.List({"e": datasets.List(text)})}})
    assert list(leaves(features)) == ["a", "b.c", "b.d.e"]


def test_an_undeclared_column_is_named_wherever_it_hides():
    text = datasets.Value("string")
    hidden = datasets.Features({**FEATURES, "email": text, "speaker": {**FEATURES["speaker"], "town": text}})
    with pytest.raises(ReleaseError, match=r"Undeclared columns: email, speaker\.town\."):
        check_columns(hidden)
    with pytest.raises(ReleaseError, match=r"speaker\.town"):
        check_columns(["speaker.age_band", "speaker.town"])
    # A group that turned into a plain column is another column.
    with pytest.raises(ReleaseError, match="speaker"):
        check_columns(datasets.Features({"speaker": text}))
