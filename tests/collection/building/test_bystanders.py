"""Names that stand in no list: known by digests, found in texts, and never lost in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collection.build import build
from collection.building import bystanders
from collection.config import BuildConfig
from collection.errors import IntakeError
from collection.intake import NAMES, write_intake
from collection.keys import read_key
from collection.withdrawal import tombstones
from tests.intakes import ON, Class, make_class


@pytest.fixture
def made(tmp_path: Path) -> Class:
    """Make a class in which somebody reads the name of a pupil who is on no list."""
    made = make_class(tmp_path, learners=3, each=1)
    first, *others = made.intake.recordings
    spoken = replace(first, prompts=("give it to Querouil",))
    write_intake(made.folder, replace(made.intake, recordings=(spoken, *others)))
    return made


def built(made: Class, out: Path) -> dict:
    config = BuildConfig(
        importer="folder",
        intake=str(made.folder),
        out=str(out),
        key=str(made.key),
        name=out.name,
        on=ON,
        workers=0,
    )
    return build(config).release.manifest


def test_a_reading_with_the_name_of_somebody_on_no_list_is_dropped(made: Class, tmp_path: Path) -> None:
    assert built(made, tmp_path / "without")["kept"]["rows"] == 3
    marks = tombstones.name_marks(read_key(made.key), "class", "Maëlle Quérouil", {"en-US"})
    bystanders.write(made.folder, marks)
    facts = built(made, tmp_path / "with")
    assert (facts["kept"]["rows"], facts["dropped"]) == (2, {"personal_data_in_text": 1})


def test_what_is_written_names_nobody_and_comes_back(made: Class) -> None:
    marks = tombstones.name_marks(read_key(made.key), "class", "Maëlle Quérouil", {"en-US"})
    assert bystanders.read(made.folder) == frozenset()
    bystanders.write(made.folder, marks)
    assert bystanders.read(made.folder) == marks
    assert b"uerouil" not in (made.folder / NAMES).read_bytes().lower()


@pytest.mark.parametrize("content", [b"", b'{"names": []}', b"[1, 2", b"\xff"])
def test_a_damaged_list_stops_the_build(made: Class, tmp_path: Path, content: bytes) -> None:
    (made.folder / NAMES).write_bytes(content)
    with pytest.raises(IntakeError, match=r"names\.json is damaged"):
        built(made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_reading_of_an_unknown_day_is_set_aside(made: Class, tmp_path: Path) -> None:
    first, second, third = made.intake.recordings
    write_intake(made.folder, replace(made.intake, recordings=(first, replace(second, recorded_on=None), third)))
    facts = built(made, tmp_path / "out")
    assert facts["dropped"] == {"recorded_nobody_knows_when": 1}
    assert facts["kept"]["rows"] == 2
