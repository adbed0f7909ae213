"""The gate: every limit can fail, and what is not known is a no."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path

import pytest

from collection import manifest
from collection.withdrawal import withdrawn
from eval.gate import GATE_FILE, GateConfig, Policy, figure_checks, gate, work
from tests.eval.conftest import made_up
from tests.eval.test_report import metrics_of

LOOKS = {"number": 1, "models": 1, "first_on": "2026-11-01", "on": "2026-11-01"}


@pytest.fixture(scope="module")
def run() -> dict:
    found = metrics_of(made_up(scorer=True), readings=LOOKS)
    ages = [
        {"group": "children", "hidden": False, "bias": -0.05, "reason": None, "pcc": {"value": 0.7, "reason": None}}
    ]
    gap = {"figure": "frr", "title": "Correct phones flagged", "gap": 0.02, "reason": None}
    return {**found, "bias": ages, "gaps": [{**gap, "by": "gender", "most": "f", "least": "m"}]}


def failing(run: dict, **limits: object) -> list[str]:
    return [check.name for check in figure_checks(Policy("p", **limits), run) if not check.passed]


@pytest.mark.parametrize(
    ("limit", "kept", "broken", "name"),
    [
        ("fewest_speakers", 24, 25, "speakers evaluated"),
        ("most_models_read", 1, 0, "models the test was read for"),
        ("least_phone_pcc", 0.1, 0.999, "phone accuracy, correlation (lower end)"),
        ("least_f1", 0.01, 0.999, "mispronounced phones, F1 (lower end)"),
        ("least_precision", 0.01, 1.01, "mispronounced phones, precision (lower end)"),
        ("most_frr", 0.9, -0.1, "correct phones flagged (upper end)"),
        ("most_calibration_error", 0.9, 0.0, "calibration error"),
        ("most_frr_gap", 0.1, -0.1, "gap in correct phones flagged"),
        ("most_children_bias", 0.05, 0.04, "signed error on children"),
        ("least_children_pcc", 0.7, 0.71, "correlation on children"),
    ],
)
def test_every_limit_passes_and_fails(run, limit, kept, broken, name):
    assert failing(run, **{limit: kept}) == []
    assert failing(run, **{limit: broken}) == [name]


@pytest.mark.parametrize(
    ("limit", "change"),
    [
        ("most_models_read", lambda run: run["protocol"].update(readings=None)),
        ("least_phone_pcc", lambda run: run.update(figures=[])),
        ("most_frr_gap", lambda run: run.update(gaps=[])),
        ("most_children_bias", lambda run: run["bias"][0].update(hidden=True)),
        ("least_children_pcc", lambda run: run.update(bias=[])),
    ],
)
def test_what_is_not_known_is_a_no(run, limit, change):
    changed = copy.deepcopy(run)
    change(changed)
    (check,) = [one for one in figure_checks(Policy("p", **{limit: 0.0}), changed) if not one.passed]
    assert check.found is None
    assert check.why


def test_voices_must_be_compared_and_none_be_alike(run):
    changed = copy.deepcopy(run)
    assert failing(changed, voices_compared=True) == ["evaluated voices like a known one"]
    changed["protocol"]["speakers"]["by_voice"] = {"alike": [], "reason": None}
    assert failing(changed, voices_compared=True) == []
    changed["protocol"]["speakers"]["by_voice"]["alike"] = [{"evaluated": "spk_1", "known": "spk_2", "likeness": 0.9}]
    assert failing(changed, voices_compared=True) == ["evaluated voices like a known one"]


def test_strangers_must_be_verified(run):
    changed = copy.deepcopy(run)
    changed["protocol"]["speakers"]["shared_with_training"] = None
    assert failing(changed) == ["speakers new to the model"]
    assert failing(changed, strangers_verified=False) == []


@pytest.fixture
def folder(run, tmp_path: Path) -> Path:
    """Return a finished run beside its model and release."""
    for name in ("model", "release", "scores"):
        (tmp_path / name).mkdir()
    (tmp_path / "scores" / "metrics.json").write_text(json.dumps(run), "utf-8")
    config = {"model": str(tmp_path / "model"), "data": str(tmp_path / "release")}
    manifest.write(tmp_path / "scores", {"kind": "scores", "inputs": "ab", "used": "cd", "config": config, "files": {}})
    return tmp_path


def test_a_withdrawal_behind_model_or_release_shuts_the_gate(folder: Path):
    config = GateConfig(str(folder / "scores"), Policy("p", strangers_verified=False))
    assert all(check.passed for check in gate(config))
    for name in ("model", "release"):
        withdrawn.write(folder / name, withdrawn.marked(None, frozenset({"spk_1"}), date(2026, 11, 1)))
        assert [check.name for check in gate(config) if not check.passed][-1] == f"consent lineage of the {name}"
    told = json.loads((folder / "scores" / GATE_FILE).read_text("utf-8"))
    assert told["passed"] is False
    (folder / "model" / withdrawn.NAME).unlink()
    (folder / "model").rmdir()
    assert not gate(config)[0].passed


def test_the_verb_exits_with_one_when_a_check_fails(folder: Path):
    work(GateConfig(str(folder / "scores"), Policy("p")))
    with pytest.raises(SystemExit) as ended:
        work(GateConfig(str(folder / "scores"), Policy("p", least_phone_pcc=0.9999)))
    assert ended.value.code == 1
