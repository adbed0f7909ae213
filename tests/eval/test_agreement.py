"""One rater against the others, counted by hand and beside SciPy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import cohen_kappa_score

from collection.agreement import weighted_kappa
from collection.schema import Scores, WordScores
from eval.agreement import among_themselves, one_against_the_others, ratings
from eval.bootstrap import BootstrapConfig
from eval.predictions import Predictions, RaterScores, to_predictions

FAST = BootstrapConfig(resamples=200)


def rated(rows: list[RaterScores]) -> Predictions:
    return to_predictions([], [], "accuracy", raters=rows)


def rating(utterance: str, rater: str, fluency: float | None, speaker: str = "spk", **more: object) -> RaterScores:
    return RaterScores(utterance, speaker, "test", rater, Scores(fluency=fluency), **more)  # type: ignore[arg-type]


def columns(**given: list[float | None]) -> list[RaterScores]:
    return [rating(f"u{n}", name, value) for name, column in given.items() for n, value in enumerate(column)]


def test_one_rater_against_the_mean_of_the_others_by_hand() -> None:
    raters = rated(columns(a=[1, 2, 3], b=[1, 3, 2], c=[2, 2, 5])).raters
    found = one_against_the_others(raters, "utterances", "fluency", FAST, "utterance")
    # a against (1.5, 2.5, 3.5): 1; b against (1.5, 2, 4): 0.5 / sqrt(7); c against (1, 2.5, 2.5): 1.5 / sqrt(1.5 * 6).
    assert found["value"] == pytest.approx((1 + 0.5 / np.sqrt(7) + 0.5) / 3)
    assert (found["raters"], found["items"], found["reason"]) == (3, 3, None)
    assert found["low"] is None
    assert found["interval_reason"] == "only 1 speaker(s), an interval needs 5"


def test_what_only_one_rater_scored_counts_for_nothing() -> None:
    raters = rated(columns(a=[1, 2, 3, 9, None], b=[1, 3, 2, None, None])).raters
    found = one_against_the_others(raters, "utterances", "fluency", FAST, "utterance")
    assert found["value"] == pytest.approx(0.5)
    assert found["items"] == 3


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no utterance was scored by two raters"),
        (columns(a=[1, 2, 3]), "no utterance was scored by two raters"),
        (columns(a=[None, None], b=[1, 2]), "no utterance was scored by two raters"),
        (columns(a=[7, 7, 7], b=[7, 7, 7]), "the scores of every rater are all the same"),
    ],
)
def test_a_ceiling_that_is_not_there_says_why(rows: list[RaterScores], reason: str) -> None:
    found = one_against_the_others(rated(rows).raters, "utterances", "fluency", FAST, "utterance")
    assert (found["value"], found["reason"], found["raters"]) == (None, reason, 0)


def test_words_and_phones_meet_by_their_place_whoever_scored_less() -> None:
    words = {
        ("u0", "a"): (WordScores(1.0, 10.0, 2.0), WordScores(3.0)),
        ("u0", "b"): (WordScores(4.0), WordScores(5.0)),
        ("u1", "a"): (),
        ("u1", "b"): (WordScores(6.0),),
    }
    rows = [
        rating(utterance, rater, None, speaker=f"spk_{utterance}", words=given, phones=(2.0, None) if given else ())
        for (utterance, rater), given in words.items()
    ]
    table, owners = ratings(rated(rows).raters, "words", "accuracy")
    np.testing.assert_array_equal(table, [[1, 4], [3, 5], [np.nan, 6]])
    assert owners.tolist() == [0, 0, 1]
    stress, _ = ratings(rated(rows).raters, "words", "stress")
    np.testing.assert_array_equal(stress[0], [10, np.nan])
    phones, _ = ratings(rated(rows).raters, "phones", "accuracy")
    np.testing.assert_array_equal(phones, [[2, 2], [np.nan, np.nan], [np.nan, 2], [np.nan, np.nan]])


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_the_ceiling_is_that_of_a_plain_loop_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.where(rng.random((12, 4)) < 0.8, rng.integers(0, 11, (12, 4)), np.nan)
    rows = [
        rating(f"u{thing:02d}", f"r{rater}", None if np.isnan(score) else float(score), speaker=f"spk_{thing % 6}")
        for (thing, rater), score in np.ndenumerate(table)
    ]
    each = []
    for rater in range(4):
        pairs = [
            (row[rater], np.nanmean(np.delete(row, rater)))
            for row in table
            if np.isfinite(row[rater]) and np.isfinite(np.delete(row, rater)).any()
        ]
        if len(pairs) > 1 and all(np.ptp(column) for column in zip(*pairs, strict=True)):
            each.append(pearsonr(*zip(*pairs, strict=True)).statistic)
    rng.shuffle(rows)
    found = one_against_the_others(rated(rows).raters, "utterances", "fluency", FAST, "utterance")
    assert found["raters"] == len(each)
    assert found["value"] == pytest.approx(np.mean(each) if each else None)
    if found["low"] is not None:
        assert -1 <= found["low"] <= found["high"] <= 1


# Six things and four raters: the worked example of Shrout & Fleiss (1979), table 2.
SHROUT_FLEISS = ([9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7])


def among(rows: list[RaterScores], score: str = "fluency") -> dict[str, object]:
    found = among_themselves(rated(rows).raters, FAST)
    return next(row for row in found if (row["level"], row["score"]) == ("utterances", score))


def test_intraclass_correlation_of_the_published_example() -> None:
    found = among(columns(**{f"r{n}": list(map(float, column)) for n, column in enumerate(SHROUT_FLEISS)}))
    assert round(found["icc"]["value"], 2) == 0.29
    assert round(found["icc_of_mean"]["value"], 2) == 0.62
    assert found["whole"] == 6
    assert found["icc"]["interval_reason"] == "only 1 speaker(s), an interval needs 5"


def test_kappa_is_the_mean_of_sklearns_over_pairs_of_raters() -> None:
    names = {f"r{n}": list(map(float, column)) for n, column in enumerate(SHROUT_FLEISS)}
    each = [
        cohen_kappa_score(a, b, weights="quadratic", labels=list(range(11))) for a, b in combinations(SHROUT_FLEISS, 2)
    ]
    assert among(columns(**names))["kappa"]["value"] == pytest.approx(np.mean(each))
    assert weighted_kappa(np.array(SHROUT_FLEISS, dtype=float).T) == pytest.approx(np.mean(each))
    # Perfect agreement but for a point of severity: kappa sees it, correlation does not.
    shifted = among(columns(a=[1, 2, 3], b=[2, 3, 4]))
    assert shifted["one_against_the_others"]["value"] == pytest.approx(1.0)
    assert shifted["kappa"]["value"] == pytest.approx(2 * (2 / 3) / (4 / 3 + 1))


def test_intervals_of_raters_hold_their_figures_and_follow_from_speakers() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(2, 9, 60)
    rows = [
        rating(f"u{n:02d}", f"r{rater}", float(np.clip(score + rng.integers(-2, 3), 0, 10)), speaker=f"spk_{n % 10}")
        for n, score in enumerate(truth)
        for rater in range(3)
    ]
    found = among(rows)
    for name in ("icc", "icc_of_mean", "kappa"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"], name
    assert found["icc"]["value"] < found["icc_of_mean"]["value"]


def test_raters_that_cannot_be_compared_say_why() -> None:
    assert among([])["icc"]["reason"] == "no utterance was scored by two raters"
    apart = among(columns(a=[1, 2, None, None], b=[2, None, 3, None], c=[None, 1, 1, 2]))
    assert apart["icc"]["reason"] == "no utterance was scored by every rater"
    assert apart["whole"] == 0
    alike = among(columns(a=[7, 7], b=[7, 7]))
    assert alike["icc"]["reason"] == alike["kappa"]["reason"] == "the scores of the raters are all the same"
