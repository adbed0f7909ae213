from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from collection.consent import Event, EventState, LawfulBasis, Notice, Role, Signature, read_register, write_register
from collection.errors import IntakeError
from collection.register import ConsentRecord
from collection.schema import Purpose

CHILD = ConsentRecord(
    record_id="record-1",
    learner_id="élève-1",
    birth_date=date(2014, 3, 1),
    notice=Notice("notice-class", "2", "ab" * 32, "fr"),
    purposes=(Purpose.RESEARCH, Purpose.TRAINING),
    lawful_basis=LawfulBasis.PUBLIC_TASK,
    controller="an academy",
    recipients=("a laboratory",),
    retention_until=date(2030, 1, 1),
    signatures=(
        Signature(Role.GUARDIAN, "g-1", date(2025, 9, 1), {Purpose.TRAINING: True, Purpose.RESEARCH: False}),
        Signature(Role.LEARNER, "l-1", date(2025, 9, 2), {Purpose.TRAINING: True}),
    ),
    events=(
        Event(EventState.WITHDRAWN, datetime(2025, 9, 3, 10, tzinfo=UTC), Role.LEARNER, "l-1", (Purpose.TRAINING,)),
    ),
)
SECOND = replace(CHILD, record_id="record-2", learner_id="learner-2", birth_date=None, signatures=(), events=())


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "consents.jsonl"
    write_register(path, [SECOND, CHILD])
    return path


def edited(register, change):
    """Write the register anew with the child's record (the second line) changed."""
    other, child = register.read_text("utf-8").splitlines()
    raw = json.loads(child)
    change(raw)
    register.write_text(f"{other}\n{json.dumps(raw)}\n", "utf-8")
    return register


def test_what_is_written_is_read_back_the_same(register):
    assert read_register(register) == {"élève-1": CHILD, "learner-2": SECOND}


def test_the_same_records_give_the_same_bytes_in_any_order(register, tmp_path):
    other = tmp_path / "other.jsonl"
    write_register(other, [CHILD, SECOND])
    assert other.read_bytes() == register.read_bytes()
    assert (
        register.read_text("utf-8").splitlines()[1].startswith('{"birth_date":"2014-03-01","controller":"an academy"')
    )


def test_a_blank_line_and_a_windows_file_are_read(register):
    register.write_bytes(b"\xef\xbb\xbf" + register.read_bytes().replace(b"\n", b"\r\n\r\n"))
    assert set(read_register(register)) == {"élève-1", "learner-2"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: raw.pop("notice"), "notice: Field required"),
        (lambda raw: raw.update(withdrawn=True), "withdrawn: Unexpected keyword argument"),
        (lambda raw: raw.update(birth_date="1 March 2014"), "birth_date: Input should be a valid date"),
        (lambda raw: raw.update(birth_date="2026-01-01"), "birth_date must lie before every signature"),
        (lambda raw: raw.update(birth_date="0214-03-01"), "birth_date must lie in the years 1900 to 2200"),
        (lambda raw: raw.update(purposes=["reserach"]), "purposes.0: Input should be 'research', 'training'"),
        (lambda raw: raw.update(schema_version="2"), "schema_version must be 'parlure-consent-1'"),
        (lambda raw: raw["notice"].update(sha256="ab"), "sha256 must be the 64"),
        (
            lambda raw: raw["signatures"][0]["answers"].update(training="yes"),
            "answers.training: Input should be a valid",
        ),
        (lambda raw: raw["signatures"][0]["answers"].update(training=1), "answers.training: Input should be a valid"),
        (lambda raw: raw["signatures"][0].update(entity="l-1"), "no guardian may share it"),
        (lambda raw: raw["signatures"][0].update(entity=""), "opaque id as entity"),
        (lambda raw: raw["signatures"][0].update(role="controller"), "a signature needs the role guardian or learner"),
        (lambda raw: raw["events"][0].update(at="2025-09-03T10:00:00"), "timezone"),
        (lambda raw: raw["events"][0].update(role="controller"), "the controller can only record expired"),
        (lambda raw: raw["events"][0].update(entity=""), "opaque id of who caused it"),
        (lambda raw: raw.update(learner_id=""), "must not be empty"),
        (lambda raw: raw.update(learner_id="learner-2"), "same learner as line 1"),
    ],
)
def test_a_bad_record_is_named_with_its_line_and_what_is_wrong(register, change, told):
    with pytest.raises(IntakeError, match=r"line 2, record record-1: ") as caught:
        read_register(edited(register, change))
    assert told in str(caught.value)
    assert "1 March" not in str(caught.value)


def test_all_bad_lines_are_told_at_once(register):
    good = register.read_text("utf-8")
    register.write_text("nonsense\n" + good + "[]\n" + good.replace("record-", "again-"), "utf-8")
    with pytest.raises(IntakeError) as caught:
        read_register(register)
    told = str(caught.value)
    assert "line 1, not a JSON object" in told
    assert "line 4, record ?" in told
    assert "line 5, record again-2: same learner as line 2" in told
    assert "line 6, record again-1: same learner as line 3" in told


def test_a_no_hidden_behind_a_second_yes_in_the_same_object_is_refused(register):
    line = register.read_text("utf-8").replace('"research":false', '"research":false,"research":true')
    register.write_text(line, "utf-8")
    with pytest.raises(IntakeError, match="line 2, not a JSON object: a key appears twice"):
        read_register(register)


def test_many_bad_lines_are_counted(register):
    register.write_text("nonsense\n" * 30, "utf-8")
    with pytest.raises(IntakeError, match="and 10 more"):
        read_register(register)


def test_a_missing_or_binary_register_is_told(tmp_path):
    with pytest.raises(IntakeError, match=r"cannot be read: No such file"):
        read_register(tmp_path / "consents.jsonl")
    (tmp_path / "consents.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IntakeError, match="not UTF-8"):
        read_register(tmp_path / "consents.jsonl")


def test_two_records_of_one_learner_are_not_written(tmp_path):
    with pytest.raises(IntakeError, match="share a learner"):
        write_register(tmp_path / "consents.jsonl", [CHILD, replace(SECOND, learner_id=CHILD.learner_id)])
    assert not (tmp_path / "consents.jsonl").exists()
