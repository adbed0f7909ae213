"""Alignment against an expert's boundaries, counted by hand."""

from __future__ import annotations

import dataclasses

import pytest

from collection.schema import Phone
from eval.bootstrap import BootstrapConfig
from eval.boundaries import boundaries, boundary_figures
from eval.predictions import PhonePrediction, phone_predictions, to_predictions

CONFIG = BootstrapConfig(200)


def phones(*rows: PhonePrediction):
    return to_predictions(rows, [], "made up").phones


def phone(utterance: str, slot: int, ours: tuple, reference: tuple, speaker: str = "spk") -> PhonePrediction:
    return PhonePrediction(
        utterance, speaker, "test", slot, 0, "AA", "AA", 0.0, *ours, None, None,
        reference_start=reference[0], reference_end=reference[1],
    )  # fmt: skip


# By hand: starts off by 10, 30 and 0 ms, the end before the pause by 60, the last end by 20.
BY_HAND = (
    phone("a", 0, (0.11, 0.23), (0.10, 0.20)),
    phone("a", 1, (0.23, 0.36), (0.20, 0.30)),
    phone("a", 2, (0.50, 0.62), (0.50, 0.60)),
)


def test_every_boundary_counts_once_and_a_pause_has_two() -> None:
    found = boundaries(phones(*BY_HAND))
    assert sorted(found.errors.tolist()) == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.06])
    # The baseline cuts 0.1 to 0.6 into thirds: starts off by 0, 66.7 and 66.7 ms, ends by 133.3 and 0.
    assert sorted(found.even.tolist()) == pytest.approx([0.0, 0.0, 0.2 / 3, 0.2 / 3, 0.4 / 3])


def test_figures_tell_seconds_and_shares() -> None:
    error, near, far = boundary_figures(phones(*BY_HAND), CONFIG)
    assert (error["name"], error["value"], error["percent"]) == ("boundary_error", pytest.approx(0.024), False)
    assert near["value"] == pytest.approx(3 / 5) and far["value"] == pytest.approx(4 / 5)
    assert near["baseline"]["value"] == pytest.approx(2 / 5)
    assert error["low"] is None and error["interval_reason"]  # one speaker is none


def test_speakers_are_drawn() -> None:
    rows = [dataclasses.replace(one, speaker_id=f"s{n}", utterance_id=f"u{n}") for n in range(6) for one in BY_HAND]
    assert boundary_figures(phones(*rows), CONFIG)[0]["low"] == pytest.approx(0.024)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (phone("a", 0, (0.1, 0.2), (None, None)), "no expert's times"),
        (phone("a", 0, (None, None), (0.1, 0.2)), "the model gives no times"),
    ],
)
def test_without_times_there_is_a_reason(row: PhonePrediction, reason: str) -> None:
    for figure in boundary_figures(phones(row), CONFIG):
        assert figure["value"] is None and reason in figure["reason"]


def test_the_tables_carry_the_times_of_the_release() -> None:
    rows = phone_predictions("u", "s", "test", [Phone("AA", 0, 0.1, 0.2)], ["AA"], [0.0], [(0.3, 0.4)])
    assert (rows[0].start, rows[0].reference_start, rows[0].reference_end) == (0.3, 0.1, 0.2)
