"""Detection phone by phone, counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from eval.bootstrap import BootstrapConfig
from eval.figures import Calibration
from eval.metrics import Value
from eval.per_phone import by_phone
from eval.predictions import PhonePrediction, to_predictions

FAST = BootstrapConfig(resamples=100)
AT_ONE = Calibration(threshold=Value(1.0))


def phones(rows: list[tuple[str, int, float, float | None]]):
    """Return phones from (symbol, speaker, judgement, accuracy)."""
    return to_predictions(
        [
            PhonePrediction("u", f"s{speaker}", "test", slot, 0, symbol, None, judged, None, None, accuracy, None)
            for slot, (symbol, speaker, judged, accuracy) in enumerate(rows)
        ],
        [],
        "accuracy",
    ).phones


def test_rates_of_two_phones_and_one_that_few_said():
    rows = [
        *(("TH", speaker, 0.2, 0.0) for speaker in range(4)),  # found
        ("TH", 4, 1.5, 0.2),  # missed
        ("TH", 5, 0.3, 2.0),  # false alarm
        *(("S", speaker, 1.9, 2.0) for speaker in range(5)),
        *(("ZH", speaker, 0.1, 0.0) for speaker in range(4)),
        ("S", 9, 0.1, None),  # nobody rated it
    ]
    found = by_phone(phones(rows), AT_ONE, 5, FAST)
    assert [row["phone"] for row in found] == ["TH", "S", "ZH"]
    th, s, zh = found
    assert (th["phones"], th["speakers"], th["mispronounced"], th["flagged"]) == (6, 6, 5, 5)
    assert (th["precision"], th["recall"], th["f1"]) == pytest.approx((4 / 5, 4 / 5, 4 / 5))
    assert th["low"] <= th["f1"] <= th["high"]
    assert (s["phones"], s["f1"], s["reason"]) == (5, None, "no mispronounced phone among the rated ones")
    assert zh == {"phone": "ZH", "hidden": True}


def test_without_a_threshold_the_reason_stands_in_place_of_rates():
    rows = [("TH", speaker, 0.2, 0.0) for speaker in range(5)]
    (row,) = by_phone(phones(rows), Calibration(reason="nothing to calibrate on"), 5, FAST)
    assert (row["mispronounced"], row["f1"], row["flagged"], row["reason"]) == (
        5,
        None,
        None,
        "nothing to calibrate on",
    )
    assert by_phone(phones([]), AT_ONE, 5, FAST) == []


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 6), st.sampled_from([0.5, 1.5]), st.sampled_from([0.0, 2.0])),
        max_size=40,
    )
)
def test_f1_of_each_phone_is_that_of_sklearn(rows: list[tuple[str, int, float, float]]):
    for row in by_phone(phones(rows), AT_ONE, 1, FAST):
        own = [(accuracy < 0.5, judged < 1.0) for symbol, _, judged, accuracy in rows if symbol == row["phone"]]
        bad, flagged = zip(*own, strict=True)
        assert row["f1"] == (pytest.approx(f1_score(bad, flagged, zero_division=0.0)) if any(bad) else None)
