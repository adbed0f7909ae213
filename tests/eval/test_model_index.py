"""Figures as others read them: the Hub's model-index, and the schema of metrics.json."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from huggingface_hub import ModelCard

import eval as package
from eval.model_index import model_index
from tests.eval.conftest import made_up
from tests.eval.test_report import metrics_of

SCHEMA = json.loads((Path(package.__file__).parent / "metrics.schema.json").read_text("utf-8"))


def test_the_hub_reads_every_figure_that_was_computed():
    run = metrics_of(made_up(scorer=True))
    read = ModelCard(model_index([run])).data.eval_results
    computed = {figure["name"]: figure["value"] for figure in run["figures"] if figure["value"] is not None}
    assert {one.metric_type: one.metric_value for one in read} == {
        name: pytest.approx(value, abs=1e-4) for name, value in computed.items()
    }
    pcc = next(one for one in read if one.metric_type == "phone_pcc")
    assert (pcc.dataset_split, pcc.dataset_revision) == ("test", "ab" * 32)
    assert "95 % interval" in pcc.metric_name
    assert "24 speakers" in pcc.metric_name


@pytest.mark.parametrize("tables", [made_up(), made_up(rated=False), made_up(scorer=True), made_up(speakers=3)])
def test_what_is_written_keeps_to_the_schema(tables):
    jsonschema.validate(metrics_of(tables), SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run["figures"][0].update(value=None, reason=None),
        lambda run: run["figures"][0].pop("baseline"),
        lambda run: run.update(metrics_version="2.0.0"),
        lambda run: run["groups"].append({"by": "gender", "group": "x", "hidden": True, "per": 0.1}),
        lambda run: run["per_phone"][0].update(hidden=True),
        lambda run: run["raters"][0]["kappa"].update(value=None, reason=None),
        lambda run: run.update(gaps=[{"figure": "frr", "title": "t", "gap": None, "reason": None}]),
    ],
)
def test_a_figure_without_a_reason_or_a_group_that_should_be_hidden_breaks_it(change):
    run = metrics_of(made_up())
    change(run)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(run, SCHEMA)
