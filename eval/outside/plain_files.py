"""The two documented formats of predictions, both our own: CSV, a row a phone, and JSON, an object an utterance.

Both carry the version of their format (docs/outside.md); a file of a newer one is refused, never half understood.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from collection.schema import Scores, WordScores
from eval.errors import PredictionsError
from eval.outside.answers import Answer, PhoneAnswer, WordAnswer, number, record, records, text
from eval.predictions import UTTERANCE_SCORES, WORD_SCORES

FORMAT, VERSION = "parlure-predictions", "1.0"
NEEDED = ("utterance_id", "word_index", "phone", "score")
FURTHER = ("heard", "start", "end")
"""Columns of the CSV that may be absent; so may the first line, ``# parlure-predictions 1.0``."""
_VERSION_LINE = re.compile(rf"#\s*{FORMAT}\s+(\S+)\s*")
_LISTED = 5


def read_csv(path: Path) -> dict[str, Answer]:
    """Return the answers of a CSV file by utterance, in its order.

    The rows of an utterance stand together, its words and their phones in reading order.
    """
    content = _content(path)
    first, _, rest = content.partition("\n")
    if first.startswith("#"):
        told = _VERSION_LINE.fullmatch(first.strip())
        if told is None:
            raise PredictionsError(f"{path.name} begins with {first.strip()!r}; expected: # {FORMAT} {VERSION}")
        check_version(told[1], path.name)
        content = rest
    lines = csv.DictReader(io.StringIO(content))
    columns = lines.fieldnames or ()
    missing, unknown = set(NEEDED) - set(columns), set(columns) - {*NEEDED, *FURTHER}
    if missing or unknown:
        raise PredictionsError(
            f"{path.name} has the columns {', '.join(columns)}: "
            + "; ".join(
                f"{what} {', '.join(sorted(names))}"
                for what, names in (("lacks", missing), ("unknown", unknown))
                if names
            )
            + f". It needs {', '.join(NEEDED)} and may have {', '.join(FURTHER)}."
        )
    rows = list(_rows(lines, path.name))
    if not rows:
        raise PredictionsError(f"{path.name} holds no row: there is nothing to score.")
    found: dict[str, Answer] = {}
    for utterance, own in groupby(rows, key=lambda row: row[0]):
        places = [(index, phone) for _, index, phone in own]
        backwards = any(after[0] < before[0] for before, after in pairwise(places))
        if utterance in found or backwards:
            raise _twice([utterance], path.name)
        words = groupby(places, key=lambda place: place[0])
        found[utterance] = Answer(tuple(WordAnswer(tuple(phone for _, phone in word), index) for index, word in words))
    return found


def read_json(path: Path) -> dict[str, Answer]:
    """Return the answers of a JSON file by utterance, in its order."""
    try:
        whole = record(json.loads(_content(path)), path.name)
    except ValueError as error:
        raise PredictionsError(f"{path.name} is not JSON: {error}.") from None
    if whole.get("format") != FORMAT:
        raise PredictionsError(f'{path.name} is not marked "format": "{FORMAT}". Is it of another format=…?')
    check_version(str(whole.get("version")), path.name)
    rows = records(whole.get("utterances"), "utterances")
    if not rows:
        raise PredictionsError(f"{path.name} holds no utterance: there is nothing to score.")
    names = [text(row.get("utterance_id"), f"utterances[{place}].utterance_id") for place, row in enumerate(rows)]
    if again := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise _twice(again, path.name)
    return {name: _answer(row, name) for name, row in zip(names, rows, strict=True)}


def check_version(version: str, name: str) -> None:
    """Raise for a format this code does not read: another major number, or a minor number above ours."""
    try:
        major, minor = (int(part) for part in version.split("."))
    except ValueError:
        raise PredictionsError(f"{name} has version {version!r} of {FORMAT}; expected: {VERSION}.") from None
    ours = tuple(int(part) for part in VERSION.split("."))
    if major != ours[0] or minor > ours[1]:
        advice = "update Parlure" if (major, minor) > ours else "write the file again"
        raise PredictionsError(f"{name} has version {version} of {FORMAT}, this Parlure reads {VERSION}: {advice}.")


def _content(path: Path) -> str:
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise PredictionsError(f"{path.name} is not UTF-8. Save it as UTF-8.") from None
    if not content.strip():
        raise PredictionsError(f"{path.name} is empty: there is nothing to score.")
    return content


def _rows(lines: csv.DictReader[str], name: str) -> Iterator[tuple[str, int, PhoneAnswer]]:
    for row in lines:
        where = f"{name} line {lines.line_num}"
        if None in row or None in row.values():
            raise PredictionsError(f"{where} has another number of cells than the heading.")
        index = number(row["word_index"], f"{where}, word_index")
        if index is None or index < 0 or index != int(index):
            raise PredictionsError(f"{where}: word_index is {row['word_index']!r}: a phone of no word. Count from 0.")
        times = (number(row.get(end), f"{where}, {end}") for end in ("start", "end"))
        phone = PhoneAnswer(
            text(row["phone"], f"{where}, phone"), number(row["score"], f"{where}, score"), row.get("heard"), *times
        )
        yield text(row["utterance_id"], f"{where}, utterance_id"), int(index), phone


def _answer(row: dict[str, Any], name: str) -> Answer:
    decoded = row.get("decoded")
    if not isinstance(decoded, list | None):
        raise PredictionsError(f"{name}.decoded: a list of phones was expected, or null.")
    words = [
        _word(word, f"{name}.words[{place}]") for place, word in enumerate(records(row.get("words"), f"{name}.words"))
    ]
    if len({word.index for word in words}) < len(words):
        raise PredictionsError(f"{name} names a word twice.")
    status = row.get("status") or ("ok" if words else "no_answer")
    return Answer(
        tuple(words),
        Scores(**_scores(row.get("scores"), UTTERANCE_SCORES, f"{name}.scores")),
        None if decoded is None else tuple(text(one, f"{name}.decoded") for one in decoded),
        text(status, f"{name}.status"),
    )


def _word(row: dict[str, Any], where: str) -> WordAnswer:
    index = row.get("index")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise PredictionsError(f"{where}.index is {index!r}: a word of no place. Count from 0.")
    phones = [
        PhoneAnswer(
            text(phone.get("phone"), f"{where}.phones[{place}].phone"),
            number(phone.get("score"), f"{where}.phones[{place}].score"),
            phone.get("heard"),
            number(phone.get("start"), f"{where}.phones[{place}].start"),
            number(phone.get("end"), f"{where}.phones[{place}].end"),
        )
        for place, phone in enumerate(records(row.get("phones"), f"{where}.phones"))
    ]
    return WordAnswer(
        tuple(phones), index, scores=WordScores(**_scores(row.get("scores"), WORD_SCORES, f"{where}.scores"))
    )


def _scores(value: Any, names: Sequence[str], where: str) -> dict[str, float | None]:
    found = {} if value is None else record(value, where)
    if unknown := set(found) - set(names):
        raise PredictionsError(f"{where}: unknown {', '.join(sorted(unknown))}; scores: {', '.join(names)}.")
    return {name: number(found.get(name), f"{where}.{name}") for name in names}


def _twice(names: Sequence[str], where: str) -> PredictionsError:
    shown = ", ".join(names[:_LISTED])
    return PredictionsError(
        f"{where}: {len(names)} utterance(s) come twice, or with their words out of order ({shown}). Write each once."
    )
