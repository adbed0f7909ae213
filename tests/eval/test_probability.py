"""Calibration, the checkpoint's own flag and coverage-risk, counted by hand on four phones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from eval.bootstrap import BootstrapConfig, draw
from eval.figures import Calibration
from eval.predictions import PhonePrediction, to_predictions
from eval.probability import (
    BINS,
    Told,
    _cell_sums,
    area_under_risk,
    calibration_error,
    coverage_risk,
    equal_cells,
    probability_figures,
    reliability,
    told,
)

FAST = BootstrapConfig(resamples=200)
FOUR = Told(
    np.array([0.1, 0.2, 0.6, 0.9]),
    np.array([False, False, True, True]),
    np.array([False, True, False, True]),
    np.zeros(4, dtype=np.intp),
    1,
)


def some(seed: int, phones: int = 80, speakers: int = 6) -> Told:
    rng = np.random.default_rng(seed)
    p = rng.random(phones).round(2)
    codes = np.concatenate([np.arange(speakers), rng.integers(0, speakers, phones - speakers)])
    return Told(p, p >= 0.3, rng.random(phones) < p, codes.astype(np.intp), speakers)


def test_figures_of_four_phones_by_hand() -> None:
    found = {figure["name"]: figure for figure in probability_figures(FOUR, Calibration(share_bad=0.25), FAST)}
    values = {name: figure["value"] for name, figure in found.items()}
    assert values["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.01) / 4)
    assert found["brier"]["baseline"]["value"] == pytest.approx((2 * 0.25**2 + 2 * 0.75**2) / 4)
    # Four phones, four bins: 0.1 too high, 0.8 too low, 0.6 too high, 0.1 too low.
    assert values["calibration_error"] == pytest.approx((0.1 + 0.8 + 0.6 + 0.1) / 4)
    assert found["calibration_error"]["baseline"]["value"] == pytest.approx(0.5 - 0.25)
    # Bad at 0.2 beats only 0.1; bad at 0.9 beats both good ones.
    assert values["auc_probability"] == pytest.approx(3 / 4)
    assert [values[f"flag_{name}"] for name in ("precision", "recall", "f1", "frr", "far")] == [0.5] * 5
    assert all(figure["part"] == "probability" for figure in found.values())
    assert found["brier"]["interval_reason"] == "only 1 speaker(s), an interval needs 5"


def test_calibration_is_that_of_sklearn_where_no_two_probabilities_are_the_same() -> None:
    rng = np.random.default_rng(8)
    p = rng.permutation(np.linspace(0.01, 0.99, 200))
    said = Told(p, p >= 0.5, rng.random(200) < p**2, np.zeros(200, dtype=np.intp), 1)
    found, told_as = calibration_curve(said.bad, p, n_bins=BINS, strategy="quantile")
    bins = reliability(said)["bins"]
    assert [one["share_mispronounced"] for one in bins] == pytest.approx(found.tolist())
    assert [one["mean_probability"] for one in bins] == pytest.approx(told_as.tolist())
    values = {figure["name"]: figure["value"] for figure in probability_figures(said, Calibration(), FAST)}
    assert values["calibration_error"] == pytest.approx(np.mean(np.abs(found - told_as)))


def test_coverage_and_risk_of_four_phones_by_hand() -> None:
    found = coverage_risk(FOUR, FAST)
    # Surest are 0.1 and 0.9, both right; then 0.2 (0.8 sure), wrong; then 0.6, wrong.
    assert found["points"] == [
        {"kept": 2, "wrong": 0, "coverage": 0.5, "error": 0.0},
        {"kept": 3, "wrong": 1, "coverage": 0.75, "error": pytest.approx(1 / 3)},
        {"kept": 4, "wrong": 2, "coverage": 1.0, "error": 0.5},
    ]
    area = (1 / 6) / 4 + ((1 / 3 + 1 / 2) / 2) / 4
    assert found["area"] == pytest.approx(area)
    assert (found["random"], found["best"]) == (0.5, pytest.approx(area))


def test_a_flag_that_contradicts_its_probability_is_not_sure() -> None:
    # With a threshold of 0.3 both are flagged: 0.4 is less sure of that than 0.55, though further from a half.
    flags = np.array([True, True])
    found = coverage_risk(Told(np.array([0.4, 0.55]), flags, np.array([False, True]), np.zeros(2, np.intp), 1), FAST)
    assert [point["error"] for point in found["points"]] == [0.0, 0.5]


def test_without_calibration_there_is_no_baseline_and_without_ratings_no_figure() -> None:
    brier = next(f for f in probability_figures(FOUR, Calibration(), FAST) if f["name"] == "brier")
    assert brier["value"] is not None
    assert brier["baseline"]["value"] is None
    nobody = Told(np.empty(0), np.empty(0, bool), np.empty(0, bool), np.empty(0, np.intp), 0)
    figures = probability_figures(nobody, Calibration(), FAST)
    assert {(figure["value"], figure["reason"]) for figure in figures} == {(None, "no rated phone")}
    found = coverage_risk(nobody, FAST)
    assert (found["area"], found["reason"], found["points"]) == (None, "no rated phone", [])
    assert reliability(nobody)["bins"] == []


def test_only_rated_phones_with_a_probability_are_told() -> None:
    def phone(slot: int, accuracy: float | None, p: float | None) -> PhonePrediction:
        flagged = None if p is None else p > 0.5
        return PhonePrediction(
            "u", "spk", "test", slot, 0, "AA", "AA", 1.0, 0.0, 0.1, accuracy, None, mispronounced=p, flagged=flagged
        )

    rows = [phone(0, 0.2, 0.9), phone(1, None, 0.9), phone(2, 2.0, None), phone(3, 0.5, 0.1)]
    found = told(to_predictions(rows, [], "accuracy").phones)
    assert found is not None
    assert found.probability.tolist() == [0.9, 0.1]
    assert found.flagged.tolist() == [True, False]
    assert found.bad.tolist() == [True, False]
    assert told(to_predictions([phone(0, 0.2, None)], [], "gop_sf").phones) is None


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 12))
def test_cells_rise_share_ties_and_are_at_most_as_many_as_asked(values: list[int], count: int) -> None:
    cells = equal_cells(np.array(values, dtype=float), count)
    assert len(cells) == len(values)
    assert sorted(set(cells.tolist())) == list(range(len(set(cells.tolist()))))
    assert len(set(cells.tolist())) <= count
    for value, cell in zip(values, cells.tolist(), strict=True):
        assert all(cell <= other for far, other in zip(values, cells.tolist(), strict=True) if far >= value)


def test_cells_are_filled_by_phones_not_by_values() -> None:
    # Two phones a cell: the four equal ones fill two, so the others share the third.
    assert equal_cells(np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]), 3).tolist() == [0, 0, 0, 0, 1, 1]


def test_a_resample_without_the_surest_phones_begins_where_it_has_some() -> None:
    # Nobody in the first cell, then one of two wrong, then none of two: 0.5, then down to 0.25.
    assert area_under_risk(np.array([[0.0, 0.0, 2.0, 1.0, 2.0, 0.0]]))[0] == pytest.approx(0.5 / 2 + 0.375 / 2)


@given(st.integers(1, 90), st.integers(1, 12))
def test_cells_of_different_values_are_equally_full(size: int, count: int) -> None:
    filled = np.bincount(equal_cells(np.random.default_rng(size).permutation(size).astype(float), count))
    assert len(filled) == min(size, count)
    assert filled.max() - filled.min() <= 1


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_resampled_speakers_give_what_their_phones_give(seed: int) -> None:
    said = some(seed)
    weights = draw(said.speakers, BootstrapConfig(resamples=1, seed=seed))[0]
    times = weights[said.codes].astype(int)
    bins = equal_cells(said.probability, BINS)
    sums = _cell_sums(said, bins, said.probability, said.bad)
    gaps = [np.repeat(np.where(bins == b, said.probability - said.bad, 0), times).sum() for b in range(bins.max() + 1)]
    assert calibration_error(weights[None] @ sums)[0] == pytest.approx(np.abs(gaps).sum() / times.sum())
    brier = next(f for f in probability_figures(said, Calibration(), FAST) if f["name"] == "brier")
    assert brier["value"] == pytest.approx(brier_score_loss(said.bad, said.probability))
    wrong = said.flagged != said.bad
    cells = equal_cells(-np.where(said.flagged, said.probability, 1 - said.probability), 7)
    area = area_under_risk(weights[None] @ _cell_sums(said, cells, wrong))[0]
    risk, total, before, seen, bad = 0.0, times.sum(), None, 0, 0
    for cell in range(cells.max() + 1):
        own = times[cells == cell].sum()
        seen, bad = seen + own, bad + (times * wrong)[cells == cell].sum()
        if own:
            now = bad / seen
            risk += own / total * (now if before is None else (now + before) / 2)
            before = now
    assert area == pytest.approx(risk)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_the_area_lies_between_the_best_order_and_that_of_no_order(seed: int) -> None:
    said = some(seed)
    found = coverage_risk(said, FAST)
    assert found["best"] <= found["area"] + 1e-9
    assert found["points"][-1]["error"] == pytest.approx(found["random"])
    # A model that is equally sure of everything keeps phones at random.
    flat = Told(np.full(80, 0.5), said.flagged, said.bad, said.codes, said.speakers)
    assert coverage_risk(flat, FAST)["area"] == pytest.approx(found["random"])
