"""Every verb explains itself, and every command of the README names a verb and settings that exist."""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_configs import SCHEMAS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MODULES = {
    "assess": "training.assess",
    "attribution": "eval.attribution",
    "bench": "eval.bench",
    "build": "collection.build",
    "compare": "eval.compare",
    "enrol": "collection.enrol",
    "ensemble": "training.ensemble",
    "export": "training.export",
    "gate": "eval.gate",
    "keys": "collection.keys",
    "lineage": "training.lineage",
    "outside": "eval.outside",
    "pretrain": "training.pretrain",
    "privacy": "eval.privacy",
    "publish": "collection.publish",
    "report": "eval.report",
    "score": "eval.score",
    "simulate": "collection.simulate",
    "train": "training.train",
    "withdraw": "collection.withdraw",
}


def readme_commands() -> list[list[str]]:
    """Return the arguments after ``-m`` of every Parlure command in the README."""
    text = README.replace("\\\n", " ")
    lines = re.findall(r"^    (?:python|torchrun.*?) -m (.*?)(?:\s+#.*)?$", text, flags=re.MULTILINE)
    return [shlex.split(os.path.expandvars(line)) for line in lines]


def test_the_readme_shows_every_verb() -> None:
    shown = {command[0] for command in readme_commands()} | set(re.findall(r"python -m ([a-z.]+)", README))
    assert shown == set(MODULES.values()) - {"eval.bench"}  # that one is `make bench`


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_every_readme_command_composes(command: list[str], verb: Callable[..., int]) -> None:
    assert verb(*command, "--cfg", "job") == 0


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"bench"}))  # which owes nothing for some of its parts
def test_a_verb_without_what_it_owes_says_what_is_missing(
    name: str, verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(MODULES[name], *(["source=folder"] if name == "build" else [])) == 2
    assert "is required" in capsys.readouterr().err


def test_a_verb_switches_off_nobodys_log(verb: Callable[..., int], tmp_path: Path) -> None:
    before = (logging.getLogger().level, logging.getLogger("a library").disabled)
    assert verb("training.lineage", f"runs=[{tmp_path}/none]") == 1
    assert (logging.getLogger().level, logging.getLogger("a library").disabled) == before
