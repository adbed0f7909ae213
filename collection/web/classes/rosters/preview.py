"""A file beside the class as it is: one line a learner, new, changed, unchanged or wrong; nothing is written."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from django.utils.translation import gettext as _

from collection.web.classes.models import Learner
from collection.web.classes.rosters import values
from collection.web.classes.rosters.columns import CLASS, CODE, FULL_NAME, find_header, plain_words
from collection.web.classes.rosters.sheets import SheetError
from collection.web.classes.rosters.writing import plain

Record = dict[str, str]
"""One line of the file: text by field, and ``line``, its number."""
FIELDS = tuple(values.READERS)


class Status(StrEnum):
    """What a line would do."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. ``changes`` are (field, before, after); ``problems`` say what to correct."""

    number: int
    shown: str
    status: Status
    learner: Learner | None = None
    values: dict[str, str | date] = field(default_factory=dict)
    changes: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """Every line of the file, and the learners of the class that are not in it; they stay."""

    lines: tuple[Line, ...]
    absent: tuple[Learner, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many lines there are of each status."""
        found = Counter(line.status for line in self.lines)
        return {status.value: found[status] for status in Status}

    @property
    def ready(self) -> bool:
        """Whether it may be confirmed: no line is wrong, and there is something to do."""
        found = self.counts
        return not found[Status.ERROR] and bool(found[Status.NEW] + found[Status.CHANGED])


def records(rows: Sequence[Sequence[str]], class_name: str) -> list[Record]:
    """Return the lines of a file that are about the class.

    A column of classes chooses the lines of ours; a file about one class only is taken whole, however the school writes
    its name. Raises SheetError.
    """
    start, columns = find_header(rows)
    found: list[Record] = []
    for number, row in enumerate(rows[start + 1 :], start=start + 2):
        cells = {name: plain(row[column]) for name, column in columns.items() if column < len(row) and row[column]}
        if cells:
            found.append({"line": str(number), **cells})
    if not found:
        raise SheetError(_("Le fichier ne contient aucun élève sous le titre des colonnes."))
    named = {one[CLASS] for one in found if CLASS in one}
    if len(named) > 1:
        ours = [one for one in found if plain_words(one.get(CLASS, "")) == plain_words(class_name)]
        if not ours:
            known = ", ".join(sorted(named)[:8])
            raise SheetError(
                _("Le fichier parle de plusieurs classes (%(known)s), mais pas de %(name)s.")
                % {"known": known, "name": class_name}
            )
        return ours
    return found


def compare(
    wanted: Iterable[Record], learners: Sequence[Learner], signed: Mapping[uuid.UUID, date] | None = None
) -> Preview:
    """Say what each line of a file would do to the learners of a class.

    A learner is known by the code of our own export, else by last and first name whatever their accents and capitals,
    and the date of birth where two share a name. An empty cell changes nothing. ``signed`` holds the day of the first
    signature of each learner who has one.
    """
    known, signed = _Known(learners), signed or {}
    lines: list[Line] = []
    met: dict[object, int] = {}
    readings = [(record, *_read(record)) for record in wanted]
    dates: dict[str, list[object]] = defaultdict(list)
    for _record, read, problems in readings:
        if not problems:
            dates[_key(read)].append(read.get("birth_date"))
    for record, read, found in readings:
        number, learner, problems = int(record["line"]), None, found
        if not problems:
            learner, problems = known.of(record, read, dates[_key(read)])
        if not problems:
            # Somebody new is told apart by name and date of birth only.
            who = learner.pk if learner else (_key(read), read.get("birth_date"))
            if who in met:
                problems = [_("cet élève est déjà à la ligne %(n)d") % {"n": met[who]}]
            met.setdefault(who, number)
        if not problems and learner is not None:
            problems = too_young_to_have_signed(read.get("birth_date"), signed.get(learner.pk))
        lines.append(_line(record, learner, read, problems))
    seen = {line.learner.pk for line in lines if line.learner}
    return Preview(tuple(lines), tuple(one for one in learners if one.pk not in seen))


def _key(read: Mapping[str, object]) -> str:
    """Return what two spellings of one name share: letters without accents, capitals, spaces and hyphens."""
    return "|".join(plain_words(str(read[name])).replace(" ", "") for name in ("last_name", "first_name"))


def _read(record: Record) -> tuple[dict[str, str | date], list[str]]:
    """Return the values of a line and what is wrong with it."""
    cells = dict(record)
    problems: list[str] = []
    if FULL_NAME in cells:
        try:
            cells["last_name"], cells["first_name"] = values.split_name(cells[FULL_NAME])
        except ValueError as error:
            problems.append(str(error))
    elif not cells.get("last_name") or not cells.get("first_name"):
        problems.append(_("il manque le nom ou le prénom"))
    read: dict[str, str | date] = {}
    for name, reader in values.READERS.items():
        if cells.get(name):
            try:
                read[name] = reader(cells[name])
            except ValueError as error:
                problems.append(str(error))
    return read, problems


class _Known:
    """The learners of a class, by code and by name."""

    def __init__(self, learners: Iterable[Learner]) -> None:
        self.by_code: dict[str, Learner] = {}
        self.by_name: dict[str, list[Learner]] = defaultdict(list)
        for one in learners:
            self.by_code[one.code] = one
            self.by_name[_key({"last_name": one.last_name, "first_name": one.first_name})].append(one)

    def of(
        self, record: Record, read: Mapping[str, object], dates: Sequence[object]
    ) -> tuple[Learner | None, list[str]]:
        """Return the learner that a line is about, ``None`` for somebody new, and what leaves it open.

        ``dates`` are the dates of birth of every line of that name.
        """
        if code := record.get(CODE, "").upper():
            if code in self.by_code:
                return self.by_code[code], []
            return None, [_("le code « %(code)s » n’est pas de cette classe : videz la case") % {"code": code}]
        namesakes = self.by_name.get(_key(read), [])
        born = read.get("birth_date")
        same = [one for one in namesakes if born and one.birth_date == born]
        if len(same) == 1 or not namesakes:
            return next(iter(same), None), []
        if len(namesakes) == 1 and len(dates) == 1:
            return namesakes[0], []
        # Every namesake of the class has a line of their own: this one is new.
        if born and born not in (known := [one.birth_date for one in namesakes]) and set(known) <= set(dates) - {None}:
            return None, []
        return None, [_("plusieurs élèves portent ce nom : donnez la date de naissance ou le code")]


def too_young_to_have_signed(born: object, signed_on: date | None) -> list[str]:
    """Return what is wrong with a date of birth when the learner's consent was first signed on a day before it."""
    if isinstance(born, date) and signed_on is not None and signed_on <= born:
        return [_("la date de naissance est plus récente qu’un accord déjà signé")]
    return []


def _line(record: Record, learner: Learner | None, read: dict[str, str | date], problems: Sequence[str]) -> Line:
    number = int(record["line"])
    shown = f"{read['last_name']} {read['first_name']}" if {"last_name", "first_name"} <= read.keys() else ""
    shown = shown or " ".join(record.get(name, "") for name in (FULL_NAME, "last_name", "first_name")).strip()
    if problems:
        return Line(number, shown, Status.ERROR, learner, problems=tuple(problems))
    if learner is None:
        return Line(number, shown, Status.NEW, None, read)
    changed = {name: value for name, value in read.items() if getattr(learner, name) != value}
    changes = tuple((name, _text(getattr(learner, name)), _text(value)) for name, value in changed.items())
    return Line(number, shown, Status.CHANGED if changes else Status.UNCHANGED, learner, changed, changes)


def _text(value: str | date | None) -> str:
    return f"{value:%d/%m/%Y}" if isinstance(value, date) else (value or "")
