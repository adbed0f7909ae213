"""Operating points: counts by hand, and thresholds that keep their promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collection.classes.class_recording import Heard
from collection.errors import ConfigError
from collection.keys import create_key
from collection.pseudonyms.naming import naming
from collection.segment import Interval
from collection.synthetic.class_session import Session, Spoken
from eval.attribution import halves, learned_from
from eval.voices.attribution_figures import Result, Trial, choose, interval, judge, rates
from training import lineage

SESSION = Session(
    samples=np.zeros(36 * 16_000, np.float32),
    prompts=("one", "two", "three"),
    readers=("anna", "ben", "anna"),
    spoken=(
        Spoken("anna", 0.0, 4.0, 0),
        Spoken("stranger", 3.0, 5.0),
        Spoken("ben", 10.0, 12.0, 1, complete=False),
        Spoken("ben", 12.0, 16.0, 1),
        Spoken("stranger", 20.0, 26.0, 2),
    ),
    enrolments={"anna": np.zeros(1, np.float32), "ben": np.zeros(1, np.float32)},
)


def test_a_session_is_judged_in_seconds() -> None:
    heard = [
        Heard(0, Interval(0.0, 4.5), 0.9, None),
        Heard(1, Interval(10.0, 12.0), 0.8, None),
        Heard(2, Interval(20.0, 26.0), 0.4, None),
    ]
    result = judge(SESSION, heard)
    assert (result.hours, result.unconsented, result.readings) == (pytest.approx(0.01), 8.0, 8.0)
    assert result.trials == (
        Trial(0.9, 1.5, 4.0, 0.0, True, True),
        Trial(0.8, 0.0, 2.0, 0.0, False, True),  # broken off: not the reading that counts
        Trial(0.4, 6.0, 0.0, 0.0, True, True),
    )


def test_rates_follow_from_counts() -> None:
    result = judge(SESSION, [Heard(0, Interval(0.0, 4.5), 0.9, None), Heard(2, Interval(20.0, 26.0), 0.4, None)])
    strict, loose = rates([result], 0.5), rates([result], 0.3)
    assert strict["unconsented_kept"] == pytest.approx(1.5 / 8)
    assert strict["unconsented_kept_seconds_an_hour"] == pytest.approx(150.0)
    assert strict["consented_kept"] == pytest.approx(0.5)
    assert (strict["speaker_errors"], loose["speaker_errors"]) == (0.0, 0.5)


def test_what_speaks_against_a_reading_keeps_it_out_at_every_threshold() -> None:
    result = judge(SESSION, [Heard(0, Interval(0.0, 4.0), 0.9, "prompt_unsure")])
    assert rates([result], -1.0)["readings_kept"] == 0


def test_the_threshold_chosen_is_the_lowest_that_keeps_the_limit() -> None:
    trials = tuple(Trial(mark, leak, 1.0, 0.0, True, True) for mark, leak in ((0.9, 0), (0.7, 0.5), (0.5, 0.6)))
    results = [Result(trials, 1.0, 100.0, 3.0)]
    assert choose(results, 0.005) == 0.7
    assert choose(results, 0.0) == 0.9
    assert choose(results, 1.0) == 0.5
    assert choose([Result((Trial(0.9, 50.0, 0, 0, True, True),), 1.0, 100.0, 3.0)], 0.01) == 1.0


def test_an_interval_holds_the_figure_and_is_the_same_each_time() -> None:
    results = [Result((Trial(0.9, 0.0, own, 0.0, True, True),), 1.0, 1.0, 2.0) for own in (0.5, 1.0, 1.5, 2.0)]
    low, high = interval(results, 0.5, "consented_kept")
    assert low < rates(results, 0.5)["consented_kept"] < high
    assert (low, high) == interval(results, 0.5, "consented_kept")


def test_voices_that_the_model_heard_are_for_development(tmp_path: Path) -> None:
    key = create_key(tmp_path / "parlure.key")
    names = naming(key, "autumn", "corpus")
    heard = lineage.Ancestor("autumn", "0" * 64, "1", ("train",), (names.speaker("s1"), names.speaker("s8")))
    lineage.write(tmp_path, lineage.Lineage("tiny", "1", (heard,)))
    ages = {f"s{number}": 10 + number for number in range(10)}
    known = learned_from(tmp_path, key, "corpus", ages)
    assert known == {"s1", "s8"}
    found = halves(ages, known, 0)
    assert found["development", "children"] == ["s1"]
    assert set(found["held-out", "children"]) == {"s0", "s2", "s3", "s4", "s5"}
    assert found["development", "adults"] == ["s8"]
    with pytest.raises(ConfigError, match="learned from nobody"):
        learned_from(tmp_path, create_key(tmp_path / "other.key"), "corpus", ages)


def test_halves_share_no_speaker_and_part_children_from_adults() -> None:
    ages = {f"s{number}": 8 + number for number in range(20)}
    found = halves(ages, (), 0)
    assert sorted(name for names in found.values() for name in names) == sorted(ages)
    assert all(ages[name] < 16 for half in ("development", "held-out") for name in found[half, "children"])
