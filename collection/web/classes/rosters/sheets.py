"""An untrusted CSV or XLSX file becomes rows of text, within limits; whatever else it is, is refused with a reason."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import openpyxl
from django.utils.translation import gettext as _

MOST_BYTES = 2 * 1024 * 1024
"""Size of a file (a class of 40 takes 20 kB)."""
MOST_UNPACKED = 8 * 1024 * 1024
"""Size (bytes) of everything in an XLSX file, unpacked."""
MOST_PARTS = 200
"""Files in an XLSX file."""
MOST_ROWS = 600
MOST_COLUMNS = 60
MOST_LETTERS = 300
"""Characters in a cell."""
DELIMITERS = ";\t,"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END_OF_ZIP = b"PK\x05\x06"
_END_SIZE = 22


class SheetError(Exception):
    """A file that is not read, and why, in words for a teacher."""


def rows_of(content: bytes) -> list[list[str]]:
    """Return the rows of the first sheet, each cell as trimmed text, dates as ``YYYY-MM-DD``.

    What a file is, its first bytes say, never its name. Raises SheetError.
    """
    if not content.strip():
        raise SheetError(_("Le fichier est vide."))
    if len(content) > MOST_BYTES:
        raise SheetError(_("Le fichier dépasse 2 Mo : gardez seulement la liste de la classe."))
    if content.startswith(_OLE):
        raise SheetError(
            _("C’est un ancien fichier Excel (.xls) ou un fichier protégé : enregistrez-le en .xlsx sans mot de passe.")
        )
    if content.startswith(_ZIP):
        return _limited(_workbook_rows(content))
    return _limited(_text_rows(_decoded(content)))


def _limited(rows: Iterable[Iterable[Any]]) -> list[list[str]]:
    """Return rows as text; too many rows, columns or letters are refused before the rest is read."""
    kept: list[list[str]] = []
    for row in rows:
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise SheetError(_("Le fichier a plus de %(n)d colonnes.") % {"n": MOST_COLUMNS})
        if any(len(cell) > MOST_LETTERS for cell in cells):
            raise SheetError(_("Une case contient plus de %(n)d caractères.") % {"n": MOST_LETTERS})
        kept.append(cells)
        if len(kept) > MOST_ROWS:
            raise SheetError(_("Le fichier a plus de %(n)d lignes : une classe à la fois.") % {"n": MOST_ROWS})
    return kept


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # Spreadsheets leave no-break spaces behind; other spaces inside a name are kept as one.
    return " ".join(str(value).split())


def _decoded(content: bytes) -> str:
    """Return the text of a CSV file in UTF-8, in UTF-16 with its mark, or as Windows writes it in France."""
    encodings = ["utf-16"] if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetError(_("Ce n’est ni un fichier CSV ni un fichier Excel (.xlsx)."))


def _text_rows(text: str) -> Iterable[list[str]]:
    """Yield the rows of a CSV text; the delimiter is the one that parts most of the first lines into columns."""
    head = text.splitlines()[:20] or [""]
    delimiter = max(DELIMITERS, key=lambda one: sum(line.count(one) > 0 for line in head) * 1000 + head[0].count(one))
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise SheetError(_("Le fichier CSV est mal formé : un guillemet n’est pas refermé.")) from error


def _workbook_rows(content: bytes) -> list[tuple[Any, ...]]:
    """Return the rows of the first sheet of an XLSX file; formulas give the value that was saved with them."""
    _check_archive(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets = book.worksheets
        # One more than allowed of each, so that the limit is seen and told.
        limits = {"max_row": MOST_ROWS + 1, "max_col": MOST_COLUMNS + 1}
        rows = list(sheets[0].iter_rows(**limits, values_only=True)) if sheets else None
        book.close()
    except Exception as error:  # a hostile file can make openpyxl raise anything
        raise _unreadable() from error
    if rows is None:
        raise SheetError(_("Le classeur Excel n’a pas de feuille."))
    return rows


def _unreadable() -> SheetError:
    return SheetError(_("Le fichier Excel est abîmé ou n’en est pas un : enregistrez-le de nouveau en .xlsx."))


def _check_archive(content: bytes) -> None:
    """Refuse bombs, macros, and files that are something else besides an XLSX."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            comment = archive.comment
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _unreadable() from error
    names = {part.filename.lower() for part in parts}
    # The archive must be the whole file: nothing before it, nothing behind.
    if comment or content[-_END_SIZE:][:4] != _END_OF_ZIP or "[content_types].xml" not in names:
        raise _unreadable()
    if len(names) < len(parts) or any(part.flag_bits & 1 for part in parts):
        raise _unreadable()
    if any(name.endswith(".bin") and "vba" in name for name in names):
        raise SheetError(_("Le fichier contient des macros : enregistrez-le en .xlsx sans macros."))
    # What a part says of its size is all that is ever read of it.
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise SheetError(_("Le fichier Excel est beaucoup trop grand une fois ouvert : gardez seulement la liste."))
