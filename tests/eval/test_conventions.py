"""Further figures of phones, by hand and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from torchmetrics.functional import concordance_corrcoef, pearson_corrcoef

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig
from eval.conventions import (
    average_precision,
    bin_figures,
    concordance,
    convention_figures,
    label_bins,
    macro_error,
    ranking_interval,
    rounded,
)
from eval.figures import AS_PREDICTED, Calibration, Rated
from eval.metrics import Value
from tests.eval.conftest import made_up


def test_rounding_is_to_the_nearest_of_three_and_stays_on_the_scale():
    assert rounded(np.array([-0.3, 0.4, 0.6, 1.2, 1.7, 2.4])).tolist() == [0, 0, 1, 1, 2, 2]


def test_concordance_by_hand():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    # Covariance 2/3, variances 2/3 each, means 1 apart: 2 * 2/3 / (4/3 + 1).
    assert concordance(x, y).value == pytest.approx(4 / 7)
    assert concordance(x, x).value == pytest.approx(1.0)
    assert concordance(x, -x + 2).value == pytest.approx(-1.0)
    assert concordance(x, np.ones(3)).reason == "the human scores are all the same"


def test_a_rare_low_score_counts_as_much_as_the_many_good_ones():
    accuracy = np.array([0.2, *[2.0] * 9])
    errors = np.array([4.0, *[0.0] * 9])
    assert label_bins(np.array([0.0, 0.49, 0.5, 1.0, 1.5, 1.99, 2.0])).tolist() == [0, 0, 1, 2, 3, 3, 4]
    assert macro_error(errors, label_bins(accuracy)).value == 2.0
    assert metrics.ratio(errors.sum(), 10, "").value == 0.4


def test_average_precision_by_hand():
    # Bad, good, bad in order of GOP: precision 1 at the first, 2/3 at the second.
    value = average_precision(np.array([-3.0, -2.0, -1.0]), np.array([True, False, True])).value
    assert value == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.zeros(2), np.array([False, False])).value is None


def test_concordance_and_correlation_beside_torchmetrics():
    rng = np.random.default_rng(5)
    x, y = rng.normal(1.5, 0.4, 400), rng.normal(1.2, 0.6, 400)
    y += x
    pair = torch.from_numpy(x), torch.from_numpy(y)
    assert concordance(x, y).value == pytest.approx(float(concordance_corrcoef(*pair)), rel=2e-3)  # it divides by n - 1
    assert metrics.pearson(x, y).value == pytest.approx(float(pearson_corrcoef(*pair)), abs=1e-9)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 5)), min_size=12, max_size=60))
def test_the_ranking_of_a_resample_is_that_of_the_resampled_phones(rows):
    gop = np.array([row[0] for row in rows], dtype=float)
    bad = np.array([row[1] for row in rows])
    codes = np.array([row[2] for row in rows], dtype=np.intp)
    config = BootstrapConfig(resamples=50)
    weights = bootstrap.draw(6, config)
    expected = []
    for drawn in weights:
        own = np.repeat(np.arange(len(rows)), drawn[codes].astype(int))
        some = len(own) and bad[own].any() and not bad[own].all()
        expected.append(average_precision_score(bad[own], -gop[own]) if some else np.nan)
    if np.mean(np.isnan(expected)) > bootstrap.UNDEFINED_SHARE:
        return
    low, high = np.nanquantile(expected, [0.025, 0.975])
    found = ranking_interval(gop, bad, codes, 6, config)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_half_weighs_precision_twice():
    counts = metrics.DetectionCounts(bad_flagged=6, good_flagged=2, bad_passed=4, good_passed=88)
    # P 0.75, R 0.6: 1.25 * 0.45 / (0.25 * 0.75 + 0.6)
    assert counts.rates()["f05"].value == pytest.approx(1.25 * 0.45 / (0.1875 + 0.6))


def test_every_figure_has_an_interval_that_holds_it():
    rng = np.random.default_rng(3)
    accuracy = np.where(rng.random(2000) < 0.1, 0.2, 1.8)
    scores = np.clip(accuracy + rng.normal(0, 0.4, 2000), 0, 2)
    rated = Rated(scores, accuracy, np.arange(2000) % 20, tuple(map(str, range(20))), predicted=True)
    calibration = Calibration(1.6, None, Value(0.9), scale=AS_PREDICTED)
    found = {one["name"]: one for one in convention_figures(rated, calibration, BootstrapConfig(resamples=400))}
    assert set(found) == {"phone_pcc_rounded", "phone_ccc", "phone_macro_mse", "average_precision"}
    for one in found.values():
        assert one["low"] < one["value"] < one["high"], one["name"]
    assert found["phone_macro_mse"]["baseline"]["value"] == pytest.approx((1.4**2 + 0.2**2) / 2)


def test_a_bin_is_told_by_itself():
    found = bin_figures(np.array([0.4, 0.0, 0.8]), np.array([0.0, 0.2, 0.4]))
    assert found["bias"] == pytest.approx(0.6 / 3)
    assert found["mse"] == pytest.approx((0.16 + 0.04 + 0.16) / 3)
    # Means 0.4 and 0.2, covariance 0.08/3, variances 0.32/3 and 0.08/3.
    assert found["ccc"] == pytest.approx(2 * 0.08 / 3 / (0.32 / 3 + 0.08 / 3 + 0.04))
    assert bin_figures(np.array([1.8, 2.0]), np.array([2.0, 2.0]))["ccc_reason"] == "the human scores are all the same"


def test_the_summary_tells_them():
    from eval.summarise import SummaryOptions, summarise

    figures = {one["name"]: one for one in summarise(made_up(), SummaryOptions())["figures"]}
    assert figures["diagnosis_error"]["value"] is not None
    assert figures["phone_ccc"]["value"] <= figures["phone_pcc"]["value"]
