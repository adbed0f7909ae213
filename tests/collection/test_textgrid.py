"""Praat TextGrids: what is written reads back, what Praat writes reads too, and what is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.schema import Phone, Word
from collection.textgrid import PHONES, WORDS, Interval, TextGridError, of_reading, read, write
from training.advice.assessment import PhoneScore, WordScore

SHORT = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1.5\n<exists>\n2\n"IntervalTier"\n"Words"\n0\n1.5\n2\n0\n0.5\n""\n0.5\n1.5\n"été ""a"""\n"TextTier"\n"bell"\n0\n1.5\n1\n0.2\n"x"\n'  # noqa: E501


def test_times_and_labels_come_back_and_silence_is_left_out(tmp_path: Path) -> None:
    tiers = {WORDS: (Interval(0.25, 0.5, "sea"), Interval(1.0, 1.25, "l'été")), PHONES: ()}
    write(tmp_path / "a.TextGrid", tiers, 2.0)
    assert read(tmp_path / "a.TextGrid") == tiers
    assert 'name = "words"' in (tmp_path / "a.TextGrid").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["a.TextGrid"]


@settings(max_examples=20)
@given(st.lists(st.integers(1, 400), min_size=2, max_size=12, unique=True))
def test_any_boundaries_come_back_to_the_microsecond(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    edges = sorted(cuts)
    intervals = [Interval(a / 100, b / 100, "AH") for a, b in zip(edges[::2], edges[1::2], strict=False)]
    write(path, {PHONES: intervals}, 4.5)
    found = read(path)[PHONES]
    assert [one.start for one in found] == pytest.approx([one.start for one in intervals], abs=1e-6)
    assert [one.end for one in found] == pytest.approx([one.end for one in intervals], abs=1e-6)


def test_praats_short_text_reads_with_points_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.TextGrid").write_text(SHORT, "utf-8")
    found = read(tmp_path / "a.TextGrid")
    assert found["words"] == (Interval(0.5, 1.5, 'été "a"'),)
    assert found["bell"] == ()


def test_readings_of_releases_and_of_models_have_the_same_tiers() -> None:
    # The second phone begins a rounding error too early; the third was left out; the fourth has no times.
    human = of_reading(
        [Word("sea", 0.1, 0.4), Word("hm")],
        [Phone("S", 0, 0.1, 0.2), Phone("IY", 0, 0.1999, 0.4), Phone("T", 0, 0.4, 0.4), Phone("T", 0)],
    )
    assert human == {
        WORDS: (Interval(0.1, 0.4, "sea"),),
        PHONES: (Interval(0.1, 0.2, "S"), Interval(0.2, 0.4, "IY")),
    }
    model = of_reading(
        [WordScore("sea", 0.1, 0.4, -1.0), WordScore("", None, None, None)],
        [PhoneScore("S", 0, 0.1, 0.2, 0, 0, 0, 0, ""), PhoneScore("IY", 0, 0.2, 0.4, 0, 0, 0, 0, "")],
    )
    assert model == human


@pytest.mark.parametrize(
    "intervals",
    [
        [Interval(0.0, 0.5, "a"), Interval(0.4, 0.6, "b")],
        [Interval(0.5, 0.5, "a")],
        [Interval(0.5, 1.1, "a")],
        [Interval(0.1, 0.2, " ")],
    ],
)
def test_what_is_no_sequence_of_intervals_is_refused(intervals: list[Interval], tmp_path: Path) -> None:
    with pytest.raises(TextGridError, match="of tier words"):
        write(tmp_path / "a.TextGrid", {WORDS: intervals}, 1.0)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "hello", SHORT[:90]])
def test_what_is_no_textgrid_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "b.TextGrid").write_text(content)
    with pytest.raises(TextGridError, match=r"b\.TextGrid is no TextGrid"):
        read(tmp_path / "b.TextGrid")
