"""What enters the pipeline: learners, recordings, prompts and ratings, as a folder or from an importer.

An intake folder holds ``roster.jsonl``, ``recordings.jsonl``, ``consents.jsonl`` (the register, read by
``collection.consent``), optionally ``ratings.jsonl`` and ``intake.json`` (``{"source": NAME}``), and the sound files
that the recordings name by relative path.
Everything here is personal data and stays on the intake side.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from collection import manifest
from collection.errors import IntakeError
from collection.schema import Phone, Rating, Scores, Split, Word
from collection.sound import paths


@dataclass(frozen=True, slots=True)
class Learner:
    """One line of the roster. ``age`` (years) serves corpora that give no ``birth_date``."""

    learner_id: str
    name: str | None = None
    birth_date: date | None = None
    age: int | None = None
    gender: str | None = None
    first_language: str | None = None
    level: str | None = None
    region: str | None = None
    school: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One sound file in which one learner reads ``prompts`` in order.

    ``segmented`` says that the file holds exactly one prompt already (corpora): it is not cut again.
    """

    recording_id: str
    learner_id: str
    session_id: str
    path: Path
    recorded_on: date | None
    language: str
    prompts: tuple[str, ...]
    device: str | None = None
    segmented: bool = False
    split: Split | None = None
    """The corpus's official split; ``None`` lets the release choose."""
    readers: tuple[str | None, ...] = ()
    """A whole class, ``learner_id`` ``*``: who is to read each of ``prompts``; ``None``: somebody not on the roster."""
    enrols: bool = False
    """The learner's voice alone, about 10 s: their voiceprint is made of it. It may name no prompts."""

    @property
    def readings(self) -> Counter[str]:
        """How many prompts each learner is to read."""
        if not self.readers:
            return Counter({self.learner_id: len(self.prompts)})
        return Counter(reader for reader in self.readers if reader is not None)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What experts said of one reading: scores, raters, and the canonical phones they scored (times may be unknown)."""

    recording_id: str
    prompt_index: int
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    scores: Scores = field(default_factory=Scores)
    raters: tuple[Rating, ...] = ()


@dataclass(frozen=True, slots=True)
class Licence:
    """The public licence under which a corpus is used in place of a consent register."""

    name: str
    purposes: tuple[str, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything one build reads; ``licence`` is set for public corpora only."""

    source: str
    learners: dict[str, Learner]
    recordings: tuple[Recording, ...]
    annotations: dict[tuple[str, int], Annotation]
    licence: Licence | None = None


ROSTER = "roster.jsonl"
"""File name of the list of learners inside an intake folder."""
RECORDINGS = "recordings.jsonl"
"""File name of the list of recordings inside an intake folder."""
RATINGS = "ratings.jsonl"
"""File name of the experts' ratings inside an intake folder."""
_FILES = {"roster": ROSTER, "recordings": RECORDINGS, "ratings": RATINGS, "about": "intake.json"}
REGISTER = "consents.jsonl"
"""File name of the consent register inside an intake folder."""
VOICEPRINTS = "voiceprints"
"""Folder of the voiceprints inside an intake folder."""
NAMES = "names.json"
"""File name of the digests of names that stand in no list, inside an intake folder."""
_OURS = (*_FILES.values(), REGISTER, VOICEPRINTS, NAMES)
CLASS = "*"
"""``learner_id`` of a recording in which a whole class is heard."""
DEFAULT_SOURCE = "collected"
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
"""BCP 47: language, script, region. Its longer forms would let free text into releases."""

R = TypeVar("R", Learner, Recording, Annotation)


def read_intake(folder: Path) -> Intake:
    """Read an intake folder; sound files are not opened.

    Raises ``IntakeError`` on the first line that cannot be used: it names the file and the line, never a learner.
    """
    if not folder.is_dir():
        raise IntakeError(
            f"no intake folder at {folder}: give a folder that holds {_FILES['roster']} and {_FILES['recordings']}."
        )
    learners = _unique(_read(folder, "roster", Learner), lambda learner: learner.learner_id, "roster", "learner_id")
    if CLASS in learners:
        raise IntakeError(f'{_FILES["roster"]}: "{CLASS}" stands for a whole class; give that learner another id.')
    recordings = tuple(
        replace(recording, path=paths.inside(folder, recording.path, _where("recordings", number), _OURS))
        for number, recording in _read(folder, "recordings", Recording)
    )
    numbered = list(enumerate(recordings, start=1))
    known = _unique(numbered, lambda recording: recording.recording_id, "recordings", "recording_id")
    for number, recording in numbered:
        _check_recording(recording, learners, _where("recordings", number))
    paths.check_distinct((_where("recordings", number), recording.path) for number, recording in numbered)
    annotations: dict[tuple[str, int], Annotation] = {}
    if (folder / _FILES["ratings"]).exists():
        lines = list(_read(folder, "ratings", Annotation))
        annotations = _unique(lines, lambda rating: (rating.recording_id, rating.prompt_index), "ratings", "reading")
        for number, rating in lines:
            _check_rating(rating, known, _where("ratings", number))
    return Intake(_source(folder), learners, recordings, annotations)


def write_intake(folder: Path, intake: Intake) -> None:
    """Write an intake folder: one JSON object a line, in the order given, so that equal intakes give equal bytes.

    Recordings must lie inside the folder. A licence is refused: a folder's consents come from its register alone.
    """
    if intake.licence is not None:
        raise IntakeError("a licensed corpus is read by its importer; a folder of its own needs a consent register.")
    root = folder.resolve()
    recordings = []
    for recording in intake.recordings:
        absolute = (root / recording.path).resolve()
        if not absolute.is_relative_to(root):
            raise IntakeError(
                f"recording {recording.path.name} lies outside {folder}: copy it inside, then write again."
            )
        recordings.append(replace(recording, path=absolute.relative_to(root)))
    manifest.atomic_write(folder / _FILES["about"], _line({"source": intake.source}))
    manifest.atomic_write(folder / _FILES["roster"], _lines(intake.learners.values()))
    manifest.atomic_write(folder / _FILES["recordings"], _lines(recordings))
    if intake.annotations:
        manifest.atomic_write(folder / _FILES["ratings"], _lines(intake.annotations.values()))
    else:
        (folder / _FILES["ratings"]).unlink(missing_ok=True)


def as_json(record: Learner | Recording | Annotation) -> dict[str, Any]:
    """Return a record as JSON values: ISO dates, POSIX paths; fields that are ``None`` by default are left out."""
    optional = {one.name for one in fields(record) if one.default is None}
    values = {name: value for name, value in asdict(record).items() if value is not None or name not in optional}
    for name, value in values.items():
        if isinstance(value, date):
            values[name] = value.isoformat()
        elif isinstance(value, Path):
            values[name] = value.as_posix()
    return values


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _lines(records: Iterable[Learner | Recording | Annotation]) -> str:
    return "".join(_line(as_json(record)) for record in records)


def _where(file: str, number: int) -> str:
    return f"{_FILES[file]} line {number}"


def _read(folder: Path, file: str, kind: type[R]) -> Iterator[tuple[int, R]]:
    """Yield (line number, record); blank lines are skipped."""
    path = folder / _FILES[file]
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise IntakeError(f"{path.name} is missing in {folder}: write one JSON object a line in it.") from None
    except UnicodeDecodeError as error:
        raise IntakeError(f"{path.name} is not UTF-8 (byte {error.start}): save it again as UTF-8.") from None
    adapter = TypeAdapter(kind)
    # Not splitlines(): U+2028 and the like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, adapter.validate_json(line, extra="forbid")
        except ValidationError as error:
            # Without the input: it is personal data, and errors end in logs.
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            known = ", ".join(one.name for one in fields(kind))
            hint = f" Known fields: {known}." if first["type"] == "unexpected_keyword_argument" else ""
            at = f", field {place}" if place else ""
            raise IntakeError(f"{_where(file, number)}{at}: {first['msg']}.{hint}") from None


def _unique(records: Iterable[tuple[int, R]], key: Callable[[R], Any], file: str, name: str) -> dict[Any, R]:
    found: dict[Any, R] = {}
    for number, record in records:
        if key(record) in found:
            raise IntakeError(
                f"{_where(file, number)}: this {name} already stands on an earlier line; keep one of them."
            )
        found[key(record)] = record
    return found


def _check_recording(recording: Recording, learners: dict[str, Learner], where: str) -> None:
    if (recording.learner_id == CLASS) != bool(recording.readers):
        raise IntakeError(f'{where}: the recording of a class has learner_id "{CLASS}" and readers, others neither.')
    if recording.readers and (len(recording.readers) != len(recording.prompts) or recording.segmented):
        raise IntakeError(f"{where}: a class names one reader a prompt (null for nobody known), and is not segmented.")
    if recording.readers and recording.recorded_on is None:
        raise IntakeError(f"{where}: a class needs recorded_on, so that no consent reaches back before it.")
    if not set(recording.readings) <= set(learners):
        who = "one of its readers" if recording.readers else "its learner_id"
        raise IntakeError(f"{where}: {who} is not in {_FILES['roster']}; add the learner or correct the id.")
    if not _LANGUAGE.fullmatch(recording.language):
        raise IntakeError(f"{where}: language must be a BCP 47 tag such as fr or en-US; releases print it.")
    if not (recording.prompts or recording.enrols) or not all(prompt.strip() for prompt in recording.prompts):
        raise IntakeError(f"{where}: prompts must list every text that was read, in order, and none may be empty.")
    if recording.segmented and len(recording.prompts) != 1:
        raise IntakeError(f"{where}: segmented means one prompt a file, this one lists {len(recording.prompts)}.")


def _check_rating(rating: Annotation, recordings: dict[str, Recording], where: str) -> None:
    recording = recordings.get(rating.recording_id)
    if recording is None:
        raise IntakeError(f"{where}: its recording_id is not in {_FILES['recordings']}.")
    if not 0 <= rating.prompt_index < len(recording.prompts):
        last = len(recording.prompts) - 1
        raise IntakeError(f"{where}: prompt_index {rating.prompt_index} is not among the prompts, 0 to {last}.")
    said, read = " ".join(word.text for word in rating.words), recording.prompts[rating.prompt_index]
    if _letters(said) != _letters(read):
        raise IntakeError(
            f"{where}: the words are not those of prompt {rating.prompt_index}; rate every word of it, in its order."
        )
    if any(not 0 <= phone.word_index < len(rating.words) for phone in rating.phones):
        raise IntakeError(f"{where}: a phone's word_index is not among its {len(rating.words)} words.")


def _letters(text: str) -> str:
    """Return the letters and digits of a text, without case: words may be written with or without punctuation."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _source(folder: Path) -> str:
    path = folder / _FILES["about"]
    try:
        about = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return DEFAULT_SOURCE
    except ValueError as error:
        raise IntakeError(f"{path.name} is not JSON: {error}.") from None
    if not isinstance(about, dict) or set(about) != {"source"} or not _SOURCE.fullmatch(str(about["source"])):
        raise IntakeError(
            f'{path.name} must be {{"source": NAME}}, NAME in lower-case letters, digits, dots and hyphens: '
            "it is printed in releases and names no school."
        )
    return str(about["source"])
