"""What was heard in place of what was said, counted by hand."""

from __future__ import annotations

import pytest

from eval.bootstrap import BootstrapConfig
from eval.decoding import HEARS_NOTHING_TOLD
from eval.diagnosis import NOT_WHOLE, NOT_WRITTEN, diagnosis_figures
from eval.predictions import PhonePrediction, Predictions, UtterancePrediction, to_predictions

ROWS: list[tuple[str | None, str, float, float | None]] = [
    ("S", "S", -9.0, 0.0),  # found, right
    ("S", "F", -9.0, 0.2),  # found, wrong
    ("", "", -9.0, 0.0),  # found, left out indeed
    ("S", "F", -0.1, 0.0),  # not found
    (None, "F", -9.0, 0.0),  # nobody knows
    ("TH", "S", -9.0, 2.0),  # a false alarm is no diagnosis
    ("F", "S", -9.0, None),  # said otherwise, not rated: found, wrong
]
"""Said, heard, GOP, accuracy of a TH."""


def readings(
    *utterances: tuple[list[tuple[str | None, str | None, float, float | None]], tuple[str, ...] | None],
) -> Predictions:
    """Return one utterance a speaker, with its phones and its free decoding."""
    phones = [
        PhonePrediction(f"u{n}", f"s{n}", "test", slot, 0, "TH", heard, gop, 0.0, 0.1, accuracy, said)
        for n, (rows, _) in enumerate(utterances)
        for slot, (said, heard, gop, accuracy) in enumerate(rows)
    ]
    whole = [
        UtterancePrediction(f"u{n}", f"s{n}", "test", 1.0, ("TH",) * len(rows), ("TH",) * len(rows), decoded)
        for n, (rows, decoded) in enumerate(utterances)
    ]
    return to_predictions(phones, whole, "gop_sf")


def figures(part: Predictions, threshold: float | None = -1.0):
    return {one["name"]: one for one in diagnosis_figures(part, threshold, BootstrapConfig(resamples=100))}


def test_only_what_was_found_and_written_down_counts():
    found = figures(readings(*(([row], ("TH",)) for row in ROWS)))
    assert found["diagnosis_error"]["value"] == pytest.approx(2 / 4)
    assert found["diagnosis_error"]["low"] <= 0.5 <= found["diagnosis_error"]["high"]
    assert found["diagnosis_error"]["baseline"]["value"] == 1.0


def test_a_phone_that_nobody_said_is_one_more_wrong_diagnosis_where_everything_was_written_down():
    right, wrong, unknown = ROWS[0], ROWS[1], ROWS[4]
    part = readings(
        ([right, wrong], ("S", "TH", "IY")),  # IY added
        ([right], ("S",)),
        ([right, unknown], ("TH", "TH", "AA", "AA")),  # not written down to the end: its additions count for nothing
    )
    found = figures(part)
    assert found["diagnosis_error"]["value"] == pytest.approx(1 / 4)
    # Of the first two utterances: three found, one wrong, and one addition.
    assert found["diagnosis_error_insertions"]["value"] == pytest.approx((1 + 1) / (3 + 1))


@pytest.mark.parametrize(
    ("part", "threshold", "reasons"),
    [
        (readings(([ROWS[4]], ("TH",))), -1.0, (NOT_WRITTEN, NOT_WRITTEN)),
        (readings(([("S", None, -9.0, 0.0)], None)), -1.0, (HEARS_NOTHING_TOLD, HEARS_NOTHING_TOLD)),
        (readings(([ROWS[0]], ("S",))), None, ("no threshold", "no threshold")),
        (readings(([ROWS[3]], ("S",))), -1.0, ("no mispronunciation was found",) * 2),
        (readings(([ROWS[0], ROWS[4]], ("S",))), -1.0, (None, NOT_WHOLE)),
        (readings(([ROWS[0]], None)), -1.0, (None, HEARS_NOTHING_TOLD)),
    ],
)
def test_a_figure_that_is_not_there_says_why(
    part: Predictions, threshold: float | None, reasons: tuple[str | None, ...]
):
    assert tuple(one["reason"] for one in figures(part, threshold).values()) == reasons
