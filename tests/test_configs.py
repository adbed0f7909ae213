"""Every YAML file composes, against its schema, with the values a user owes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from collection.cli import register
from collection.config import BuildConfig
from collection.enrol import EnrolConfig
from collection.keys import KeysConfig
from collection.publish import PublishConfig
from collection.simulate import SimulateConfig
from collection.withdraw import WithdrawConfig
from eval.attribution import AttributionEvalConfig
from eval.bench import BenchConfig
from eval.compare import CompareConfig
from eval.gate import GateConfig
from eval.outside.verb import OutsideConfig
from eval.privacy import PrivacyConfig
from eval.report import ReportConfig
from eval.score import ScoreConfig
from training.assess import AssessConfig
from training.config import TrainConfig
from training.ensemble import EnsembleConfig
from training.export import ExportConfig
from training.learning.pretrain_config import PretrainConfig
from training.lineage import LineageConfig

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SCHEMAS = {
    "assess": (AssessConfig, "configs"),
    "attribution": (AttributionEvalConfig, "configs"),
    "bench": (BenchConfig, "configs"),
    "build": (BuildConfig, "configs.build"),
    "compare": (CompareConfig, "configs"),
    "enrol": (EnrolConfig, "configs"),
    "ensemble": (EnsembleConfig, "configs"),
    "export": (ExportConfig, "configs"),
    "gate": (GateConfig, "configs.gate"),
    "keys": (KeysConfig, "configs"),
    "lineage": (LineageConfig, "configs"),
    "outside": (OutsideConfig, "configs"),
    "pretrain": (PretrainConfig, "configs.pretrain"),
    "privacy": (PrivacyConfig, "configs"),
    "publish": (PublishConfig, "configs"),
    "report": (ReportConfig, "configs"),
    "score": (ScoreConfig, "configs"),
    "simulate": (SimulateConfig, "configs"),
    "train": (TrainConfig, "configs.train"),
    "withdraw": (WithdrawConfig, "configs"),
}
OWED = {
    "assess": ["model=m", "audio=a", "text=t"],
    "attribution": ["corpus=c", "out=o"],
    "bench": ["corpus=c"],
    "build": ["source=folder", "intake=i", "out=o", "key=k", "name=n"],
    "compare": ["first=[a]", "second=[b]"],
    "enrol": ["intake=i", "key=k"],
    "ensemble": ["models=[a,b]", "out=o"],
    "export": ["model=m", "out=o"],
    "gate": ["run=r"],
    "keys": ["path=p"],
    "lineage": ["runs=[r]"],
    "outside": ["predictions=p", "data=d", "out=o", "name=n"],
    "pretrain": ["data=d", "out=o"],
    "privacy": ["data=d", "transform=mcadams", "out=o"],
    "publish": ["release=r", "to=file:///t", "key=k"],
    "report": ["runs=[r]", "out=o"],
    "score": ["model=m", "data=d", "out=o"],
    "simulate": ["out=o"],
    "train": ["data=d", "out=o"],
    "withdraw": ["intake=i", "key=k"],
}


def groups() -> list[tuple[str, str]]:
    """Return (verb, override) for every file of every group."""
    found = []
    for verb in ("train", "pretrain", "build", "gate"):
        for path in sorted((CONFIGS / verb).glob("*/*.yaml")):
            found.append((verb, f"{path.parent.name}={path.stem}"))
    return found


def composed(verb: str, *more: str) -> object:
    schema, module = SCHEMAS[verb]
    register(verb, schema)
    with initialize_config_module(module, version_base="1.3"):
        config = compose(verb, overrides=[*OWED[verb], *more])
        return OmegaConf.to_object(config)


@pytest.mark.parametrize("verb", sorted(SCHEMAS))
def test_every_verb_composes_with_what_is_owed_and_nothing_else(verb: str) -> None:
    assert isinstance(composed(verb), SCHEMAS[verb][0])


@pytest.mark.parametrize(("verb", "override"), groups())
def test_every_file_of_every_group_composes(verb: str, override: str) -> None:
    more = ["corpus=c"] if override.startswith("source=") and override != "source=folder" else []
    assert isinstance(composed(verb, override, *more), SCHEMAS[verb][0])


def test_every_yaml_file_belongs_to_a_verb_or_a_group() -> None:
    verbs = {path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "_verb"}
    verbs |= {path.stem for path in CONFIGS.glob("*/*.yaml")}
    assert verbs == set(SCHEMAS)
