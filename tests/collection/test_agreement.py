"""Agreement of raters, beside published figures, numbers counted by hand and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from collection.agreement import correlation, reliability, severity, weighted_kappa

NAN = np.nan
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=np.float64
)
"""Shrout and Fleiss (1979), table 2: six things, four judges."""


def test_the_published_example_gives_the_published_reliability() -> None:
    found = reliability(SHROUT_FLEISS)
    assert found is not None
    assert (round(found.single, 2), round(found.mean, 2), found.raters) == (0.17, 0.44, 4)


def test_reliability_with_unequal_numbers_of_raters_by_hand() -> None:
    found = reliability(np.array([[1, 3, NAN], [5, 5, 8], [NAN, 9, NAN]]))
    # One score alone is left out: means 2 and 6, grand 22/5; between 2*2.4^2 + 3*1.6^2 = 19.2, within (2 + 6) / 3.
    assert found is not None
    usual = 5 - 13 / 5
    within = 8 / 3
    assert found.raters == pytest.approx(usual)
    assert found.single == pytest.approx((19.2 - within) / (19.2 + (usual - 1) * within))
    assert found.mean == pytest.approx((19.2 - within) / 19.2)


@pytest.mark.parametrize("table", [np.empty((0, 3)), np.array([[1.0, 2.0]]), np.full((4, 3), 7.0)])
def test_reliability_that_is_not_there(table: np.ndarray) -> None:
    assert reliability(table) is None


def test_things_that_do_not_differ_have_the_lowest_reliability() -> None:
    found = reliability(np.array([[1.0, 3.0], [3.0, 1.0]]))
    assert found is not None
    assert (found.single, found.mean) == (-1.0, -1.0)


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=2, max_size=30))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    found = weighted_kappa(np.array(pairs, dtype=np.float64))
    if len({*x, *y}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(x, y, weights="quadratic", labels=range(11)))


def test_kappas_of_pairs_count_by_what_they_share() -> None:
    # a and b agree on all of three things, a and c contradict each other on two; b and c share one thing only.
    table = np.array([[0, 0, NAN], [10, 10, 0], [5, 5, NAN], [0, NAN, 10]], dtype=np.float64)
    assert weighted_kappa(table) == pytest.approx((3 * 1 + 2 * -1) / 5)


def test_a_mild_rater_stands_above_the_others() -> None:
    (mild, both), (_, _), (strict, _) = severity(np.array([[9, 7, 5], [8, NAN, 6], [4, NAN, NAN]]))
    assert both.tolist() == [True, True, False]
    assert mild[both].tolist() == [3, 2]
    assert strict[both].tolist() == [-3, -2]


def test_correlation_is_the_mean_of_those_that_are_defined() -> None:
    # Of two raters each has the other one: twice the same correlation.
    assert correlation(np.array([[1, 1], [2, 3], [4, 2]], dtype=np.float64)) == pytest.approx(
        np.corrcoef([1, 2, 4], [1, 3, 2])[0, 1]
    )
    assert correlation(np.array([[1, 5], [2, 5], [4, 5]], dtype=np.float64)) is None
