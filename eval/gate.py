"""May this model be used? Turn the figures of a scored run into pass or fail, each with its reason.

    python -m eval.gate run=runs/my-model-scores policy=school_use
    python -m eval.gate run=runs/my-model-scores policy=school_use policy.least_phone_pcc=0.5

The default answer is no: a figure that is missing, a group too small to be shown, a model or release with a withdrawal
each fail. Writes ``gate.json`` into the run folder. Exit code 0 when every check passes, 1 otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING
from rich.table import Table

from collection import manifest
from collection.cli import console, existing, run_verb
from collection.withdrawal import withdrawn
from eval.bias import CHILDREN
from eval.report import read_run
from eval.text import figure_text

GATE_FILE = "gate.json"
OLDER = "the run is older than this figure: score again with this version"
OUTSIDE = "unknown: another system"
_AT_LEAST, _AT_MOST = "at least", "at most"


@dataclass
class Policy:
    """What is asked of a model; a limit of null is not asked. Shares are 0 to 1, biases on the 0-2 scale of phones."""

    name: str = MISSING
    """How the policy is called, in the verdict."""
    fewest_speakers: int | None = None
    """Speakers the figures must come from."""
    most_models_read: int | None = None
    """Models the test split may have been read for, this one included."""
    strangers_verified: bool = True
    """The evaluated speakers must be shown to be new to the model."""
    voices_compared: bool = False
    """That they are strangers must hold by voice too (``eval.score voices=8``)."""
    lineage_clean: bool = True
    """Nobody the model learned from, or that the figures are of, may have withdrawn."""
    least_phone_pcc: float | None = None
    """Correlation of phone accuracy with humans; the lower end of its interval counts."""
    least_f1: float | None = None
    """F1 of mispronounced phones, lower end."""
    least_precision: float | None = None
    """Share of flagged phones that are wrong, lower end: how often a learner is rightly corrected."""
    most_frr: float | None = None
    """Share of correct phones that are flagged, upper end."""
    most_calibration_error: float | None = None
    """Expected calibration error of the probability of a mispronunciation."""
    most_frr_gap: float | None = None
    """Largest difference in false rejections between two groups shown, any column."""
    most_children_bias: float | None = None
    """Absolute signed error of phone accuracy on children."""
    least_children_pcc: float | None = None
    """Correlation of phone accuracy with humans on children."""


@dataclass
class GateConfig:
    """Configuration of ``python -m eval.gate``."""

    run: str = MISSING
    """Folder that eval.score wrote."""
    policy: Policy = field(default_factory=Policy)
    """What is asked; ``policy=school_use`` and the like choose a file of configs/gate/policy."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question of a policy: what was found against which limit, whether that passes, and why not."""

    name: str
    found: float | str | None
    limit: float | str
    passed: bool
    why: str = ""


def gate(config: GateConfig) -> list[Check]:
    """Ask every question of the policy; write and return the answers."""
    folder = existing(config.run, "Run folder")
    run = read_run(folder)
    finished = manifest.read(folder) or {}
    told = finished["config"]
    lineage = withdrawals(Path(told["model"]) if "model" in told else None, Path(told["data"]))
    checks = [*lineage_checks(config.policy, lineage), *figure_checks(config.policy, run)]
    verdict = {
        "policy": asdict(config.policy),
        "inputs": finished["inputs"],
        "passed": all(check.passed for check in checks),
        "checks": [asdict(check) for check in checks],
    }
    manifest.atomic_write(folder / GATE_FILE, json.dumps(verdict, indent=1, ensure_ascii=False) + "\n")
    return checks


def withdrawals(model: Path | None, data: Path) -> dict[str, str | None]:
    """Return, for model and release, why their lineage is not clean; ``None`` where it is.

    Of another system (no ``model`` folder) nobody can tell whom it learned from: not clean.
    """
    found: dict[str, str | None] = {}
    for what, path in (("model", model and model.expanduser()), ("release", data.expanduser())):
        if path is None:
            found[what] = OUTSIDE
            continue
        marker = withdrawn.read(path)
        if not path.is_dir():
            found[what] = f"the folder {path} is gone, so nobody can tell"
        else:
            found[what] = (
                None if marker is None else f"{marker.count} learner(s) withdrew from it, last on {marker.date}"
            )
    return found


def lineage_checks(policy: Policy, lineage: dict[str, str | None]) -> Iterator[Check]:
    """Yield whether anybody behind model and release has withdrawn."""
    if policy.lineage_clean:
        for what, why in lineage.items():
            yield Check(
                f"consent lineage of the {what}", "clean" if why is None else "not clean", "clean", not why, why or ""
            )


def figure_checks(policy: Policy, run: dict[str, Any]) -> Iterator[Check]:
    """Yield the answers that ``metrics.json`` gives."""
    speakers, looks = run["protocol"]["speakers"], run["protocol"].get("readings")
    if policy.strangers_verified:
        shared = speakers["shared_with_training"]
        verified = shared == 0 and not speakers["other_releases_learned_from"]
        why = "the model learned from other releases, whose pseudonyms cannot be joined"
        why = "its epoch and thresholds were chosen on them" if shared else why
        why = OUTSIDE if run["model"].get("outside") else why
        yield Check(
            "speakers new to the model",
            "verified" if verified else "not verified",
            "verified",
            verified,
            "" if verified else why,
        )
    if policy.voices_compared:
        told = speakers.get("by_voice") or {"alike": None, "reason": "not asked: score again with voices=8"}
        found = None if told["alike"] is None else float(len(told["alike"]))
        yield _limit("evaluated voices like a known one", found, 0, _AT_MOST, told["reason"] or "see the report")
    if policy.fewest_speakers is not None:
        yield _limit("speakers evaluated", run["counts"]["speakers"], policy.fewest_speakers, _AT_LEAST)
    if policy.most_models_read is not None:
        models: float | None = looks["models"] if looks else None
        yield _limit("models the test was read for", models, policy.most_models_read, _AT_MOST, OLDER)
    figures = {figure["name"]: figure for figure in run["figures"]}
    asked = (
        ("phone accuracy, correlation", "phone_pcc", "low", policy.least_phone_pcc, _AT_LEAST),
        ("mispronounced phones, F1", "detection_f1", "low", policy.least_f1, _AT_LEAST),
        ("mispronounced phones, precision", "detection_precision", "low", policy.least_precision, _AT_LEAST),
        ("correct phones flagged", "detection_frr", "high", policy.most_frr, _AT_MOST),
        ("calibration error", "calibration_error", "value", policy.most_calibration_error, _AT_MOST),
    )
    for title, name, end, limit, way in asked:
        if limit is not None:
            figure = figures.get(name, {"reason": "this model tells none", end: None})
            why = figure["reason"] or figure.get("interval_reason") or ""
            which = {"low": " (lower end)", "high": " (upper end)", "value": ""}[end]
            yield _limit(title + which, figure[end], limit, way, why)
    if policy.most_frr_gap is not None:
        older: dict[str, Any] = {"gap": None, "reason": OLDER}
        told = next((gap for gap in run.get("gaps", ()) if gap["figure"] == "frr"), older)
        why = told["reason"] or f"{told['by']}: {told['most']} against {told['least']}"
        yield _limit("gap in correct phones flagged", told["gap"], policy.most_frr_gap, _AT_MOST, why)
    yield from _children(policy, run)


def _children(policy: Policy, run: dict[str, Any]) -> Iterator[Check]:
    nothing: dict[str, Any] = {"hidden": True}
    row = next((row for row in run["bias"] if row["group"] == CHILDREN), nothing)
    hidden = row["hidden"]
    why = "too few children to be shown: nothing is known about them" if hidden else str(row["reason"] or "")
    if policy.most_children_bias is not None:
        bias = None if hidden or row["bias"] is None else abs(row["bias"])
        yield _limit("signed error on children", bias, policy.most_children_bias, _AT_MOST, why)
    if policy.least_children_pcc is not None:
        pcc = None if hidden else row["pcc"]["value"]
        yield _limit("correlation on children", pcc, policy.least_children_pcc, _AT_LEAST, why)


def _limit(name: str, found: float | None, limit: float, way: str, why: str = "") -> Check:
    """Return whether a figure keeps to its limit; a missing one does not."""
    if found is None:
        return Check(name, None, f"{way} {limit:g}", False, why or "it was not measured")
    passed = found >= limit if way == _AT_LEAST else found <= limit
    return Check(name, found, f"{way} {limit:g}", passed, "" if passed else why)


def work(config: GateConfig) -> None:
    """Ask, show the answers, and exit with 1 when one of them is no."""
    checks = gate(config)
    shown = Table("check", "found", "limit", "passes", title=f"{config.run}: {config.policy.name}")
    for check in checks:
        found = (
            figure_text(check.found)
            if isinstance(check.found, float)
            else str("–" if check.found is None else check.found)
        )
        shown.add_row(
            check.name,
            found,
            str(check.limit),
            "yes" if check.passed else f"[red]no[/red]: {check.why or 'beyond the limit'}",
        )
    console.print(shown)
    failed = sum(not check.passed for check in checks)
    verdict = (
        f"{failed} of {len(checks)} checks fail: not for {config.policy.name}." if failed else "Every check passes."
    )
    console.print(verdict, markup=False)
    if failed:
        sys.exit(1)


def main() -> None:
    """Run the verb."""
    run_verb("gate", GateConfig, work, "configs.gate")


if __name__ == "__main__":
    main()
