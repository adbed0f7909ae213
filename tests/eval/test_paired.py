"""Differences of two models on the same speakers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from collection import manifest
from eval import bootstrap, predictions
from eval.bootstrap import BootstrapConfig
from eval.compare import CompareConfig, compare
from eval.errors import ReportError
from eval.page.render import render
from eval.paired import differences, scored
from eval.report import compared_with_first
from tests.eval.conftest import made_up
from tests.eval.test_report import Page, metrics_of

CONFIG = BootstrapConfig(resamples=200)


def side(skill: float, seed: int = 0):
    """Return a run of made-up learners: the same speakers and labels whatever the skill."""
    tables = made_up(skill=skill, seed=seed)
    return scored(f"skill {skill}", tables, metrics_of(tables))


def by_name(found):
    return {row["name"]: row for row in found}


def test_a_model_does_not_differ_from_itself():
    for row in differences([side(1.0)], [side(1.0)], CONFIG):
        assert row["value"] == row["low"] == row["high"] == 0.0
        assert not row["clear"]


def test_a_worse_ear_is_told_apart_and_the_figures_are_those_of_the_two_runs():
    good, poor = made_up(skill=1.0), made_up(skill=0.1)
    found = by_name(differences([side(1.0)], [side(0.1)], CONFIG))
    figures = [{one["name"]: one["value"] for one in metrics_of(each)["figures"]} for each in (good, poor)]
    for name, row in found.items():
        assert row["value"] == pytest.approx(figures[1][name] - figures[0][name], abs=1e-9), name
    assert found["phone_pcc"]["clear"]
    assert found["phone_pcc"]["high"] < 0
    assert found["phone_mse"]["low"] > 0


def test_the_interval_is_of_differences_under_the_same_draws():
    first, second = side(1.0), side(0.1)
    row = by_name(differences([first], [second], CONFIG))["phone_mse"]
    weights = bootstrap.draw(24, CONFIG)
    expected = []
    for drawn in weights:
        errors = []
        for run in (first, second):
            rated = run.rated
            squares = (run.calibration.scores(rated.gop) - rated.accuracy) ** 2
            errors.append(np.average(squares, weights=drawn[rated.codes]))
        expected.append(errors[1] - errors[0])
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))


def test_seeds_are_averaged():
    one, two, other = side(1.0), side(0.5), side(0.1)
    both = by_name(differences([one, two], [other], CONFIG))["phone_pcc"]["value"]
    each = [by_name(differences([run], [other], CONFIG))["phone_pcc"]["value"] for run in (one, two)]
    assert both == pytest.approx(np.mean(each))


def test_runs_of_other_phones_are_not_compared():
    with pytest.raises(ReportError, match="not scored on the same rated phones"):
        differences([side(1.0)], [side(1.0, seed=5)], CONFIG)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    found = []
    for skill in (1.0, 0.1):
        folder = tmp_path / f"skill-{skill}"
        tables = made_up(skill=skill)
        predictions.write(folder, tables)
        (folder / "metrics.json").write_text(json.dumps(metrics_of(tables, name=folder.name)), "utf-8")
        manifest.write(folder, {"kind": "scores", "inputs": "ab", "used": "cd", "config": {}, "files": {}})
        found.append(folder)
    return found


def test_the_verb_writes_what_it_found(folders: list[Path], tmp_path: Path):
    out = tmp_path / "difference.json"
    found = compare(CompareConfig([str(folders[0])], [str(folders[1])], str(out), CONFIG))
    assert json.loads(out.read_text("utf-8"))["differences"] == found
    with pytest.raises(ReportError, match="at least one folder"):
        compare(CompareConfig([], [str(folders[1])]))


def test_the_report_tells_the_differences_to_the_first(folders: list[Path]):
    runs = [json.loads((folder / "metrics.json").read_text("utf-8")) for folder in folders]
    text = Page(render(runs, "t", compared_with_first(folders, runs))).text
    assert "Differences to skill-1.0" in text
    assert "worse" in text
