from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from eval.bootstrap import BootstrapConfig
from eval.voices import verification
from eval.voices.verification import BackEnd, Trials, error_counts

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


def rate(targets: list[float], nontargets: list[float]) -> float | None:
    flags = np.array([True] * len(targets) + [False] * len(nontargets))
    return error_counts(np.array([*targets, *nontargets]), flags).equal_error_rate().value


def test_errors_counted_by_hand_at_every_threshold() -> None:
    counts = error_counts(np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1]), np.array([True, True, True, False, False, False]))
    np.testing.assert_array_equal(counts.thresholds, [0.1, 0.2, 0.3, 0.7, 0.8, 0.9, np.inf])
    np.testing.assert_array_equal(counts.false_rejects, [0, 0, 0, 1, 1, 2, 3])
    np.testing.assert_array_equal(counts.false_accepts, [3, 2, 1, 1, 0, 0, 0])
    assert (counts.targets, counts.nontargets, counts.crossing()) == (3, 3, 3)
    assert counts.equal_error_rate().value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("targets", "nontargets", "expected"),
    [
        ([0.9, 0.8], [0.1], 0.0),
        ([0.5, 0.5], [0.5], 0.5),  # nothing but ties: a coin
        ([0.1], [0.9], 1.0),
        # Between 0.3 (rejects 1/2, accepts 2/3) and 0.8 (1/2, 1/3) the shares meet at 1/2.
        ([0.9, 0.2], [0.8, 0.3, 0.1], 0.5),
        # Between 0.2 (rejects 0, accepts 1/2) and 0.5 (rejects 1/2, accepts 1/4): 0 + 2/3 of 1/2.
        ([0.2, 0.9], [0.1, 0.1, 0.2, 0.6], 1 / 3),
    ],
)
def test_equal_error_rates_by_hand(targets: list[float], nontargets: list[float], expected: float) -> None:
    assert rate(targets, nontargets) == pytest.approx(expected)


def test_without_targets_or_impostors_there_is_a_reason_and_no_rate() -> None:
    assert rate([0.5], []) is None
    value = error_counts(np.array([0.5]), np.array([False])).equal_error_rate()
    assert value.reason == "nothing to verify: no trial of a speaker against themself"


@given(SCORES, SCORES)
def test_the_rate_depends_on_the_order_of_scores_only(targets: list[float], nontargets: list[float]) -> None:
    found = rate(targets, nontargets)
    assert 0 <= found <= 1
    assert rate([np.exp(x) for x in targets], [np.exp(x) for x in nontargets]) == pytest.approx(found)
    assert rate(targets * 3, nontargets * 2) == pytest.approx(found)
    # Swapping the roles turns every error into a success.
    assert rate(nontargets, targets) == pytest.approx(1 - found)


@given(SCORES, SCORES)
def test_the_rate_lies_on_the_curve_that_scikit_learn_draws(targets: list[float], nontargets: list[float]) -> None:
    labels = [1] * len(targets) + [0] * len(nontargets)
    accepts, hits, _ = roc_curve(labels, [*targets, *nontargets], drop_intermediate=False)
    found = rate(targets, nontargets)
    # The curve is a chain of straight lines: it crosses false accepts = false rejects at the equal error rate.
    assert np.interp(0.0, accepts - (1 - hits), accepts) == pytest.approx(found)


def test_trials_are_cosines_of_every_test_with_every_enrolled_speaker() -> None:
    enrolled = np.array([[2.0, 0.0], [0.0, 3.0]])
    trials = verification.make_trials(enrolled, np.array([[3.0, 4.0], [0.0, 1.0], [5.0, 0.0]]), np.array([0, 1, 1]))
    np.testing.assert_array_equal(trials.enrolled, [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(trials.tested, [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(trials.scores, [0.6, 0.8, 0.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(trials.targets, [True, False, False, True, False, True])
    np.testing.assert_array_equal(trials.among(np.array([1])).scores, [1.0, 0.0])


def test_enrolling_averages_directions_not_lengths() -> None:
    enrolled = verification.enrol(np.array([[100.0, 0.0], [0.0, 1.0], [0.0, -5.0]]), np.array([0, 0, 1]))
    np.testing.assert_allclose(enrolled, [[np.sqrt(0.5), np.sqrt(0.5)], [0.0, -1.0]])


def test_a_speaker_drawn_twice_is_no_impostor_of_theirs() -> None:
    enrolled, tested = np.array([0, 0, 0, 1, 2]), np.array([0, 1, 2, 1, 0])
    weights = verification.drawn_weights(enrolled, tested, np.array([2.0, 1.0, 0.0]))
    np.testing.assert_array_equal(weights, [2, 2, 0, 1, 0])


def test_intervals_hold_the_rate_and_are_narrow_only_when_speakers_agree() -> None:
    random = np.random.default_rng(1)
    people = random.standard_normal((12, 16))
    codes = np.repeat(np.arange(12), 3)
    config = BootstrapConfig(resamples=200)

    def found(spread: float) -> tuple[float, float, float]:
        heard = people[codes] + spread * random.standard_normal((36, 16))
        trials = verification.make_trials(people, heard, codes)
        interval = verification.equal_error_interval(trials, config)
        return interval.low, error_counts(trials.scores, trials.targets).equal_error_rate().value, interval.high

    assert found(0.01) == (0.0, 0.0, 0.0)
    low, value, high = found(2.0)
    assert low <= value <= high
    assert 0.02 < high - low < 0.5


def test_few_speakers_have_no_interval() -> None:
    trials = Trials(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.array([0.9, 0.1, 0.2, 0.8]))
    interval = verification.equal_error_interval(trials, BootstrapConfig(resamples=50))
    assert interval.low is None
    assert "2 speaker" in str(interval.reason)


def test_a_back_end_learns_to_look_past_what_varies_within_a_speaker() -> None:
    random = np.random.default_rng(2)

    def voices(speakers: int, each: int) -> tuple[np.ndarray, np.ndarray]:
        codes = np.repeat(np.arange(speakers), each)
        who = random.standard_normal((speakers, 4))[codes]
        today = 6 * random.standard_normal((len(codes), 4))  # louder than who they are, and no help
        return np.concatenate([who, today], axis=1), codes

    back_end = BackEnd(*voices(60, 8))
    enrolled, tested = voices(10, 6)
    halves = np.arange(60) % 2 == 0

    def equal_error(heard: np.ndarray) -> float:
        trials = verification.make_trials(
            verification.enrol(heard[halves], tested[halves]), heard[~halves], tested[~halves]
        )
        return float(error_counts(trials.scores, trials.targets).equal_error_rate().value)

    assert equal_error(enrolled) > 0.3
    assert equal_error(back_end(enrolled)) < 0.2
