from __future__ import annotations

import jiwer
import numpy as np
import pytest
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import f1_score, fbeta_score, precision_score, recall_score, roc_auc_score
from sklearn.metrics import mean_squared_error as sklearn_mse

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig
from eval.groups import hidden_groups
from eval.metrics import EditCounts

PHONES = st.lists(st.sampled_from(["AA", "B", "CH", "tʃ"]), max_size=12)
GOPS = np.array([-5.0, -4.0, -4.0, -2.0, -1.0, -0.5])
BAD = np.array([True, True, False, True, False, False])


def test_edits_of_a_case_counted_by_hand() -> None:
    # TH is heard as S, AH is not heard, and an IY is added at the end.
    pairs = metrics.edit_pairs(["TH", "IH", "NG", "K", "AH"], ["S", "IH", "NG", "K"])
    assert pairs == [("TH", "S"), ("IH", "IH"), ("NG", "NG"), ("K", "K"), ("AH", "")]
    counts = metrics.count_edits(["TH", "IH", "NG", "K"], ["S", "IH", "NG", "K", "IY"])
    assert counts == EditCounts(correct=3, substitutions=1, deletions=0, insertions=1)
    assert counts.rate().value == pytest.approx(2 / 4)
    total = counts + metrics.edit_counts(pairs)
    assert (total.reference, total.errors) == (9, 4)


def test_an_empty_reference_has_no_rate_but_a_reason() -> None:
    rate = metrics.count_edits([], ["AA"]).rate()
    assert rate.value is None
    assert rate.reason == "the reference holds no phone"


@given(PHONES, PHONES)
def test_edits_are_as_few_as_torchaudio_and_jiwer_find(reference: list[str], hypothesis: list[str]) -> None:
    counts = metrics.count_edits(reference, hypothesis)
    assert counts.errors == torchaudio.functional.edit_distance(reference, hypothesis)
    assert counts.reference == len(reference)
    assert counts.correct + counts.substitutions + counts.insertions == len(hypothesis)
    if reference and hypothesis:
        assert counts.rate().value == pytest.approx(jiwer.wer(" ".join(reference), " ".join(hypothesis)))


@given(PHONES, PHONES)
def test_pairs_spell_both_sides_and_each_slot_hears_something_or_nothing(
    canonical: list[str], decoded: list[str]
) -> None:
    pairs = metrics.edit_pairs(canonical, decoded)
    assert [said for said, _ in pairs if said] == canonical
    assert [heard for _, heard in pairs if heard] == decoded
    assert len(metrics.heard_per_slot(canonical, decoded)) == len(canonical)
    assert metrics.confusion_counts(pairs).total() == len(pairs)


def test_pearson_by_hand_and_beside_scipy() -> None:
    # Deviations (-1, 0, 1) and (-1, 1, 0): 1 / sqrt(2 * 2).
    assert metrics.pearson(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).value == pytest.approx(0.5)
    rng = np.random.default_rng(1)
    x, y = rng.normal(-20, 3, 500), rng.normal(1.5, 0.4, 500)
    assert metrics.pearson(x, y).value == pytest.approx(pearsonr(x, y).statistic)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [], "no rated phone"),
        ([1.0], [2.0], "only one rated phone"),
        ([1.0, 1.0], [0.0, 2.0], "the scores of the model are all the same"),
        ([1.0, 2.0], [2.0, 2.0], "the human scores are all the same"),
    ],
)
def test_pearson_says_why_there_is_none(x: list[float], y: list[float], reason: str) -> None:
    assert metrics.pearson(np.array(x), np.array(y)) == (None, reason)


def test_squared_error_beside_sklearn() -> None:
    predicted, labels = np.array([2.0, 1.0, 0.0]), np.array([2.0, 2.0, 1.5])
    assert metrics.mean_squared_error(predicted, labels).value == pytest.approx((0 + 1 + 2.25) / 3)
    assert metrics.mean_squared_error(predicted, labels).value == pytest.approx(sklearn_mse(labels, predicted))
    assert metrics.mean_squared_error(np.array([]), np.array([])).value is None


def test_the_mapping_pools_neighbours_that_disagree() -> None:
    # The two in the middle are in the wrong order, so they share their mean.
    mapping = metrics.fit_mapping(np.array([-4.0, -3.0, -2.0, -1.0]), np.array([0.0, 1.8, 1.2, 2.0]))
    assert mapping is not None
    assert mapping(np.array([-9.0, -4.0, -3.0, -2.0, -1.0, 0.0])) == pytest.approx([0.0, 0.0, 1.5, 1.5, 2.0, 2.0])
    assert metrics.fit_mapping(np.array([-1.0, -1.0]), np.array([0.0, 2.0])) is None
    assert metrics.fit_mapping(np.array([]), np.array([])) is None


@given(st.lists(st.tuples(st.floats(-30, 0), st.sampled_from([0.0, 0.4, 1.6, 2.0])), min_size=2, max_size=40))
def test_a_mapping_never_falls_and_stays_on_the_scale(rows: list[tuple[float, float]]) -> None:
    gop, accuracy = (np.array(column) for column in zip(*rows, strict=True))
    mapping = metrics.fit_mapping(gop, accuracy)
    if mapping is not None:
        mapped = mapping(np.linspace(-40, 5, 200))
        assert np.all(np.diff(mapped) >= -1e-12)
        assert mapped.min() >= 0
        assert mapped.max() <= 2


def test_auc_by_hand_and_beside_sklearn() -> None:
    # Of 9 pairs (bad, good): -5 wins 3; -4 ties 1 and wins 2; -2 wins 2.
    assert metrics.auc(GOPS, BAD).value == pytest.approx((3 + 2.5 + 2) / 9)
    assert metrics.auc(GOPS, BAD).value == pytest.approx(roc_auc_score(BAD, -GOPS))
    assert metrics.auc(GOPS, np.zeros(6, dtype=bool)).reason == "no mispronounced phone among the rated ones"
    assert metrics.auc(GOPS, np.ones(6, dtype=bool)).reason == "no correct phone among the rated ones"


def test_detection_by_hand_and_beside_sklearn() -> None:
    counts = metrics.detection_counts(GOPS, BAD, -1.5)
    assert counts == metrics.DetectionCounts(bad_flagged=3, good_flagged=1, bad_passed=0, good_passed=2)
    rates = {name: rate.value for name, rate in counts.rates().items()}
    assert rates == pytest.approx(
        {"precision": 3 / 4, "recall": 1.0, "f1": 6 / 7, "f05": 15 / 19, "frr": 1 / 3, "far": 0.0}
    )
    assert rates["f05"] == pytest.approx(fbeta_score(BAD, GOPS < -1.5, beta=0.5))
    flagged = GOPS < -1.5
    assert rates["precision"] == pytest.approx(precision_score(BAD, flagged))
    assert rates["recall"] == pytest.approx(recall_score(BAD, flagged))
    assert rates["f1"] == pytest.approx(f1_score(BAD, flagged))
    chance = {name: rate.value for name, rate in counts.chance_rates().items()}
    assert chance == pytest.approx(
        {"precision": 1 / 2, "recall": 4 / 6, "f1": 4 / 7, "f05": 10 / 19, "frr": 4 / 6, "far": 2 / 6}
    )


def test_detection_that_cannot_be_computed_says_why() -> None:
    nobody_flagged = metrics.detection_counts(GOPS, BAD, -10.0).rates()
    assert nobody_flagged["precision"] == (None, "the model flags nothing at this threshold")
    assert nobody_flagged["f1"].value == 0.0
    all_good = metrics.detection_counts(GOPS, np.zeros(6, dtype=bool), -1.5)
    assert {all_good.rates()[name].value for name in ("recall", "f1", "far")} == {None}
    assert all_good.chance_rates()["f1"].value is None


@given(st.lists(st.tuples(st.integers(-8, 0), st.booleans()), min_size=2, max_size=30))
def test_no_threshold_has_a_better_f1_than_the_chosen(rows: list[tuple[int, bool]]) -> None:
    gop, bad = np.array([float(row[0]) for row in rows]), np.array([row[1] for row in rows])
    threshold = metrics.choose_threshold(gop, bad).value
    if threshold is None:
        assert not bad.any() or bad.all() or np.ptp(gop) == 0
        return
    chosen = metrics.detection_counts(gop, bad, threshold).rates()["f1"].value
    others = [metrics.detection_counts(gop, bad, at).rates()["f1"].value for at in np.unique(gop)[1:] - 0.25]
    assert chosen == pytest.approx(max(others))


def test_an_interval_holds_its_figure_and_resamples_speakers_not_phones() -> None:
    # Ten speakers with 100 phones each, all right or all wrong: the spread is that of ten coins, not of a thousand.
    wrong = np.repeat([1.0, 0.0] * 5, 100)
    codes = np.repeat(np.arange(10), 100)
    sums = bootstrap.speaker_sums(codes, np.stack([wrong, np.ones(1000)], axis=1), 10)
    found = bootstrap.interval(sums, bootstrap.rate_statistic, BootstrapConfig(resamples=4000))
    # Binomial(10, 0.5) / 10 has its 2.5 % and 97.5 % points at 0.2 and 0.8.
    assert (found.low, found.high) == pytest.approx((0.2, 0.8), abs=0.01)
    assert found == bootstrap.interval(sums, bootstrap.rate_statistic, BootstrapConfig(resamples=4000))


def test_too_few_speakers_give_no_interval_but_a_reason() -> None:
    found = bootstrap.interval(np.ones((4, 2)), bootstrap.rate_statistic, BootstrapConfig())
    assert found == bootstrap.Interval(None, None, "only 4 speaker(s), an interval needs 5")


def test_an_interval_that_hangs_on_one_speaker_is_refused() -> None:
    sums = np.zeros((8, 2))
    sums[0] = (1, 2)
    found = bootstrap.interval(sums, bootstrap.rate_statistic, BootstrapConfig())
    assert found.low is None
    assert found.reason is not None
    assert "of the resamples" in found.reason


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_sums_of_resampled_speakers_give_what_the_resampled_phones_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(6), rng.integers(0, 6, 60)])
    gop, labels = rng.normal(-3, 2, 66).round(1), rng.choice([0.0, 0.4, 1.6, 2.0], 66)
    bad = labels < 0.5
    weights = bootstrap.draw(6, BootstrapConfig(resamples=1, seed=seed))
    drawn = np.concatenate([np.flatnonzero(codes == s) for s in range(6) for _ in range(int(weights[0, s]))])
    sums = bootstrap.speaker_sums(codes, bootstrap.moments(gop, labels), 6)
    expected = pearsonr(gop[drawn], labels[drawn]).statistic if np.ptp(labels[drawn]) else np.nan
    assert bootstrap.pearson_statistic(weights @ sums)[0] == pytest.approx(expected, nan_ok=True)
    if bad[drawn].any() and not bad[drawn].all():
        wins = (weights @ bootstrap.pair_wins(codes, gop, bad, 6)) @ weights[0]
        area = wins[0] / (bad[drawn].sum() * (~bad[drawn]).sum())
        assert area == pytest.approx(roc_auc_score(bad[drawn], -gop[drawn]))


def test_hiding_a_small_group_hides_what_would_give_it_away() -> None:
    assert hidden_groups({"a": 10, "b": 12}, 5) == frozenset()
    assert hidden_groups({"a": 3, "b": 8, "c": 12}, 5) == {"a", "b"}
    assert hidden_groups({"a": 3, "b": 2, "c": 12}, 5) == {"a", "b"}
    assert hidden_groups({"a": 8, "b": 12, "not stated": 1}, 5) == {"a", "not stated"}


@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 20)), st.integers(1, 8))
def test_no_small_group_shows_and_those_hidden_are_enough(sizes: dict[str, int], fewest: int) -> None:
    hidden = hidden_groups(sizes, fewest)
    assert all(size >= fewest for name, size in sizes.items() if name not in hidden)
    total = sum(sizes[name] for name in hidden)
    assert total == 0 or total >= fewest or hidden == sizes.keys()
