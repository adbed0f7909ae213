"""Every command of docs/evaluating.md, run in its order on a tiny model and release."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from collection.cli import register
from collection.schema import Split
from tests.releases import utterance, write_release
from tests.test_configs import SCHEMAS
from tests.training.models import phone_model
from training import lineage
from training.lineage import Lineage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluating.md"
PHONES = ("AA", "S", "IY", "M")


def commands(page: Path) -> list[list[str]]:
    """Return the words of every command on a page."""
    return [shlex.split(line) for line in re.findall(r"^    python -m (.*)$", page.read_text("utf-8"), re.MULTILINE)]


def run(module: str, *overrides: str) -> None:
    """Run a verb as its command line would."""
    verb = module.rpartition(".")[2]
    schema, folder = SCHEMAS[verb]
    register(verb, schema)
    with initialize_config_module(folder, version_base="1.3"):
        config = OmegaConf.to_object(compose(verb, overrides=list(overrides)))
    loaded = importlib.import_module("eval.outside.verb" if module == "eval.outside" else module)
    getattr(loaded, "_verb" if verb == "build" else "work")(config)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a release, two models that learned from its training speakers, and the second's scores."""
    rows = {
        split: [
            utterance(
                100 * place + number,
                f"spk_{split}_{number % 6}",
                PHONES[: 2 + number % 3],
                accuracies=[0.2 if number % 3 == 0 else 2.0, *(1.8,) * (1 + number % 3)],
            )
            for number in range(12)
        ]
        for place, split in enumerate(Split)
    }
    release = write_release(tmp_path / "releases" / "class", rows)
    for seed, name in enumerate(("first", "second")):
        folder = tmp_path / "runs" / name / "model"
        torch.manual_seed(seed)
        phone_model().save_pretrained(folder)
        splits = ("train", "validation")  # as training writes it
        heard = frozenset(row["speaker_id"] for split in splits for row in release.rows(split, ["speaker_id"]))
        ancestor = lineage.ancestor(release, splits, heard)
        lineage.write(folder, Lineage("random", "0.0.0", (ancestor,)))
    monkeypatch.chdir(tmp_path)
    run("eval.score", "model=runs/second/model", "data=releases/class", "out=runs/second-scores", "device=cpu")
    return tmp_path


def test_every_command_of_the_page_runs(workplace: Path):
    told = commands(PAGE)
    assert {command[0] for command in told} == {"eval.score", "eval.report", "eval.compare", "eval.gate"}
    for module, *overrides in told:
        run(module, *overrides)
    assert "Differences to" in (workplace / "both.html").read_text("utf-8")
    assert (workplace / "card.md").read_text("utf-8").startswith("---\n")
    assert json.loads((workplace / "runs" / "first-scores" / "gate.json").read_text("utf-8"))["passed"] is True
    looks = (workplace / "releases" / "class.readings.jsonl").read_text("utf-8").splitlines()
    assert len(looks) == 3
    metrics = json.loads((workplace / "runs" / "first-voices" / "metrics.json").read_text("utf-8"))
    assert metrics["protocol"]["speakers"]["by_voice"]["known"] == 12
