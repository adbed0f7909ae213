"""EpaDB (50 adults from Argentina, short read English phrases, every phone judged) as an intake.

J. Vidal, L. Ferrer, L. Brambilla, "EpaDB: A Database for Development of Pronunciation Assessment Systems", Interspeech
2019. Layout and notation as in github.com/JazminVidal/EpaDB (its readme, ``test/assign_reference.py``, which writes
the labels, ``train/reference_transcriptions.txt``, and files of both halves), checked on 2026-11-22: in the folder or
in its halves ``train`` and ``test``, ``<speaker>/waveforms/*.wav``, ``<speaker>/transcriptions/*.lab`` (the prompt),
``<speaker>/annotations_1/*.TextGrid`` (tiers ``words``, ``annotation``: the phones said, ``score``: 1 to 5, as
``4/5``) and ``<speaker>/labels/*.csv``, where each line names a phone, the one aimed at, the one said and ``+`` or
``-`` for right or wrong, parted by spaces; in the train half start and end (s) follow. ``0`` is no phone: said, it was
left out; aimed at, the reference allows nothing there, so that what was said is an addition and no phone of ours.

Experts judged phones without grading them: right is 2, wrong 0. The phrase's score is doubled to 0-10. ARPAbet's
extension falls back on the phone it varies (``Th``, aspirated T, is T); what was said is unknown where English lacks
the sound (``A``, ``EDX``, ``S+T``, ``ERR``) and where a wrong one falls back on the phone aimed at. The test half
keeps its split. Utterances without labels, or whose TextGrid is not there, are imported without phone scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from collection import textgrid
from collection.errors import IntakeError
from collection.importers.corpus_folder import RIGHT, WRONG, refuse_intakes, text_of, word_at, words_of
from collection.intake import Annotation, Intake, Learner, Licence, Recording
from collection.phones import ARPABET
from collection.schema import Phone, Purpose, Scores, Split
from collection.sound import paths
from collection.textgrid import Interval, TextGridError

SOURCE = "epadb"
LANGUAGE = "en-US"
FIRST_LANGUAGE = "es"
LICENCE = Licence(
    name="EpaDB",
    purposes=(Purpose.RESEARCH, Purpose.EVALUATION),
    statement="Free for research purposes (Vidal et al., Interspeech 2019, github.com/JazminVidal/EpaDB).",
)
HALVES: tuple[tuple[str, Split | None], ...] = (("train", None), ("test", Split.TEST), ("", None))
FALLS_BACK = {"Th": "T", "Kh": "K", "Ph": "P", "BH": "B", "AX": "AH", "AXR": "ER", "DX": "T"}
"""The extension of ARPAbet, where it varies a phone of the CMU dictionary; letters in this very case."""
LEFT_OUT = "0"
SILENT = frozenset({"", "sp", "sil"})
SCORE_TIMES = 2
_SCALE = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Label:
    """One line of a label file."""

    target: str
    said: str
    right: bool
    start: float | None = None
    end: float | None = None


def read(folder: Path) -> Intake:
    """Return the corpus as an intake under its public licence.

    Raises ``IntakeError`` when no speaker is there, when a prompt or sound file is missing or leaves the folder, for
    labels and TextGrids that break the notation, and when the folder is an intake.
    """
    root = folder.resolve()
    refuse_intakes((root, *root.parents))
    found = list(_speakers(folder))
    if not found:
        raise IntakeError(f"no speaker in {folder}: give the folder that holds train and test, or the speakers.")
    refuse_intakes(path for path, _ in found)
    learners = {path.name: Learner(path.name, first_language=FIRST_LANGUAGE) for path, _ in found}
    if len(learners) < len(found):
        raise IntakeError(f"a speaker is in both halves of {folder}: is it one copy of the corpus?")
    recordings: list[Recording] = []
    annotations: dict[tuple[str, int], Annotation] = {}
    for path, split in found:
        for recording in _recordings(folder, path, split):
            recordings.append(recording)
            if (said := _annotation(path, recording.recording_id)) is not None:
                annotations[recording.recording_id, 0] = said
    paths.check_distinct((f"utterance {one.recording_id}", one.path) for one in recordings)
    return Intake(SOURCE, learners, tuple(recordings), annotations, LICENCE)


def parse_labels(lines: Sequence[str], where: str) -> list[Label]:
    """Return the labels of a file's lines; raise ``IntakeError`` for one that breaks the notation."""
    found = []
    for number, line in enumerate(lines, start=1):
        _, target, said, mark, *times = parts if len(parts := line.split()) in {4, 6} else [""] * 4
        try:
            start, end = map(float, times) if times else (None, None)
        except ValueError:
            mark = ""
        if mark not in {"+", "-"}:
            raise IntakeError(
                f"{where} line {number}: expected: NAME TARGET SAID + (or -), then START END or nothing, not {line!r}."
            )
        found.append(Label(target, said, mark == "+", start, end))
    return found


def phone(symbol: str) -> str | None:
    """Return the phone of the CMU dictionary for a symbol, "" for nothing, ``None`` for a sound that English lacks."""
    if symbol == LEFT_OUT:
        return ""
    unstressed = symbol.rstrip("012")
    plain = FALLS_BACK.get(unstressed, unstressed)
    return plain if plain in ARPABET.symbols else None


def _speakers(folder: Path) -> Iterator[tuple[Path, Split | None]]:
    for half, split in HALVES:
        inside = folder / half
        for path in sorted(inside.iterdir()) if inside.is_dir() else ():
            if (path / "waveforms").is_dir():
                yield path, split


def _recordings(folder: Path, speaker: Path, split: Split | None) -> Iterator[Recording]:
    for sound in sorted((speaker / "waveforms").glob("*.wav")):
        yield Recording(
            recording_id=sound.stem,
            learner_id=speaker.name,
            session_id=speaker.name,
            path=paths.inside(folder, sound.relative_to(folder), f"{speaker.name}/waveforms/{sound.name}"),
            recorded_on=None,
            language=LANGUAGE,
            prompts=(text_of(speaker / "transcriptions" / f"{sound.stem}.lab"),),
            segmented=True,
            split=split,
        )


def _annotation(speaker: Path, name: str) -> Annotation | None:
    grid, labels = speaker / "annotations_1" / f"{name}.TextGrid", speaker / "labels" / f"{name}.csv"
    if not (grid.is_file() and labels.is_file()):
        return None
    where = f"{speaker.name}/annotations_1/{grid.name}"
    try:
        tiers = textgrid.read(grid)
    except TextGridError as error:
        raise IntakeError(f"{where}: {error}") from None
    words = [word for word in tiers.get(textgrid.WORDS, ()) if word.label not in SILENT]
    said = [one for one in tiers.get("annotation", ()) if one.label not in SILENT]
    if not words or not said:
        raise IntakeError(f"{where} has no tier words, or none called annotation.")
    lines = [line for line in labels.read_text("utf-8").splitlines() if line.strip()]
    marks = parse_labels(lines, f"{speaker.name}/labels/{labels.name}")
    scores = Scores(total=_total([one.label for one in tiers.get("score", ())], where))
    return Annotation(name, 0, words_of(words), tuple(_phones(marks, said, words, where)), scores)


def _phones(marks: Sequence[Label], said: Sequence[Interval], words: Sequence[Interval], where: str) -> Iterator[Phone]:
    """Yield the phones aimed at; one without an interval of its own stands in the word of the phone before it."""
    word = 0
    for mark, interval in zip(marks, _intervals(marks, said), strict=True):
        canonical = phone(mark.target)
        if canonical == "":
            continue
        if canonical is None:
            raise IntakeError(f"{where}: {mark.target!r} is no phone of English that one could aim at.")
        times: tuple[float | None, float | None] = (None, None)
        if interval is not None:
            word = max(word, word_at(words, interval.middle))
            times = (interval.start, interval.end)
        realised = phone(mark.said)
        if realised == "":
            times = (None, None)
        if mark.right:
            realised = canonical
        elif realised == canonical:
            realised = None  # an allophone that our phones cannot name
        yield Phone(canonical, word, *times, RIGHT if mark.right else WRONG, realised)


def _intervals(marks: Sequence[Label], said: Sequence[Interval]) -> list[Interval | None]:
    """Return the interval of each label: its own times, else those of a shortest edit of what was said."""
    found: list[Interval | None] = [
        None if mark.start is None or mark.end is None else Interval(mark.start, mark.end, mark.said) for mark in marks
    ]
    if None not in found:
        return found
    for step in Levenshtein.opcodes([mark.said for mark in marks], [one.label for one in said]):
        if step.tag in {"equal", "replace"}:
            for place, at in zip(
                range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True
            ):
                found[place] = said[at]
    return found


def _total(labels: Sequence[str], where: str) -> float | None:
    if not labels:
        return None
    try:
        score = float(labels[0].split("/")[0])
    except ValueError:
        score = -1.0
    if not _SCALE[0] <= score <= _SCALE[1]:
        raise IntakeError(f"{where}: the score {labels[0]!r} is not between 1 and 5.")
    return score * SCORE_TIMES
