"""The ledger of withdrawals: whatever is done to it behind its back is noticed."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.errors import KeyFileError
from collection.intake import CLASS, Annotation
from collection.keys import Key, create_key, read_key
from collection.withdrawal import tombstones
from collection.withdrawal.tombstones import Head, Kind, LedgerError, parse
from tests.intakes import make_class

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = Key("0123456789abcdef", b"k" * 32)


def written(count: int) -> tuple[bytes, Head]:
    """Return the bytes of a ledger of ``count`` entries and its head."""
    with TemporaryDirectory() as folder:
        path = tombstones.beside(Path(folder) / "key")
        for number in range(count):
            kind = (Kind.WITHDRAWN, Kind.DONE)[number % 2]
            head = tombstones.append(path, KEY, kind, f"gone_{number // 2:016x}", NOON + timedelta(hours=number))
        return path.read_bytes(), head


LEDGERS = {count: written(count) for count in range(1, 7)}


def refused(data: bytes, head: Head) -> bool:
    try:
        parse(data).verify(head, "the head")
    except LedgerError:
        return True
    return False


def test_an_entry_names_nobody_and_holds_the_digest_of_the_line_before(tmp_path: Path) -> None:
    create_key(tmp_path / "parlure.key")
    key, path = read_key(tmp_path / "parlure.key"), tombstones.beside(tmp_path / "parlure.key")
    who = tombstones.subject(key, "class", "pupil-1")
    marks = tombstones.name_marks(key, "class", "Zoé Brissaud", {"en-US", "xx"})
    tombstones.append(path, key, Kind.WITHDRAWN, who, NOON, marks)
    head = tombstones.append(path, key, Kind.DONE, who, NOON + timedelta(hours=1))
    first, second = path.read_bytes().splitlines()
    assert json.loads(first) == {
        "seq": 1,
        "time": "2026-03-01T12:00:00+00:00",
        "kind": "withdrawn",
        "key": key.id,
        "subject": who,
        "previous": "0" * 64,
        "names": sorted(marks),
    }
    assert json.loads(second)["previous"] == sha256(first).hexdigest()
    assert head == Head(2, sha256(second).hexdigest())
    assert json.loads(tombstones.head_of(path).read_text()) == {"seq": 2, "sha256": head.sha256}
    assert marks
    assert not any(word in path.read_bytes().lower() for word in (b"pupil", b"zo", b"briss"))
    for file in (path, tombstones.head_of(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ledger = tombstones.read_verified(path, key)
    assert ledger.subjects == {who}
    assert [entry.kind for entry in ledger.of(who)] == [Kind.WITHDRAWN, Kind.DONE]


def test_a_ledger_from_before_names_were_noted_still_reads() -> None:
    line = {"seq": 1, "time": "2026-03-01T12:00:00+00:00", "kind": "done", "key": KEY.id, "subject": "gone_1"}
    old = parse((json.dumps({**line, "previous": "0" * 64}) + "\n").encode())
    assert old.entries[0].names == ()
    assert tombstones.forgotten(KEY, "class", old) is None


def test_names_are_found_under_the_key_and_the_source_that_noted_them(tmp_path: Path) -> None:
    path = tombstones.beside(tmp_path / "key")
    marks = tombstones.name_marks(KEY, "class", "Zoé Brissaud", {"fr-FR"})
    tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_1", NOON, marks)
    ledger = tombstones.read_verified(path, KEY)
    found = {
        source: names.is_part("brissaud")
        for source in ("class", "other")
        if (names := tombstones.forgotten(KEY, source, ledger))
    }
    assert found == {"class": True, "other": False}
    unknown = tombstones.name_marks(KEY, "class", "Zoé Brissaud", {"xx"})
    assert unknown == tombstones.name_marks(KEY, "class", "Zoé Brissaud", {"en-GB"})


def test_a_subject_depends_on_key_source_and_learner() -> None:
    other = Key("f" * 16, b"o" * 32)
    ids = {
        tombstones.subject(KEY, "class", "pupil-1"),
        tombstones.subject(KEY, "class", "pupil-2"),
        tombstones.subject(KEY, "other", "pupil-1"),
        tombstones.subject(other, "class", "pupil-1"),
    }
    assert len(ids) == 4


@pytest.mark.parametrize("count", LEDGERS)
def test_an_untouched_ledger_passes_under_its_own_head_and_every_earlier_one(count: int) -> None:
    data, head = LEDGERS[count]
    ledger = parse(data)
    assert ledger.head == head
    for seq, digest in enumerate(ledger.digests, start=1):
        ledger.verify(Head(seq, digest), "an earlier head")


@settings(max_examples=200)
@given(st.sampled_from(list(LEDGERS)), st.data())
def test_any_edit_of_a_byte_is_noticed(count: int, data: st.DataObject) -> None:
    lines, head = LEDGERS[count]
    place = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != lines[place]))
    assert refused(lines[:place] + bytes([other]) + lines[place + 1 :], head)


@given(st.integers(2, 6), st.data())
def test_any_reordering_is_noticed(count: int, data: st.DataObject) -> None:
    lines, head = LEDGERS[count]
    rows = lines.splitlines(keepends=True)
    shuffled = data.draw(st.permutations(rows).filter(lambda order: order != rows))
    assert refused(b"".join(shuffled), head)


@given(st.integers(2, 6), st.data())
def test_any_deletion_or_repetition_is_noticed(count: int, data: st.DataObject) -> None:
    lines, head = LEDGERS[count]
    rows = lines.splitlines(keepends=True)
    gone = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    assert refused(b"".join(row for place, row in enumerate(rows) if place not in gone), head)
    again = data.draw(st.integers(0, count - 1))
    assert refused(b"".join([*rows[: again + 1], *rows[again:]]), head)


@given(st.integers(1, 6), st.data())
def test_a_truncated_tail_passes_the_chain_and_not_the_head(count: int, data: st.DataObject) -> None:
    lines, head = LEDGERS[count]
    rows = lines.splitlines(keepends=True)
    kept = data.draw(st.integers(0, count - 1))
    shorter = b"".join(rows[:kept])
    assert len(parse(shorter).entries) == kept
    assert refused(shorter, head)


@given(st.integers(1, 6), st.data())
def test_a_forged_tail_passes_the_chain_and_not_the_head(count: int, data: st.DataObject) -> None:
    """Who can write the file can also compute digests: only the head tells the forged line from the true one."""
    lines, head = LEDGERS[count]
    rows = lines.splitlines(keepends=True)
    last = {**json.loads(rows[-1]), "subject": data.draw(st.from_regex(r"gone_[0-9a-f]{16}", fullmatch=True))}
    forged = b"".join([*rows[:-1], json.dumps(last, separators=(",", ":"), sort_keys=True).encode() + b"\n"])
    assert len(parse(forged).entries) == count
    assert refused(forged, head) is (forged != lines)


def test_files_lost_or_rolled_back_are_noticed(tmp_path: Path) -> None:
    path = tombstones.beside(tmp_path / "key")
    assert tombstones.read_verified(path, KEY).entries == ()
    tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_1", NOON)
    old = path.read_bytes()
    outside = tombstones.append(path, KEY, Kind.DONE, "gone_1", NOON)
    whole, head = path.read_bytes(), tombstones.head_of(path).read_bytes()
    path.write_bytes(old)
    with pytest.raises(LedgerError, match=r"ends at line 1.*taken of line 2"):
        tombstones.read_verified(path, KEY)
    path.unlink()
    with pytest.raises(LedgerError, match="ends at line 0"):
        tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_2", NOON)
    assert not path.exists()
    path.write_bytes(whole)
    tombstones.head_of(path).unlink()
    with pytest.raises(LedgerError, match="is missing"):
        tombstones.read_verified(path, KEY)
    tombstones.head_of(path).write_bytes(b"{}")
    with pytest.raises(LedgerError, match="is not a head"):
        tombstones.read_verified(path, KEY)
    # Both rolled back together: only a head that was kept elsewhere shows it.
    path.unlink()
    tombstones.head_of(path).unlink()
    with pytest.raises(LedgerError, match="my safe copy was taken of line 2"):
        tombstones.read_verified(path, KEY).verify(outside, "my safe copy")
    path.write_bytes(whole)
    tombstones.head_of(path).write_bytes(head)
    assert len(tombstones.read_verified(path, KEY).entries) == 2


def test_a_kill_between_ledger_and_head_heals(tmp_path: Path) -> None:
    path = tombstones.beside(tmp_path / "key")
    head = tombstones.head_of(path)
    tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_1", NOON)
    head.unlink()  # killed while the very first entry was written
    assert len(tombstones.read_verified(path, KEY).entries) == 1
    tombstones.append(path, KEY, Kind.DONE, "gone_1", NOON)
    old = head.read_bytes()
    tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_2", NOON)
    head.write_bytes(old)  # killed while a later one was
    assert len(tombstones.read_verified(path, KEY).entries) == 3
    tombstones.append(path, KEY, Kind.DONE, "gone_2", NOON)
    assert json.loads(head.read_text())["seq"] == 4


def test_another_key_is_refused(tmp_path: Path) -> None:
    path = tombstones.beside(tmp_path / "key")
    tombstones.append(path, KEY, Kind.WITHDRAWN, "gone_1", NOON)
    with pytest.raises(KeyFileError, match="another key than ffffffffffffffff"):
        tombstones.read_verified(path, Key("f" * 16, b"o" * 32))


def test_whoever_withdrew_is_taken_out_of_an_intake(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=2)
    key, path = read_key(made.key), tombstones.beside(made.key)
    assert tombstones.without(made.intake, key, tombstones.read_verified(path, key)) == (made.intake, 0)
    tombstones.append(path, key, Kind.WITHDRAWN, tombstones.subject(key, "class", "pupil-1"), NOON)
    ledger = tombstones.read_verified(path, key)
    rest, count = tombstones.without(made.intake, key, ledger)
    assert count == 1
    assert list(rest.learners) == ["pupil-0", "pupil-2"]
    assert [recording.recording_id for recording in rest.recordings] == ["tape-0-0", "tape-0-1", "tape-2-0", "tape-2-1"]
    assert tombstones.without(replace(rest, source="other"), key, ledger)[1] == 0


def test_in_a_class_whoever_withdrew_is_nobody(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=1)
    key, path = read_key(made.key), tombstones.beside(made.key)
    readers = ("pupil-0", "pupil-1", None)
    lesson = replace(made.intake.recordings[0], recording_id="hour", learner_id=CLASS, segmented=False)
    lesson = replace(lesson, readers=readers, prompts=("see the cat",) * 3)
    rated = {("hour", n): Annotation("hour", n, (), ()) for n in range(3)}
    intake = replace(made.intake, recordings=(lesson,), annotations=rated)
    tombstones.append(path, key, Kind.WITHDRAWN, tombstones.subject(key, "class", "pupil-1"), NOON)
    rest, count = tombstones.without(intake, key, tombstones.read_verified(path, key))
    assert count == 1
    assert rest.recordings[0].readers == ("pupil-0", None, None)
    assert list(rest.annotations) == [("hour", 0), ("hour", 2)]
