"""L2-ARCTIC and EpaDB: small made-up trees in their documented layouts, and what breaks their notation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from collection.building.sources import CORPORA
from collection.errors import IntakeError
from collection.importers import epadb, l2arctic
from collection.schema import Phone, Purpose, Scores, Split, Word
from collection.textgrid import Interval, write

SECONDS = 1.0


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(int(SECONDS * 16_000)) / 16_000)
    soundfile.write(path, tone, 16_000)


def grid(path: Path, **tiers: list[tuple[float, float, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, {name: [Interval(*one) for one in entries] for name, entries in tiers.items()}, SECONDS)


ARCTIC_WORDS = [(0.1, 0.4, "the"), (0.5, 0.9, "seat")]
ARCTIC_PHONES = [
    (0.0, 0.1, "sil"), (0.1, 0.2, "DH,D,s"), (0.2, 0.4, "AH0"), (0.4, 0.5, "sil,AH0,a"), (0.5, 0.6, "S"),
    (0.6, 0.7, "IY1, err, s"), (0.7, 0.8, "T,sil,d"), (0.9, 1.0, "sp"),
]  # fmt: skip


def arctic(folder: Path, phones: list[tuple[float, float, str]] = ARCTIC_PHONES, speaker: str = "ABA") -> Path:
    for name in ("arctic_a0001", "arctic_a0002"):
        sound(folder / speaker / "wav" / f"{name}.wav")
        (folder / speaker / "transcript").mkdir(parents=True, exist_ok=True)
        (folder / speaker / "transcript" / f"{name}.txt").write_text("The seat.\n")
    grid(folder / speaker / "annotation" / "arctic_a0001.TextGrid", words=ARCTIC_WORDS, phones=phones)
    sound(folder / l2arctic.SPONTANEOUS / "wav" / "aba.wav")
    return folder


def test_l2arctic_gives_canonical_and_realised_phones_with_times(tmp_path: Path) -> None:
    intake = l2arctic.read(arctic(tmp_path))
    assert [one.recording_id for one in intake.recordings] == ["ABA_arctic_a0001", "ABA_arctic_a0002"]
    assert intake.recordings[0].prompts == ("The seat.",) and intake.recordings[0].segmented
    assert list(intake.annotations) == [("ABA_arctic_a0001", 0)]
    said = intake.annotations["ABA_arctic_a0001", 0]
    assert said.words == (Word("the", 0.1, 0.4), Word("seat", 0.5, 0.9))
    assert said.phones == (
        Phone("DH", 0, 0.1, 0.2, 0.0, "D"),
        Phone("AH", 0, 0.2, 0.4, 2.0, "AH"),
        Phone("S", 1, 0.5, 0.6, 2.0, "S"),
        Phone("IY", 1, 0.6, 0.7, 0.0, None),
        Phone("T", 1, None, None, 0.0, ""),
    )
    assert (intake.learners["ABA"].gender, intake.learners["ABA"].first_language) == ("m", "ar")


def test_l2arctic_is_not_for_partners(tmp_path: Path) -> None:
    licence = l2arctic.read(arctic(tmp_path)).licence
    assert licence is not None and Purpose.SHARING not in licence.purposes and "CC BY-NC 4.0" in licence.statement


@pytest.mark.parametrize(
    ("label", "marked"),
    [
        ("AH0", ("AH", "AH")), ("sil", None), ("SP", None), ("T,D,s", ("T", "D")), ("t,sil,D", ("T", "")),
        ("sil,T,a", None), ("R,R*,s", ("R", None)), ("V,err,s", ("V", None)), ("AX", ("AH", "AH")),
        ("Z,S,s`", ("Z", "S")), ("T,D*,s", ("T", "D")), ("err", None), ("ER)", ("ER", "ER")), ("V``", ("V", "V")),
    ],
)  # fmt: skip
def test_l2arctic_labels(label: str, marked: tuple[str, str | None] | None) -> None:
    assert l2arctic.parse_label(label) == marked


@pytest.mark.parametrize(
    ("phones", "message"),
    [
        ([(0.1, 0.2, "T,D,x")], "neither a phone nor CPL,PPL,type"),
        ([(0.1, 0.2, "T,D")], "neither a phone nor CPL,PPL,type"),
        ([(0.1, 0.2, "QX")], "'QX' .* is no phone of English"),
    ],
)
def test_l2arctic_names_what_breaks_the_notation(phones: list, message: str, tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=f"ABA/annotation/arctic_a0001.TextGrid: .*{message}"):
        l2arctic.read(arctic(tmp_path, phones))


EPA_WORDS = [(0.1, 0.4, "two"), (0.5, 0.9, "cats")]
EPA_SAID = [(0.1, 0.2, "T"), (0.2, 0.4, "UW"), (0.4, 0.5, "sp"), (0.5, 0.6, "Kh"), (0.6, 0.8, "A"), (0.8, 0.9, "0")]
EPA_LABELS = "s1_1_0 Th T -\ns1_1_1 UW UW +\ns1_1_2 Kh Kh +\ns1_1_3 AE A -\ns1_1_4 T 0 -\ns1_1_5 S 0 -\n"


def epa(
    folder: Path, labels: str | None = EPA_LABELS, half: str = "test", score: str = "4/5", speaker: str = "s1"
) -> Path:
    inside = folder / half / speaker
    sound(inside / "waveforms" / f"{speaker}_1.wav")
    (inside / "transcriptions").mkdir(parents=True)
    (inside / "transcriptions" / f"{speaker}_1.lab").write_text("TWO CATS\n")
    grid(
        inside / "annotations_1" / f"{speaker}_1.TextGrid",
        words=EPA_WORDS,
        annotation=EPA_SAID,
        score=[(0.0, 1.0, score)],
    )
    if labels is not None:
        (inside / "labels").mkdir()
        (inside / "labels" / f"{speaker}_1.csv").write_text(labels)
    return folder


def test_epadb_gives_phones_judged_right_or_wrong(tmp_path: Path) -> None:
    intake = epadb.read(epa(tmp_path))
    said = intake.annotations["s1_1", 0]
    assert said.words == (Word("two", 0.1, 0.4), Word("cats", 0.5, 0.9))
    # T for the aspirated one is wrong, a Spanish A is no phone of English, the last S has no interval of its own.
    assert said.phones == (
        Phone("T", 0, 0.1, 0.2, 0.0, None),
        Phone("UW", 0, 0.2, 0.4, 2.0, "UW"),
        Phone("K", 1, 0.5, 0.6, 2.0, "K"),
        Phone("AE", 1, 0.6, 0.8, 0.0, None),
        Phone("T", 1, None, None, 0.0, ""),
        Phone("S", 1, None, None, 0.0, ""),
    )
    assert said.scores == Scores(total=8.0)
    assert (intake.recordings[0].split, intake.recordings[0].prompts) == (Split.TEST, ("TWO CATS",))
    assert intake.learners["s1"].first_language == "es"
    assert intake.licence is not None and intake.licence.purposes == (Purpose.RESEARCH, Purpose.EVALUATION)


def test_epadb_labels_of_the_train_half_carry_their_times(tmp_path: Path) -> None:
    # What ``reference_transcriptions.txt`` calls "Kh AA R/0 Z": the R may be missing, and here an S was added for it.
    labels = (
        "s1_1_0 Th Th + 0.1 0.22\ns1_1_1 UW UW + 0.22 0.4\ns1_1_2 0 0 + 0.4 0.4\ns1_1_3 0 S - 0.4 0.5\n"
        "s1_1_4 BH B - 0.5 0.6\ns1_1_5 AH0 S+T - 0.6 0.8\n"
    )
    said = epadb.read(epa(tmp_path, labels=labels, half="train")).annotations["s1_1", 0]
    assert said.phones == (
        Phone("T", 0, 0.1, 0.22, 2.0, "T"),
        Phone("UW", 0, 0.22, 0.4, 2.0, "UW"),
        Phone("B", 1, 0.5, 0.6, 0.0, None),
        Phone("AH", 1, 0.6, 0.8, 0.0, None),
    )


def test_l2arctic_goes_on_without_the_two_annotations_that_are_broken(tmp_path: Path) -> None:
    corpus = arctic(tmp_path, speaker="YDCK")
    for kind, suffix in (("wav", "wav"), ("transcript", "txt"), ("annotation", "TextGrid")):
        (corpus / "YDCK" / kind / f"arctic_a0001.{suffix}").rename(corpus / "YDCK" / kind / f"arctic_a0209.{suffix}")
    assert list(l2arctic.read(corpus).annotations) == [("YDCK_arctic_a0209", 0)]
    (corpus / "YDCK" / "annotation" / "arctic_a0209.TextGrid").write_text("broken")
    assert l2arctic.read(corpus).annotations == {}


def test_epadb_halves_and_utterances_without_labels(tmp_path: Path) -> None:
    epa(epa(tmp_path, half="train", labels=None, speaker="s2"))
    intake = epadb.read(tmp_path)
    assert [(one.recording_id, one.split) for one in intake.recordings] == [("s2_1", None), ("s1_1", Split.TEST)]
    assert list(intake.annotations) == [("s1_1", 0)]
    with pytest.raises(IntakeError, match="both halves"):
        epadb.read(epa(tmp_path, half="train", speaker="s1"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "s1_1_0 T T"}, r"labels/s1_1.csv line 1: expected"),
        ({"labels": "s1_1_0 T T ?"}, r"labels/s1_1.csv line 1: expected"),
        ({"labels": "s1_1_0 T T + 0.1"}, r"labels/s1_1.csv line 1: expected"),
        ({"labels": "s1_1_0 T T + 0.1 x"}, r"labels/s1_1.csv line 1: expected"),
        ({"labels": "s1_1_0 QX T +"}, "'QX' is no phone of English"),
        ({"score": "good"}, "the score 'good' is not between 1 and 5"),
        ({"score": "6/5"}, "the score '6/5'"),
    ],
)
def test_epadb_names_what_breaks_the_notation(changes: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=message):
        epadb.read(epa(tmp_path, **changes))


@pytest.mark.parametrize(("source", "make"), [("l2arctic", arctic), ("epadb", epa)])
def test_corpora_refuse_intakes_links_empty_folders_and_missing_prompts(source: str, make, tmp_path: Path) -> None:
    read = CORPORA[source]
    (tmp_path / "none").mkdir()
    with pytest.raises(IntakeError, match="no speaker"):
        read(tmp_path / "none")
    corpus = make(tmp_path / "corpus")
    next(corpus.rglob("*.TextGrid")).write_text("broken")
    with pytest.raises(IntakeError, match="is no TextGrid"):
        read(corpus)
    prompt = next(path for path in corpus.rglob("*") if path.suffix in {".txt", ".lab"})
    prompt.write_text(" \n")
    with pytest.raises(IntakeError, match=f"{prompt.name} is missing or empty"):
        read(corpus)
    (tmp_path / "corpus" / "roster.jsonl").write_text("{}\n")
    with pytest.raises(IntakeError, match="it is an intake folder"):
        read(corpus)
    linked = make(tmp_path / "linked")
    wav = next(path for path in linked.rglob("*.wav") if l2arctic.SPONTANEOUS not in path.parts)
    wav.unlink()
    wav.symlink_to("/etc/hostname")
    with pytest.raises(IntakeError, match="through a link"):
        read(linked)
