"""What a scorer says of words, utterances, children and adults, from made-up predictions whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr

from collection.schema import Scores, WordScores
from eval.bias import TOLD_BY_BAND, age_group, bias_by_age
from eval.bootstrap import BootstrapConfig
from eval.figures import AS_PREDICTED, Calibration
from eval.levels import level_counts, level_figures
from eval.metrics import Value
from eval.predictions import (
    PhonePrediction,
    Predictions,
    UtterancePrediction,
    WordPrediction,
    to_predictions,
)
from eval.summarise import SummaryOptions, summarise

FAST = BootstrapConfig(resamples=200)


def word(number: int, human: WordScores, predicted: WordScores, split: str = "test") -> WordPrediction:
    return WordPrediction(f"u{number}", f"spk_{number % 6}", split, 0, human, predicted)


def named(figures: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(figure for figure in figures if figure["name"] == name)


def test_words_by_hand_beside_the_mean_of_other_speakers() -> None:
    words = [
        word(0, WordScores(2.0), WordScores(4.0)),
        word(1, WordScores(4.0), WordScores(8.0)),
        word(2, WordScores(6.0), WordScores(6.0)),
        word(3, WordScores(None), WordScores(9.0)),
        word(4, WordScores(9.0), WordScores(None)),
        word(5, WordScores(5.0), WordScores(), "validation"),
        word(6, WordScores(1.0), WordScores(), "validation"),
    ]
    whole = to_predictions([], [], "accuracy", words)
    figures = level_figures(whole.only("test"), whole.only("validation"), None, FAST)
    assert [figure["name"] for figure in figures] == [
        f"word_{score}_{kind}" for score in ("accuracy", "stress", "total") for kind in ("pcc", "mse")
    ]
    # Deviations (-2, 2, 0) and (-2, 0, 2): 4 / 8. Errors 2, 4, 0. The mean of validation is 3.
    assert named(figures, "word_accuracy_pcc")["value"] == pytest.approx(0.5)
    squared = named(figures, "word_accuracy_mse")
    assert squared["value"] == pytest.approx((4 + 16 + 0) / 3)
    assert squared["baseline"]["value"] == pytest.approx((1 + 1 + 9) / 3)
    assert named(figures, "word_stress_pcc")["reason"] == "no rated word"
    assert level_counts(whole.only("test")) == {
        "words": 5, "words_rated": 4, "words_used": 3, "utterances_rated": 0, "utterances_used": 0,
    }  # fmt: skip


def test_every_level_has_its_figure_its_interval_and_its_human(made_up: Callable[..., Predictions]) -> None:
    predictions = made_up(scorer=True)
    found = summarise(predictions, SummaryOptions(bootstrap=FAST))
    test = predictions.only("test").utterances
    human, guess = ([row["total"] for row in test.column(name).to_pylist()] for name in ("human", "predicted"))
    total = named(found["figures"], "utterance_total_pcc")
    assert total["value"] == pytest.approx(pearsonr(human, guess).statistic)
    assert total["low"] < total["value"] < total["high"]
    assert total["human"]["low"] < total["human"]["value"] < total["human"]["high"] < total["value"]
    assert (total["human"]["raters"], total["human"]["items"]) == (3, 96)
    assert named(found["figures"], "utterance_total_mse")["human"] is None
    parts = [figure["part"] for figure in found["figures"]]
    assert [parts.count(part) for part in ("phones", "probability", "words", "utterances")] == [20, 9, 6, 10]


def test_what_is_constant_or_not_predicted_says_why(made_up: Callable[..., Predictions]) -> None:
    found = summarise(made_up(scorer=True), SummaryOptions(bootstrap=FAST))["figures"]
    completeness = named(found, "utterance_completeness_pcc")
    assert (completeness["value"], completeness["reason"]) == (None, "the human scores are all the same")
    assert completeness["human"]["reason"] == "no utterance was scored by two raters"
    assert named(found, "utterance_completeness_mse")["value"] > 0
    for kind in ("pcc", "mse"):
        assert named(found, f"word_stress_{kind}")["reason"] == "the model gives no stress of a rated word"


def test_a_model_without_a_scorer_has_no_figures_above_the_phone(made_up: Callable[..., Predictions]) -> None:
    found = summarise(made_up(), SummaryOptions(bootstrap=FAST))
    assert {figure["part"] for figure in found["figures"]} == {"phones"}
    assert (found["alone"], found["probability"]) == ([], None)


def test_the_mean_of_the_evaluated_split_is_no_baseline(made_up: Callable[..., Predictions]) -> None:
    found = summarise(made_up(scorer=True), SummaryOptions(split="validation", bootstrap=FAST))["figures"]
    for name in ("word_accuracy_mse", "phone_mse", "brier"):
        assert named(found, name)["value"] is not None
        assert named(found, name)["baseline"]["value"] is None
    assert "nothing may be chosen on it" in named(found, "detection_f1")["reason"]
    assert named(found, "flag_f1")["value"] > 0.9


def test_predicted_accuracy_is_judged_as_it_is(made_up: Callable[..., Predictions]) -> None:
    predictions = made_up(scorer=True)
    found = summarise(predictions, SummaryOptions(bootstrap=FAST))
    phones = predictions.only("test").phones
    judged, accuracy = (phones.column(name).to_numpy() for name in ("gop", "accuracy"))
    assert named(found["figures"], "phone_mse")["value"] == pytest.approx(np.mean((judged - accuracy) ** 2))
    assert "phone_pcc_raw" not in {figure["name"] for figure in found["figures"]}
    assert (found["calibration"]["scale"], found["calibration"]["mapping"]) == ("as_predicted", None)
    # The same learners heard without the scorer: that is each GOP alone.
    without = summarise(made_up(), SummaryOptions(bootstrap=FAST))
    assert without["calibration"]["scale"] == "isotonic"
    assert [judge["gop"] for judge in found["alone"]] == ["gop_sf", "gop_lp"]
    names = [figure["name"] for figure in found["alone"][0]["figures"]]
    assert names[:4] == ["phone_pcc", "phone_pcc_raw", "phone_mse", "auc"]
    assert found["alone"][0]["figures"] == [
        {**figure, "human": None} for figure in without["figures"] if figure["name"] in names
    ]


@pytest.mark.parametrize(
    ("band", "group"),
    [("0-5", "children"), ("6-8", "children"), ("15-17", "children"), ("18+", "adults"), (None, "not stated")],
)
def test_children_are_below_eighteen(band: str | None, group: str) -> None:
    assert age_group(band) == group


def learners(bands: list[str | None], predicted: list[float], human: list[float]) -> Predictions:
    """One phone a learner."""
    phones = [
        PhonePrediction(f"u{n}", f"spk_{n}", "test", 0, 0, "AA", "AA", guess, 0.0, 0.1, real, None)
        for n, (guess, real) in enumerate(zip(predicted, human, strict=True))
    ]
    utterances = [
        UtterancePrediction(f"u{n}", f"spk_{n}", "test", 1.0, ("AA",), ("AA",), ("AA",), age_band=band)
        for n, band in enumerate(bands)
    ]
    return to_predictions(phones, utterances, "accuracy")


def test_bias_by_hand_at_one_threshold_for_all() -> None:
    bands = ["6-8", "15-17", "9-11", "18+", "18+", "18+"]
    part = learners(bands, [1.5, 2.0, 0.3, 0.5, 1.0, 1.0], [1.0, 2.0, 0.0, 1.0, 0.4, 2.0])
    calibration = Calibration(threshold=Value(0.8), scale=AS_PREDICTED)
    rows = {row["group"]: row for row in bias_by_age(part, calibration, True, 3, FAST)}
    assert list(rows) == ["all", "children", "adults"]
    # Children 0.5, 0 and 0.3 too high; adults 0.5 too low, 0.6 too high, 1 too low.
    assert rows["children"]["bias"] == pytest.approx(0.8 / 3)
    assert rows["adults"]["bias"] == pytest.approx(-0.9 / 3)
    assert rows["all"]["bias"] == pytest.approx(-0.1 / 6)
    assert rows["children"]["mse"] == pytest.approx((0.25 + 0.09) / 3)
    assert rows["adults"]["mean_model"] - rows["adults"]["mean_human"] == pytest.approx(-0.3)
    assert rows["children"]["pcc"]["value"] == pytest.approx(pearsonr([1.5, 2.0, 0.3], [1.0, 2.0, 0.0]).statistic)
    assert rows["children"]["interval_reason"] == "only 3 speaker(s), an interval needs 5"
    assert rows["all"]["low"] <= rows["all"]["bias"] <= rows["all"]["high"]
    assert rows["adults"]["mse"] == pytest.approx((0.25 + 0.36 + 1.0) / 3)
    assert rows["all"]["mse_low"] <= rows["all"]["mse"] <= rows["all"]["mse_high"]
    # Right are two phones of children, passed both, and two of adults: 0.5 is flagged, 1.0 is not.
    assert [rows[name]["frr"] for name in ("children", "adults", "all")] == [0.0, 0.5, 0.25]
    # 0.3 lies below the threshold, 1.0 does not.
    assert [(rows[name]["mispronounced"], rows[name]["recall"]) for name in ("children", "adults")] == [(1, 1), (1, 0)]


def test_a_group_of_few_is_hidden_and_takes_the_next_with_it() -> None:
    part = learners(["6-8"] * 4 + ["18+"] * 6 + [None], [1.0, 2.0] * 5 + [1.0], [2.0, 1.0] * 5 + [2.0])
    rows = bias_by_age(part, Calibration(scale=AS_PREDICTED), True, 5, FAST)
    assert [(row["group"], row["hidden"]) for row in rows] == [
        ("all", False), ("children", True), ("adults", False), ("not stated", True),
    ]  # fmt: skip
    assert set(rows[1]) == {"group", "hidden"}
    assert rows[0]["speakers"] == 11


@pytest.mark.parametrize(
    ("bands", "told"),
    [
        (["6-8"] * 6 + ["18+"] * 6, True),
        # One child of 6 to 8: hidden, and another band with it. The children's rate minus that of 12 to 14 is of both.
        (["6-8"] + ["9-11"] * 5 + ["12-14"] * 7 + ["18+"] * 8, True),
        # Hidden are the two of 6 to 8 and the adults: the rate of all children would give away the two.
        (["6-8"] * 2 + ["9-11"] * 7 + ["12-14"] * 7 + ["18+"] * 5, False),
    ],
)
def test_rejections_of_children_are_told_unless_that_gives_a_hidden_band_away(bands: list[str], told: bool) -> None:
    part = learners(bands, [1.0, 2.0] * (len(bands) // 2) + [1.0] * (len(bands) % 2), [2.0] * len(bands))
    calibration = Calibration(threshold=Value(1.5), scale=AS_PREDICTED)
    rows = {row["group"]: row for row in bias_by_age(part, calibration, True, 5, FAST, bands=True)}
    assert (rows["children"]["frr"] is not None, rows["adults"]["frr"] is not None) == (told, told)
    assert rows["children"]["frr_reason"] == (None if told else TOLD_BY_BAND)
    assert rows["all"]["frr"] is not None
    alone = {row["group"]: row for row in bias_by_age(part, calibration, True, 5, FAST)}
    assert alone["children"]["frr"] is not None


def test_gop_without_a_mapping_has_no_bias_but_a_reason() -> None:
    part = learners(["18+"] * 6, [-1.0, -2.0] * 3, [2.0, 1.0] * 3)
    rows = bias_by_age(part, Calibration(reason="nobody calibrated"), False, 3, FAST)
    assert {(row["bias"], row["reason"], row["pcc"]["value"]) for row in rows} == {(None, "nobody calibrated", None)}
    constant = learners(["18+"] * 6, [1.0] * 6, [2.0, 1.0] * 3)
    (everybody, _) = bias_by_age(constant, Calibration(scale=AS_PREDICTED), True, 3, FAST)
    assert everybody["bias"] == pytest.approx(-0.5)
    assert everybody["pcc"] == {
        "value": None, "low": None, "high": None,
        "reason": "the scores of the model are all the same",
        "interval_reason": "the scores of the model are all the same",
    }  # fmt: skip


def test_utterances_without_a_prediction_are_left_out() -> None:
    rows = [
        UtterancePrediction(
            f"u{n}", f"spk_{n}", "test", 1.0, (), (), (), human=Scores(fluency=float(n)),
            predicted=Scores(fluency=None if n == 2 else 2.0 * n),
        )
        for n in range(4)
    ]  # fmt: skip
    figures = level_figures(to_predictions([], rows, "accuracy"), None, "nothing to calibrate on", FAST)
    fluency = named(figures, "utterance_fluency_mse")
    assert fluency["value"] == pytest.approx((0 + 1 + 9) / 3)
    assert fluency["baseline"]["value"] is None
    assert named(figures, "utterance_fluency_pcc")["value"] == pytest.approx(1)
