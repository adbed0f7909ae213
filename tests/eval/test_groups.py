"""Figures by group, and the widest gap between groups that may be shown."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate
from sklearn.metrics import mean_squared_error

from eval.bootstrap import BootstrapConfig
from eval.figures import AS_PREDICTED, Calibration
from eval.groups import by_group, gaps, snr_band
from eval.metrics import Value
from eval.predictions import PHONES, UTTERANCES, Predictions

CONFIG = BootstrapConfig(resamples=200)
CALIBRATION = Calibration(1.8, None, Value(1.0), scale=AS_PREDICTED)


def learners(speakers: dict[str, int], scores: dict[str, list[float]], column: str = "gender") -> Predictions:
    """Return one utterance a speaker; its phones are rated 1, 1 and 0, and predicted as ``scores`` of the group say."""
    utterances, phones = [], []
    for group, count in speakers.items():
        for number in range(count):
            keys = {"utterance_id": f"u_{group}{number}", "speaker_id": f"s_{group}{number}", "split": "test"}
            utterances.append({**keys, "duration": 1.0, "spoken": ["AA"], "decoded": ["AA"], column: group})
            for slot, (score, human) in enumerate(zip(scores[group], (1.0, 1.0, 0.0), strict=True)):
                phones.append({**keys, "slot": slot, "canonical": "AA", "gop": score, "accuracy": human})
    return Predictions(
        pa.Table.from_pylist(phones, schema=PHONES), pa.Table.from_pylist(utterances, schema=UTTERANCES), "accuracy"
    )


def rows(part: Predictions, column: str = "gender"):
    return {row["group"]: row for row in by_group(part, CALIBRATION, [column], 5, CONFIG)}


def test_rates_and_errors_by_hand():
    part = learners({"f": 6, "m": 6}, {"f": [1.5, 0.5, 0.0], "m": [1.5, 1.5, 0.5]})
    found = rows(part)
    assert found["f"]["frr"] == pytest.approx(1 / 2)
    assert found["m"]["frr"] == 0.0
    assert found["f"]["bias"] == pytest.approx(0.0)
    assert found["m"]["bias"] == pytest.approx(0.5)
    assert found["m"]["bias_standardised"] == pytest.approx(0.5 / np.std([1, 1, 0]))
    assert found["m"]["mse"] == pytest.approx(0.25)
    # Every speaker is alike, so every draw is too.
    assert (found["m"]["bias_low"], found["m"]["bias_high"]) == pytest.approx((0.5, 0.5))


def test_the_widest_gap_is_told_with_its_groups():
    part = learners({"f": 6, "m": 6}, {"f": [1.5, 0.5, 0.0], "m": [1.5, 1.5, 0.5]})
    rejections, bias = gaps(list(rows(part).values()), [{"group": "all", "hidden": False, "speakers": 12, "bias": 9.0}])
    assert (rejections["gap"], rejections["by"], rejections["most"], rejections["least"]) == (0.5, "gender", "f", "m")
    assert (bias["gap"], bias["most"]) == (pytest.approx(0.5), "m")


def test_a_hidden_group_makes_no_gap():
    part = learners({"f": 12, "m": 2}, {"f": [1.5, 1.5, 0.0], "m": [0.5, 0.5, 0.5]})
    found = rows(part)
    assert found["m"] == {"by": "gender", "group": "m", "hidden": True}
    rejections, _ = gaps(list(found.values()), [])
    assert rejections["gap"] is None
    assert "no column has two groups of 5 speakers" in rejections["reason"]


def test_groups_of_different_columns_make_no_gap():
    told = [
        {"by": "gender", "group": "f", "hidden": False, "speakers": 9, "frr": 0.9},
        {"by": "level", "group": "A1", "hidden": False, "speakers": 9, "frr": 0.1},
    ]
    assert gaps(told, [])[0]["gap"] is None


def test_few_learners_and_those_who_stated_nothing_make_no_gap():
    told = [
        {"by": "gender", "group": "f", "hidden": False, "speakers": 9, "frr": 0.02},
        {"by": "gender", "group": "m", "hidden": False, "speakers": 9, "frr": 0.03},
        {"by": "gender", "group": "x", "hidden": False, "speakers": 4, "frr": 0.9},
        {"by": "gender", "group": "not stated", "hidden": False, "speakers": 9, "frr": 0.9},
    ]
    assert gaps(told, [])[0]["gap"] == pytest.approx(0.01)
    ages = [
        {"group": name, "hidden": False, "speakers": 9, "frr": rate}
        for name, rate in (("children", 0), ("adults", 0.2))
    ]
    assert (gaps(told, ages)[0]["by"], gaps(told, ages)[0]["most"]) == ("age", "adults")


def test_signed_errors_by_age_are_told_once():
    part = learners({"6-8": 6, "18+": 6}, {"6-8": [1.5, 0.5, 0.0], "18+": [1.5, 1.5, 0.5]}, "age_band")
    assert all("bias" not in row and row["frr"] is not None for row in rows(part, "age_band").values())
    ages = [
        {"group": "children", "hidden": False, "speakers": 6, "bias": -0.1},
        {"group": "adults", "hidden": False, "speakers": 6, "bias": 0.2},
        {"group": "all", "hidden": False, "speakers": 12, "bias": 5.0},
    ]
    assert gaps(list(rows(part, "age_band").values()), ages)[1]["gap"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("snr", "band"),
    [(None, None), (-3.0, "below 10 dB"), (10.0, "10 to 20 dB"), (19.9, "10 to 20 dB"), (20.0, "20 dB and more")],
)
def test_bands_of_noise(snr, band):
    assert snr_band(snr) == band


def test_figures_by_group_and_the_gap_are_those_of_fairlearn():
    rng = np.random.default_rng(11)
    part = learners(
        {"f": 9, "m": 7, "x": 6}, {group: [float(one) for one in rng.uniform(0, 2, 3).round(2)] for group in "fmx"}
    )
    gender = dict(zip(part.utterances["utterance_id"].to_pylist(), part.utterances["gender"].to_pylist(), strict=True))
    human, judged = (part.phones[name].to_numpy() for name in ("accuracy", "gop"))
    frame = MetricFrame(
        metrics={"frr": lambda bad, score: false_positive_rate(bad, score < 1.0)},
        y_true=human < 0.5,
        y_pred=judged,
        sensitive_features=[gender[one] for one in part.phones["utterance_id"].to_pylist()],
    )
    errors = MetricFrame(
        metrics={"bias": lambda truth, score: float(np.mean(score - truth)), "mse": mean_squared_error},
        y_true=human,
        y_pred=judged,
        sensitive_features=[gender[one] for one in part.phones["utterance_id"].to_pylist()],
    )
    found = rows(part)
    for group in "fmx":
        assert found[group]["frr"] == pytest.approx(frame.by_group["frr"][group])
        assert found[group]["mse"] == pytest.approx(errors.by_group["mse"][group])
        assert found[group]["bias"] == pytest.approx(errors.by_group["bias"][group])
    rejections, bias = gaps(list(found.values()), [])
    assert rejections["gap"] == pytest.approx(frame.difference()["frr"])
    assert bias["gap"] == pytest.approx(errors.difference()["bias"])
