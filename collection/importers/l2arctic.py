"""The L2-ARCTIC corpus (24 adults with six first languages, read English) as an intake.

G. Zhao et al., "L2-ARCTIC: A Non-native English Speech Corpus", Interspeech 2018. Layout and notation as in
psi.engr.tamu.edu/l2-arctic-corpus-docs, and as the scripts read them that prepare its 3,599 annotated utterances for
published work (those after ``l2arctic_prep.py`` of github.com/cageyoko/CTC-Attention-Mispronunciation), looked up on
2026-11-22: ``<speaker>/wav/*.wav``, ``<speaker>/transcript/*.txt`` and, for about 150 utterances a speaker,
``<speaker>/annotation/*.TextGrid`` with the tiers ``words`` and ``phones``. A phone's label is the phone, or
``CPL,PPL,type``, correct and perceived phone and the error: ``CPL,PPL,s`` substitution, ``CPL,sil,d`` deletion,
``sil,PPL,a`` addition. ``err`` is a sound that nobody could name; ``*`` marks a deviation within a phone, so that of
``R*`` for R nobody can say which phone it was. Slips of the annotators (``ER)``, ``V`` with accents, ``AX``, capitals,
blanks) are read as those scripts read them.

The corpus marks errors without grading them: a phone is right (2) or wrong (0). Utterances without annotation are
imported without any, and so are the two whose TextGrid those scripts call broken. The spontaneous part
(``suitcase_corpus``) is not read aloud and not imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from collection import textgrid
from collection.errors import IntakeError
from collection.importers.corpus_folder import RIGHT, WRONG, refuse_intakes, text_of, word_at, words_of
from collection.intake import Annotation, Intake, Learner, Licence, Recording
from collection.phones import ARPABET
from collection.schema import Phone, Purpose
from collection.sound import paths
from collection.textgrid import Interval, TextGridError

SOURCE = "l2arctic"
LANGUAGE = "en-US"
LICENCE = Licence(
    name="L2-ARCTIC",
    purposes=(Purpose.RESEARCH, Purpose.TRAINING, Purpose.EVALUATION),
    statement="CC BY-NC 4.0: with attribution, for non-commercial purposes only, models learned from it included "
    "(Zhao et al., Interspeech 2018, psi.engr.tamu.edu/l2-arctic-corpus).",
)
SPEAKERS = {
    "ABA": "m ar", "SKA": "f ar", "YBAA": "m ar", "ZHAA": "f ar", "BWC": "m zh", "LXC": "f zh", "NCC": "f zh",
    "TXHC": "m zh", "ASI": "m hi", "RRBI": "m hi", "SVBI": "f hi", "TNI": "f hi", "HJK": "f ko", "HKK": "m ko",
    "YDCK": "f ko", "YKWK": "m ko", "EBVS": "m es", "ERMS": "m es", "MBMPS": "f es", "NJS": "f es", "HQTV": "m vi",
    "PNV": "f vi", "THV": "f vi", "TLV": "m vi",
}  # fmt: skip
"""Gender and first language of each speaker, from the corpus's own table."""
YOUNGEST = 22
"""Years; all are adults, and the corpus tells the range of ages only."""
SPONTANEOUS = "suitcase_corpus"
SILENT = frozenset({"", "SIL", "SP", "SPN"})
BROKEN = frozenset({"YDCK_arctic_a0209", "YDCK_arctic_a0272"})
"""Utterances whose TextGrid is known to be malformed in the corpus itself."""
UNNAMED = "ERR"
"""Something was said that is no phone of English."""


def read(folder: Path) -> Intake:
    """Return the corpus as an intake under its public licence.

    Phones lose stress digit and deviation mark. Raises ``IntakeError`` when no speaker is there, when a text or sound
    file is missing or leaves the folder, for labels that break the notation, and when the folder is an intake.
    """
    root = folder.resolve()
    refuse_intakes((root, *root.parents))
    speakers = [path for path in sorted(folder.iterdir()) if (path / "wav").is_dir() and path.name != SPONTANEOUS]
    if not speakers:
        raise IntakeError(
            f"no speaker in {folder}: give the folder that holds ABA, SKA and the others, with wav inside."
        )
    refuse_intakes(speakers)
    learners = {path.name: _learner(path.name) for path in speakers}
    recordings = [recording for path in speakers for recording in _recordings(folder, path)]
    paths.check_distinct((f"utterance {one.recording_id}", one.path) for one in recordings)
    annotations = {}
    for recording in recordings:
        speaker, name = recording.learner_id, recording.path.stem
        marked = folder / speaker / "annotation" / f"{name}.TextGrid"
        if marked.is_file():
            try:
                annotations[recording.recording_id, 0] = _annotation(recording, marked)
            except IntakeError:
                if recording.recording_id not in BROKEN:
                    raise
    return Intake(SOURCE, learners, tuple(recordings), annotations, LICENCE)


def parse_label(label: str) -> tuple[str, str | None] | None:
    """Return (canonical phone, phone said) of a label, ``None`` where nothing should have been said, or nobody knows.

    What was said is "" for a deletion and ``None`` where nobody could name it, or it is a deviating form of the phone
    itself. ``AH0`` is AH said as AH.
    """
    parts = [_phone(part) for part in label.split(",")]
    if len(parts) == 1:
        return None if parts[0] in {*SILENT, UNNAMED} else (parts[0], parts[0])
    kind = label.split(",")[-1].strip(" `\n").lower()
    if len(parts) != 3 or kind not in {"s", "d", "a"}:
        raise IntakeError(f"the label {label!r} is neither a phone nor CPL,PPL,type with type s, d or a.")
    canonical, said, _ = parts
    if canonical in SILENT or kind == "a":
        return None
    if kind == "d" or said in SILENT:
        return canonical, ""
    return canonical, said if said in ARPABET.symbols and said != canonical else None


def _phone(part: str) -> str:
    plain = part.strip(" `*)_\n").upper().rstrip("012").rstrip("*")
    return {"AX": "AH", "ERR": UNNAMED}.get(plain, plain)


def _learner(speaker: str) -> Learner:
    gender, language = SPEAKERS.get(speaker, " ").split(" ")
    return Learner(speaker, age=YOUNGEST, gender=gender or None, first_language=language or None)


def _recordings(folder: Path, speaker: Path) -> Iterator[Recording]:
    for sound in sorted((speaker / "wav").glob("*.wav")):
        where = f"{speaker.name}/wav/{sound.name}"
        yield Recording(
            recording_id=f"{speaker.name}_{sound.stem}",
            learner_id=speaker.name,
            session_id=speaker.name,
            path=paths.inside(folder, sound.relative_to(folder), where),
            recorded_on=None,
            language=LANGUAGE,
            prompts=(text_of(speaker / "transcript" / f"{sound.stem}.txt"),),
            segmented=True,
        )


def _annotation(recording: Recording, path: Path) -> Annotation:
    where = f"{recording.learner_id}/annotation/{path.name}"
    try:
        tiers = textgrid.read(path)
        words = [word for word in tiers.get(textgrid.WORDS, ()) if word.label.upper() not in SILENT]
        if not words or textgrid.PHONES not in tiers:
            raise IntakeError("it has no tier words, or none called phones.")
        phones = tuple(_phones(words, tiers[textgrid.PHONES]))
    except (IntakeError, TextGridError) as error:
        raise IntakeError(f"{where}: {error}") from None
    return Annotation(recording.recording_id, 0, words_of(words), phones)


def _phones(words: list[Interval], intervals: tuple[Interval, ...]) -> Iterator[Phone]:
    for one in intervals:
        marked = parse_label(one.label)
        if marked is None:
            continue
        canonical, said = marked
        if canonical not in ARPABET.symbols:
            raise IntakeError(f"{canonical!r} (in {one.label!r}) is no phone of English.")
        wrong = "," in one.label
        start, end = (one.start, one.end) if said != "" else (None, None)
        yield Phone(canonical, word_at(words, one.middle), start, end, WRONG if wrong else RIGHT, said)
