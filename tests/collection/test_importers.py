"""The speechocean762 importer: its own layout, with and without what older or rebuilt copies lack."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from collection.errors import IntakeError
from collection.importers.speechocean762 import parse_marks, read
from collection.schema import Phone, Scores, Split, Word, WordScores

LISA = {
    "text": "LISA",
    "accuracy": 5,
    "stress": 10,
    "total": 6,
    "phones": ["L", "IY1", "S", "AH0"],
    "phones-accuracy": [0.4, 2.0, 0.2, 1.2],
    "mispronunciations": [
        {"canonical-phone": "L", "index": 0, "pronounced-phone": "D"},
        {"canonical-phone": "S", "index": 2, "pronounced-phone": "<DEL>"},
        {"canonical-phone": "AH0", "index": 3, "pronounced-phone": "<unk>"},
    ],
}


def corpus(folder: Path, halves: tuple[str, ...] = ("train",), **word: object) -> Path:
    """Write a corpus of one speaker and one utterance a half, in the official format."""
    scores, details = {}, {}
    for number, half in enumerate(halves):
        utterance, speaker = f"00{number}0", f"00{number}"
        (folder / half).mkdir(parents=True)
        (folder / half / "wav.scp").write_text(f"{utterance}\tWAVE/SPEAKER{speaker}/{utterance}.WAV\n")
        (folder / half / "text").write_text(f"{utterance}\tLISA\n")
        (folder / half / "utt2spk").write_text(f"{utterance} {speaker}\n")
        (folder / half / "spk2age").write_text(f"{speaker} {7 + number}\n")
        (folder / half / "spk2gender").write_text(f"{speaker} f\n")
        sentence = {"accuracy": 7, "completeness": 10.0, "fluency": 8, "prosodic": 6, "total": 7}
        scores[utterance] = {"text": "LISA", "words": [{**LISA, **word}], **sentence}
        rated = {"text": "LISA", "accuracy": [5, 6], "stress": [10, 5], "total": [6, 6]}
        rated["phones"] = ["(L) IY {S} AH", "L IY [K] S"]
        details[utterance] = {
            "words": [rated],
            "accuracy": [7, 9],
            "fluency": [8, 8],
            "prosodic": [6, 7],
            "total": [7, 8],
        }
    (folder / "resource").mkdir()
    (folder / "resource" / "scores.json").write_text(json.dumps(scores))
    (folder / "resource" / "scores-detail.json").write_text(json.dumps(details))
    return folder


def test_the_official_format_gives_scores_errors_and_raters(tmp_path: Path) -> None:
    intake = read(corpus(tmp_path))
    recording = intake.recordings[0]
    assert (recording.recording_id, recording.learner_id, recording.prompts) == ("0000", "000", ("LISA",))
    assert recording.path == (tmp_path / "WAVE/SPEAKER000/0000.WAV").resolve()
    assert recording.segmented
    assert recording.split is None
    learner = intake.learners["000"]
    assert (learner.age, learner.gender, learner.first_language, learner.name) == (7, "f", "zh", None)
    rated = intake.annotations["0000", 0]
    assert rated.words == (Word("LISA", accuracy=5, stress=10, total=6),)
    assert rated.phones == (
        Phone("L", 0, accuracy=0.4, realised="D"),
        Phone("IY", 0, accuracy=2.0),
        Phone("S", 0, accuracy=0.2, realised=""),
        Phone("AH", 0, accuracy=1.2),
    )
    assert rated.scores == Scores(accuracy=7, fluency=8, completeness=10.0, prosody=6, total=7)
    first, second = rated.raters
    assert first.words == (WordScores(5, 10, 6),)
    assert first.phones == (0.0, 2.0, 1.0, 2.0)
    assert second.phones == ()  # three of the four phones were heard: they cannot be told apart
    assert second.scores == Scores(accuracy=9, fluency=8, prosody=7, total=8)


def test_the_test_half_keeps_its_split(tmp_path: Path) -> None:
    intake = read(corpus(tmp_path, ("train", "test")))
    assert [recording.split for recording in intake.recordings] == [None, Split.TEST]
    assert len(intake.learners) == len(intake.annotations) == 2


def test_a_copy_without_details_or_scores_is_read_too(tmp_path: Path) -> None:
    corpus(tmp_path)
    (tmp_path / "resource" / "scores-detail.json").unlink()
    assert read(tmp_path).annotations["0000", 0].raters == ()
    (tmp_path / "resource" / "scores.json").write_text("{}")
    assert read(tmp_path).annotations == {}
    (tmp_path / "resource" / "scores.json").unlink()
    with pytest.raises(IntakeError, match=r"resource/scores.json is missing"):
        read(tmp_path)


@pytest.mark.parametrize("path", ["{above}/secret.wav", "../secret.wav", "WAVE/../../secret.wav", "link/secret.wav"])
def test_sound_outside_the_corpus_is_refused(tmp_path: Path, path: str) -> None:
    """The licence is the corpus's: it covers no file beside it."""
    folder = corpus(tmp_path / "corpus")
    (tmp_path / "secret.wav").write_bytes(b"a voice")
    (folder / "link").symlink_to(tmp_path)
    (folder / "train" / "wav.scp").write_text(f"0000 {path.format(above=tmp_path)}\n")
    with pytest.raises(IntakeError, match=r"utterance 0000 of train/wav.scp: the path (leaves|passes)"):
        read(folder)


@pytest.mark.parametrize("marker", ["roster.jsonl", "consents.jsonl"])
@pytest.mark.parametrize("place", [".", "class", "class/corpus", "class/corpus/WAVE", "class/corpus/WAVE/SPEAKER000"])
def test_an_intake_is_no_corpus(tmp_path: Path, place: str, marker: str) -> None:
    folder = corpus(tmp_path / "class" / "corpus")
    (folder / "WAVE" / "SPEAKER000").mkdir(parents=True)
    assert read(folder).licence is not None
    (tmp_path / place / marker).touch()
    with pytest.raises(IntakeError, match=f"holds {marker}.*source=folder"):
        read(folder)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ({"phones-accuracy": [2.0]}, "utterance 0000, word 0: 4 phones, 1 accuracies"),
        ({"text": "LIZA"}, "the words of scores.json are not those of text"),
    ],
)
def test_files_that_disagree_are_refused(tmp_path: Path, word: dict, said: str) -> None:
    with pytest.raises(IntakeError, match=said):
        read(corpus(tmp_path, **word))


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntakeError):
        read(tmp_path)
    corpus(tmp_path)
    (tmp_path / "train" / "text").write_text("")
    with pytest.raises(IntakeError, match=r"utterance 0000 of train/wav.scp"):
        read(tmp_path)


def test_marks() -> None:
    assert parse_marks("B {EH} [L] (R)") == [2.0, 1.0, 0.0]
    assert parse_marks("") == []


@pytest.mark.shared
def test_the_real_corpus(shared: Path) -> None:
    intake = read(shared / "corpora" / "speechocean762")
    assert len(intake.recordings) == len(intake.annotations) == 2500
    assert len(intake.learners) == 125
    assert all(recording.path.exists() and recording.split is None for recording in intake.recordings)
    phones = Counter(phone.canonical for rated in intake.annotations.values() for phone in rated.phones)
    assert len(phones) == 39
    assert phones.total() == 47076
    assert sum(len(rated.words) for rated in intake.annotations.values()) == 15849
    assert all(len(rated.raters) == 5 for rated in intake.annotations.values())
    # The corpus's own documented example, by hand.
    rated = intake.annotations["000010011", 0]
    assert [word.text for word in rated.words] == ["WE", "CALL", "IT", "BEAR"]
    assert rated.words[3] == Word("BEAR", accuracy=6, stress=10, total=6)
    assert rated.phones[3] == Phone("AO", 1, accuracy=1.8)
    assert [phone.canonical for phone in rated.phones] == ["W", "IY", "K", "AO", "L", "IH", "T", "B", "EH", "R"]
    assert rated.scores == Scores(accuracy=8, fluency=9, prosody=9, total=8)
    assert rated.raters[0].words[3] == WordScores(3.0, 10.0, 4.4)
    assert intake.learners["1027"].age == 37
