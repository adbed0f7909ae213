"""Rosters as files: what is read, what is refused, and what a line would do to the class."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from collection.web.classes.models import Learner
from collection.web.classes.rosters import columns, preview, sheets, values
from collection.web.classes.rosters.preview import Status, compare, records
from collection.web.classes.rosters.sheets import SheetError, rows_of
from collection.web.classes.rosters.writing import csv_text, harmless, plain

PRONOTE = "Nom;Prénom;Né(e) le;Sexe;Classe;Niveau\nABADIE;Inès;14/03/2013;F;4eB;QUATRIEME\n"


def xlsx(*rows, title="Liste") -> bytes:
    """Return a workbook with one sheet."""
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rewritten(content: bytes, **parts: bytes) -> bytes:
    """Return an XLSX file with parts added or replaced; ``_`` in a keyword stands for a slash."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        changed = {name.replace("__", ".").replace("_", "/"): part for name, part in parts.items()}
        for info in old.infolist():
            if info.filename not in changed:
                new.writestr(info, old.read(info.filename))
        for name, part in changed.items():
            new.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_is_read_whatever_its_encoding_and_delimiter(encoding, delimiter):
    text = "Nom;Prénom;Né(e) le\r\nABADIE;Inès;14/03/2013\r\n".replace(";", delimiter)
    assert rows_of(text.encode(encoding)) == [["Nom", "Prénom", "Né(e) le"], ["ABADIE", "Inès", "14/03/2013"]]


def test_a_comma_inside_quotes_parts_nothing():
    assert rows_of(b'Nom;Pr\xe9nom\n"Martin, dit Petit";L\xe9a\n')[1] == ["Martin, dit Petit", "Léa"]


def test_a_workbook_is_read_with_its_dates():
    content = xlsx(
        ["Nom", "Prénom", "Né le"], ["Abadie", "Inès", datetime(2013, 3, 14)], [None, None, None], [1.0, 2.5]
    )
    assert rows_of(content) == [["Nom", "Prénom", "Né le"], ["Abadie", "Inès", "2013-03-14"], [], ["1", "2.5"]]


def test_a_name_in_any_script_is_kept():
    for found in ("Nguyễn", "Łukasz", "عائشة", "李", "O’Brien", "Jean-Noël", "Ånger", "देवी"):
        assert values.name(found) == found
    # Written with a combining accent, it becomes the same name.
    assert values.name("Ine\u0300s") == "Inès"


@pytest.mark.parametrize("bad", ["", "123", "a\u202eb", "a\x07b", "\ue000a", "a" * 101])
def test_what_is_no_name_is_refused(bad):
    with pytest.raises(ValueError):
        values.name(bad)


BOMB = b"<x>" + b" " * (sheets.MOST_UNPACKED + 1) + b"</x>"
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "a">]><worksheet><sheetData>&a;</sheetData></worksheet>'
GOOD = xlsx(["Nom", "Prénom"], ["Abadie", "Inès"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "vide"),
        (b" \n ", "vide"),
        (b"a" * (sheets.MOST_BYTES + 1), "2 Mo"),
        (sheets._OLE + b"\0" * 600, "ancien fichier Excel"),
        (b"Nom\0;Pr", "ni un fichier CSV"),
        (b'Nom;Pr\xc3\xa9nom\n"ABADIE;In', "guillemet"),
        (b"Nom\n" * (sheets.MOST_ROWS + 1), "lignes"),
        (b";".join([b"x"] * 61), "colonnes"),
        (b"Nom;Pr\n" + b"a" * 301, "caract"),
        (GOOD[:200], "abîmé"),
        (GOOD + b"<script>alert(1)</script>", "abîmé"),
        (b"PK\x03\x04" + b"\0" * 100, "abîmé"),
        (rewritten(GOOD, xl_vbaProject__bin=b"x"), "macros"),
        (rewritten(GOOD, xl_media_image1__png=BOMB), "trop grand"),
        (rewritten(GOOD, **{f"xl_part{n}__xml": b"<x/>" for n in range(201)}), "trop grand"),
        (rewritten(GOOD, xl_worksheets_sheet1__xml=ENTITIES), "abîmé"),
        (rewritten(GOOD, xl_workbook__xml=ENTITIES), "abîmé"),
        (rewritten(GOOD, xl_workbook__xml=b"<a>" * 100_000 + b"</a>" * 100_000), "feuille"),
        (xlsx(*[["x"]] * (sheets.MOST_ROWS + 1)), "lignes"),
        (xlsx(["x"] * 61), "colonnes"),
    ],
    ids=range(20),
)
def test_what_is_no_roster_is_refused_in_words(content, said):
    with pytest.raises(SheetError, match=said):
        rows_of(content)


def test_an_archive_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Nom.txt", "Nom")
    with pytest.raises(SheetError, match="abîmé"):
        rows_of(out.getvalue())


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: GOOD[:600] + tail))
def test_any_bytes_are_read_or_refused(content):
    try:
        rows = rows_of(content)
    except SheetError:
        return
    assert len(rows) <= sheets.MOST_ROWS
    assert all(len(row) <= sheets.MOST_COLUMNS for row in rows)


def test_pronote_headers_are_found_below_a_title():
    rows = [["Liste des élèves"], [], ["Nom", "Prénom", "Né(e) le", "Sexe", "Niveau", "Classe"]]
    assert columns.find_header(rows) == (
        2, {"last_name": 0, "first_name": 1, "birth_date": 2, "gender": 3, "class": 5}
    )  # fmt: skip
    english = [["Date of birth", "Surname", "First name", "Mother tongue", "CEFR"]]
    assert columns.find_header(english) == (
        0, {"birth_date": 0, "last_name": 1, "first_name": 2, "first_language": 3, "level": 4}
    )  # fmt: skip


def test_a_file_without_names_is_refused():
    with pytest.raises(SheetError, match="introuvables"):
        columns.find_header([["Date", "Note"], ["1", "2"]])


@pytest.mark.parametrize("text", ["14/03/2013", "2013-03-14", "14.3.2013", "14-03-2013", "14 03 2013"])
def test_dates_of_birth(text):
    assert values.birth_date(text) == date(2013, 3, 14)


@pytest.mark.parametrize(
    "text", ["31/02/2013", "03/14/2013", "14/03/13", "demain", "14/03/2300", "01/01/1800", "４/3/2013"]
)
def test_dates_that_nobody_was_born_on(text):
    with pytest.raises(ValueError):
        values.birth_date(text)


def test_codes_of_the_other_columns():
    assert [values.gender(text) for text in ("F", "fille", "Masculin", "G")] == ["f", "f", "m", "m"]
    assert [values.first_language(text) for text in ("Français", "Arabe", "pt-BR", "tr")] == ["fr", "ar", "pt-BR", "tr"]
    assert values.level("b1") == "B1"
    for read in (values.gender, values.first_language, values.level):
        with pytest.raises(ValueError):
            read("Klingon!")


def test_a_name_in_one_column_is_split_at_its_capitals():
    assert values.split_name("DE LA TOUR Anne Marie") == ("DE LA TOUR", "Anne Marie")
    for open_question in ("Anne", "ANNE", "Anne TOUR", "李 明"):
        with pytest.raises(ValueError):
            values.split_name(open_question)


def of_class(*rows) -> list[preview.Record]:
    return records([["Nom", "Prénom", "Né(e) le", "Classe", "Code"], *rows], "4eB")


def test_a_file_of_several_classes_gives_ours():
    rows = [["A", "Bo", "", "4EB"], ["C", "Do", "", "4eA"]]
    assert [one["last_name"] for one in of_class(*rows)] == ["A"]
    with pytest.raises(SheetError, match="plusieurs classes"):
        of_class(["A", "Bo", "", "5eA"], ["C", "Do", "", "4eA"])
    # A file about one class is taken, whatever the school calls it.
    assert len(of_class(["A", "Bo", "", "Quatrième B"])) == 1


INES = {"last_name": "Abadie", "first_name": "Inès", "birth_date": date(2013, 3, 14)}


def learner(**values_) -> Learner:
    return Learner(**{**INES, **values_})


def test_lines_are_new_changed_unchanged_or_wrong():
    known = learner(gender="f")
    found = compare(
        of_class(
            ["ABADIE", "ines", "14/03/2013"],
            ["Benali", "Karim", "01/09/2012"],
            ["Costa", "", ""],
            ["Benali", "KARIM", "01/09/2012"],
        ),
        [known, learner(last_name="Zola", first_name="Émile")],
    )
    assert [line.status for line in found.lines] == [Status.CHANGED, Status.NEW, Status.ERROR, Status.ERROR]
    assert found.lines[0].learner == known
    # Capitals of the register are a change of spelling, shown before it is made.
    assert found.lines[0].changes == (("last_name", "Abadie", "ABADIE"), ("first_name", "Inès", "ines"))
    assert found.lines[3].problems == ("cet élève est déjà à la ligne 3",)
    assert [one.last_name for one in found.absent] == ["Zola"]
    assert not found.ready


def test_the_same_file_again_changes_nothing():
    found = compare(of_class(["Abadie", "Inès", "14/03/2013"]), [learner()])
    assert [line.status for line in found.lines] == [Status.UNCHANGED]
    assert not found.ready


def test_an_empty_cell_changes_nothing():
    assert compare(of_class(["Abadie", "Inès", ""]), [learner()]).counts["unchanged"] == 1


def test_a_corrected_date_of_birth_is_a_change():
    (line,) = compare(of_class(["Abadie", "Inès", "15/03/2013"]), [learner()]).lines
    assert line.changes == (("birth_date", "14/03/2013", "15/03/2013"),)


def test_namesakes_are_told_apart_by_date_of_birth_or_code():
    one, other = learner(), learner(birth_date=date(2012, 1, 1))
    both = compare(of_class(["Abadie", "Inès", "14/03/2013"], ["Abadie", "Inès", "01/01/2012"]), [one, other])
    assert [line.learner for line in both.lines] == [one, other]
    assert compare(of_class(["Abadie", "Inès", ""]), [one, other]).counts["error"] == 1
    by_code = compare(of_class(["Abadie-Roy", "Inès", "", "", other.code]), [one, other])
    assert by_code.lines[0].learner == other
    assert by_code.lines[0].changes == (("last_name", "Abadie", "Abadie-Roy"),)
    # A second one of the name, beside the one who is known.
    second = compare(of_class(["Abadie", "Inès", "14/03/2013"], ["Abadie", "Inès", "02/02/2014"]), [one])
    assert [line.status for line in second.lines] == [Status.UNCHANGED, Status.NEW]


def test_a_code_of_nobody_is_an_error():
    assert "n’est pas de cette classe" in compare(of_class(["A", "Bo", "", "", "ABCDEFGH"]), []).lines[0].problems[0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1"])
def test_no_cell_of_an_export_is_a_formula(text):
    assert harmless(text) == f"'{text}"
    assert plain(harmless(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_an_export_comes_back_as_it_was(text):
    kept = " ".join(text.split())
    row = rows_of(csv_text(["Nom", "Prénom"], [[text, "x"]]).encode())[1]
    assert plain(row[0]) == plain(kept) or row[0] == harmless(kept)
    assert plain(harmless(kept)) == kept or kept.startswith("'")
