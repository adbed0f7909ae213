"""Intake folders: what is written is read back, and every unusable line is named without naming anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.building.sources import read_source
from collection.errors import IntakeError
from collection.intake import Annotation, Intake, Learner, Licence, Recording, read_intake, write_intake
from collection.schema import Phone, Rating, Scores, Split, Word, WordScores


def example(folder: Path) -> Intake:
    zoe = Learner("l1", "Zoé Ça", date(2014, 1, 2), None, "f", "fr-CD", "A2", "Bretagne", "Collège")
    recordings = (
        Recording("r1", "l1", "s1", folder / "audio/été.wav", date(2026, 1, 1), "en-US", ("a cat", "two\u2028dogs")),
        Recording("r2", "l2", "s1", folder / "b.m4a", None, "fr-FR", ("un",), "phone", True, Split.TEST),
    )
    rated = Annotation(
        "r1",
        1,
        (Word("two", 0.0, 0.5, 9.0, 10.0, 9.5), Word("dogs")),
        (Phone("T", 0, accuracy=1.4, realised=""), Phone("D", 1)),
        Scores(total=7.0),
        (Rating("amélie", Scores(fluency=3.0), (WordScores(total=1.0), WordScores()), (2.0, 0.5)),),
    )
    return Intake("class-7", {"l1": zoe, "l2": Learner("l2", age=12)}, recordings, {("r1", 1): rated})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    intake = example(tmp_path)
    write_intake(tmp_path, intake)
    assert read_intake(tmp_path) == intake
    assert '"path": "audio/été.wav"' in (tmp_path / "recordings.jsonl").read_text("utf-8")
    assert '"birth_date": "2014-01-02"' in (tmp_path / "roster.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("consents.jsonl", "a list of the intake"),
        ("Roster.jsonl", "a list of the intake"),
        ("voiceprints/voice_0.bin", "a list of the intake"),
        ("audio/a\0b.wav", "no file can have the name"),
        ("a" * 256 + ".wav", "no file can have the name"),
        ("audio/" * 400 + "a.wav", "no file can have the name"),
    ],
)
def test_a_path_that_no_sound_file_has_is_refused(tmp_path: Path, path: str, said: str) -> None:
    """A withdrawal destroys what a learner's recordings lie in: never the register."""
    write_intake(tmp_path, example(tmp_path))
    listed = tmp_path / "recordings.jsonl"
    first, second = listed.read_text("utf-8").split("\n")[:2]
    listed.write_text(f"{first}\n{json.dumps({**json.loads(second), 'path': path})}\n", "utf-8")
    with pytest.raises(IntakeError, match=f"line 2: .*{said}"):
        read_intake(tmp_path)


def test_nobody_is_called_as_a_whole_class_is(tmp_path: Path) -> None:
    intake = example(tmp_path)
    write_intake(tmp_path, replace(intake, learners={**intake.learners, "*": Learner("*")}))
    with pytest.raises(IntakeError, match="stands for a whole class"):
        read_intake(tmp_path)


def test_writing_twice_gives_the_same_bytes_and_no_old_ratings(tmp_path: Path) -> None:
    write_intake(tmp_path, example(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_intake(tmp_path, read_intake(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_intake(tmp_path, replace(example(tmp_path), annotations={}))
    assert read_intake(tmp_path).annotations == {}


TEXT = st.text(min_size=1).filter(str.strip)


@settings(max_examples=40)
@given(name=st.text(), prompts=st.lists(TEXT, min_size=1), scores=st.lists(st.floats(0, 2), max_size=3))
def test_any_text_and_number_survives(
    tmp_path_factory: pytest.TempPathFactory, name: str, prompts: list[str], scores: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("intake")
    recording = Recording("r", "l", "s", folder / "a.wav", None, "en-US", tuple(prompts))
    phones = tuple(Phone("AA", 0, accuracy=score) for score in scores)
    said = {("r", 0): Annotation("r", 0, (Word(prompts[0]),), phones)}
    intake = Intake("any", {"l": Learner("l", name)}, (recording,), said)
    write_intake(folder, intake)
    assert read_intake(folder) == intake


def test_a_folder_without_a_source_is_called_collected(tmp_path: Path) -> None:
    write_intake(tmp_path, example(tmp_path))
    (tmp_path / "intake.json").unlink()
    assert read_intake(tmp_path).source == "collected"


ROSTER = '{"learner_id": "l1", "name": "Secret Name"}\n'
TAPE = (
    '{"recording_id": "r1", "learner_id": "l1", "session_id": "s", "path": "a.wav", "recorded_on": null,'
    ' "language": "en-US", "prompts": ["a", "b"]%s}\n'
)
RATING = '{"recording_id": "r1", "prompt_index": %s, "words": [{"text": "a"}], "phones": [%s]}\n'


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("roster.jsonl", None, "roster.jsonl is missing"),
        ("recordings.jsonl", None, "recordings.jsonl is missing"),
        ("roster.jsonl", ROSTER + '\n{"learner_id": \n', "roster.jsonl line 3: Invalid JSON"),
        ("roster.jsonl", '{"name": "Secret Name"}\n', "line 1, field learner_id: "),
        (
            "roster.jsonl",
            ROSTER + '{"learner_id": "l2", "nmae": "x"}',
            "line 2, field nmae: .*Known fields: learner_id",
        ),
        ("roster.jsonl", '{"learner_id": "l1", "birth_date": "Secret Name"}', "line 1, field birth_date: "),
        ("roster.jsonl", ROSTER + ROSTER, "line 2: this learner_id already stands on an earlier line"),
        ("recordings.jsonl", TAPE % "" + TAPE % "", "line 2: this recording_id already stands"),
        ("recordings.jsonl", TAPE.replace("l1", "l9") % "", "line 1: its learner_id is not in roster.jsonl"),
        ("recordings.jsonl", TAPE.replace("a.wav", "../a.wav") % "", "line 1: the path leaves the folder"),
        ("recordings.jsonl", TAPE.replace("a.wav", "/etc/passwd") % "", "line 1: the path leaves the folder"),
        ("recordings.jsonl", TAPE.replace("a.wav", "link/a.wav") % "", "line 1: the path passes through a link"),
        ("recordings.jsonl", TAPE.replace('"a", "b"', "") % "", "line 1: prompts must list every text"),
        ("recordings.jsonl", TAPE.replace('"a", "b"', '"a", " "') % "", "line 1: prompts must list every text"),
        (
            "recordings.jsonl",
            TAPE % "" + TAPE.replace("r1", "r2") % "",
            "recordings.jsonl line 2: its sound file is that of recordings.jsonl line 1",
        ),
        ("recordings.jsonl", TAPE.replace("en-US", "en-Secret-Name") % "", "line 1: language must be a BCP 47 tag"),
        ("recordings.jsonl", TAPE.replace("en-US", "English") % "", "line 1: language must be a BCP 47 tag"),
        (
            "ratings.jsonl",
            RATING.replace('"a"', '"Secret Name"') % (0, ""),
            "line 1: the words are not those of prompt 0",
        ),
        ("recordings.jsonl", TAPE % ', "segmented": true', "one prompt a file, this one lists 2"),
        ("recordings.jsonl", TAPE % ', "split": "dev"', "field split: Input should be 'train', 'validation' or 'test'"),
        ("ratings.jsonl", RATING.replace("r1", "r9") % (0, ""), "line 1: its recording_id is not in recordings"),
        ("ratings.jsonl", RATING % (2, ""), "prompt_index 2 is not among the prompts, 0 to 1"),
        ("ratings.jsonl", RATING % (0, "") * 2, "line 2: this reading already stands"),
        ("ratings.jsonl", RATING % (0, '{"canonical": "AA", "word_index": 1}'), "word_index is not among its 1"),
        (
            "ratings.jsonl",
            RATING % (0, '{"canonical": "AA", "word_index": 0, "acuracy": 1}'),
            r"field phones\.0\.acuracy: ",
        ),
        ("intake.json", '{"source": "Collège Jean"}', "names no school"),
        ("intake.json", '{"source": "x", "licence": "free for all"}', "must be"),
        ("intake.json", "{", "intake.json is not JSON"),
    ],
)
def test_what_cannot_be_used_is_explained(tmp_path: Path, file: str, content: str | None, said: str) -> None:
    folder = tmp_path / "intake"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "roster.jsonl").write_text(ROSTER)
    (folder / "recordings.jsonl").write_text(TAPE % "")
    read_intake(folder)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(IntakeError, match=said) as caught:
        read_intake(folder)
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_one_file_under_two_names_is_refused(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    """Otherwise the voice of who refused is released under the consent of who did not."""
    (tmp_path / "roster.jsonl").write_text(ROSTER + ROSTER.replace("l1", "l2"))
    second = TAPE.replace("r1", "r2").replace("l1", "l2").replace("a.wav", "sub/b.wav") % ""
    (tmp_path / "recordings.jsonl").write_text(TAPE % "" + second)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.wav").write_bytes(b"same")
    (tmp_path / "sub" / "b.wav").write_bytes(b"same")
    assert len(read_intake(tmp_path).recordings) == 2
    (tmp_path / "sub" / "b.wav").unlink()
    link(tmp_path / "sub" / "b.wav", tmp_path / "a.wav")
    with pytest.raises(
        IntakeError, match=r"line 2: (the path passes through a link|its sound file is that of .*line 1)"
    ):
        read_intake(tmp_path)


def test_words_of_a_rating_may_leave_out_case_and_punctuation(tmp_path: Path) -> None:
    (tmp_path / "roster.jsonl").write_text(ROSTER)
    (tmp_path / "recordings.jsonl").write_text(TAPE.replace('"a", "b"', '"A cat, no?"') % "")
    words = '[{"text": "a"}, {"text": "cat"}, {"text": "no"}]'
    (tmp_path / "ratings.jsonl").write_text(RATING.replace('[{"text": "a"}]', words) % (0, ""))
    assert len(read_intake(tmp_path).annotations) == 1


def test_the_name_of_a_public_corpus_is_not_that_of_a_folder(tmp_path: Path) -> None:
    write_intake(tmp_path, replace(example(tmp_path), source="speechocean762"))
    with pytest.raises(IntakeError, match="name of a public corpus"):
        read_source("folder", tmp_path)


def test_bytes_that_are_no_text_are_explained(tmp_path: Path) -> None:
    (tmp_path / "roster.jsonl").write_bytes(ROSTER.encode("utf-16"))
    with pytest.raises(IntakeError, match=r"roster.jsonl is not UTF-8"):
        read_intake(tmp_path)
    with pytest.raises(IntakeError, match="no intake folder"):
        read_intake(tmp_path / "nowhere")


def test_a_licence_does_not_come_from_a_folder(tmp_path: Path) -> None:
    """Otherwise one file would stand in for every family's consent."""
    licensed = replace(example(tmp_path), licence=Licence("free", ("training",), "free for all"))
    with pytest.raises(IntakeError, match="consent register"):
        write_intake(tmp_path, licensed)
    outside = replace(example(tmp_path), recordings=(replace(example(tmp_path).recordings[0], path=Path("/a.wav")),))
    with pytest.raises(IntakeError, match="lies outside"):
        write_intake(tmp_path, outside)
