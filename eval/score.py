"""Score a model on a release: predictions, figures with intervals and baselines, and a table.

    python -m eval.score model=runs/my-model data=releases/class-2026 out=runs/my-model-scores

Writes ``predictions.parquet`` (a row a phone), ``words.parquet``, ``utterances.parquet``, ``raters.parquet`` (what each
human gave), ``metrics.json`` and, last, ``manifest.json``. Asked again for other groups or intervals, or by a newer
version, it makes the figures anew from the tables: nothing is heard twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from collection import manifest
from collection.cli import existing, progress, run_verb
from collection.consent import asked_on
from collection.release import Release, read_release
from collection.schema import Split
from eval import predictions, run_folder
from eval.bootstrap import BootstrapConfig
from eval.errors import ScoreError
from eval.headline import show
from eval.predict import AUTO, JUDGED, Selection, judged, predict, select
from eval.summarise import SummaryOptions, summarise
from eval.voices import strangers
from training import lineage
from training.assess import Assessor
from training.lineage import Ancestor, Lineage
from training.network.checkpoints import contents

PARTS = ".parts"


@dataclass
class ScoreConfig:
    """Configuration of ``python -m eval.score``."""

    model: str
    """Folder of a trained checkpoint, with its lineage.json."""
    data: str
    """Folder of a release."""
    out: str
    """Folder to write; a finished one for the same model, release and settings is left as it is."""
    name: str | None = None
    """What the model is called in figures and reports; by default as the run that gave it."""
    split: str = str(Split.TEST)
    """Part of the release that is evaluated."""
    calibration: str = str(Split.VALIDATION)
    """Part on which GOP is mapped to the human scale and the threshold is chosen; never the evaluated one."""
    gop: str = AUTO
    """What is judged: accuracy (as a scorer predicts it), gop_sf, rival_ratio, gop_lp or gop_lpr; auto is accuracy for
    a model with a scorer, else gop_sf."""
    groups: list[str] = field(default_factory=lambda: list(predictions.SLICES))
    """Columns by which figures are shown: age_band, gender, first_language, level, region, device, snr_band."""
    fewest_speakers: int = 5
    """Groups of fewer speakers are hidden."""
    batch_seconds: float = 60.0
    """s of padded sound in one pass of the model; lower it when memory runs out."""
    voices: int = 0
    """Utterances a speaker by whose voices it is checked that the evaluated are new to the model; 0: by id only. 8 take
    about a second of processor a speaker. For the controller of the release: nobody else may compare its voices."""
    device: str | None = None
    """torch device; by default the GPU if there is one."""
    limit: int | None = None
    """Utterances a split at most, for trying out; the rest is counted as left out."""
    on: str | None = None
    """ISO date on which consent is asked, never before today; today by default."""
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    """How the intervals are drawn."""


def score(config: ScoreConfig) -> dict[str, Any]:
    """Score a model on a release and return what ``metrics.json`` holds."""
    model, out = existing(config.model, "Model folder"), Path(config.out).expanduser()
    release = read_release(existing(config.data, "Release"))
    options = summary_options(config)
    origin = lineage.read(model)
    assessor = Assessor.from_pretrained(model, config.device)
    kind = judged(config.gop, assessor)
    on = asked_on(config.on)
    splits = dict.fromkeys((config.calibration, config.split))
    selections = [
        select(release, split, on, frozenset(assessor.inventory), config.limit)
        for split in splits
        if Split(split) in release.files
    ]
    evaluated = next((selection for selection in selections if selection.split == config.split), None)
    weights = contents(model)
    inputs = fingerprint(config, weights, release)
    if evaluated is None or not evaluated.utterances:
        if (manifest.read(out) or {"inputs": inputs})["inputs"] == inputs:
            _clear(out, keep="")  # scored when consents still held: nothing of it stays
        why = "there is no such split" if evaluated is None else f"left out: {evaluated.left_out or 'it is empty'}"
        raise ScoreError(
            f"Nothing to score in split {config.split} of release {release.name} ({why}). Choose split= one of: "
            f"{', '.join(release.files)}."
        )
    known = origin.within(release)
    separate = separation(origin, known, evaluated, selections)
    used, heard = run_folder.used(selections), hearing(weights, release, kind, selections)
    finished = manifest.read(out)
    if finished is not None and (finished.get("inputs"), finished.get("used")) == (inputs, used):
        return run_folder.stored(out)
    again = run_folder.holds(out, heard)
    if finished is not None and finished.get("inputs") != inputs and not again:
        raise ScoreError(f"{out} holds the scores of another model, release or setting. Choose another out=…")
    if finished is not None and again and finished["config"].get("voices") == config.voices:
        separate["by_voice"] = run_folder.stored(out)["protocol"]["speakers"].get("by_voice")
    elif config.voices:
        separate["by_voice"] = _by_voice(config, release, known, evaluated, on)
    name = config.name or model_name(model)
    looks = run_folder.look(release, config.split, name, manifest.fingerprint(weights), inputs, on)
    if again:
        table = predictions.read(out)
    else:
        # Consent may have ended since an earlier run: what it stored of those utterances goes first.
        _clear(out, keep=f"{inputs[:16]}-{used[:16]}")
        parts = out / PARTS / f"{inputs[:16]}-{used[:16]}"
        parts.mkdir(parents=True, exist_ok=True)
        with progress() as bar:
            task = bar.add_task("scoring", total=sum(len(selection.utterances) for selection in selections))
            table = predict(
                assessor, release, selections, kind, config.batch_seconds, parts, lambda n: bar.advance(task, n)
            )
    described = {
        "name": name,
        "language": str(assessor.model.config.language),
        "inventory": list(assessor.inventory),
        "encoder": origin.encoder,
        "code_version": origin.code_version,
        "threshold": assessor.model.threshold,
        "learned_from": [
            {
                "name": one.name,
                "manifest_sha256": one.manifest_sha256,
                "splits": one.splits,
                "speakers": len(one.speakers),
            }
            for one in origin.releases
        ],
    }
    facts = run_folder.metrics(described, release, config, table, on, selections, separate, looks)
    result = {**facts, **summarise(table, options)}
    run_folder.remove(out)
    run_folder.write(out, table, result)
    shutil.rmtree(out / PARTS, ignore_errors=True)
    run_folder.finish(out, inputs, used, asdict(config), heard)
    return result


def model_name(folder: Path) -> str:
    """Return how a model is called: training puts it into a folder ``model`` of the run that gave it."""
    resolved = folder.resolve()
    return resolved.parent.name if resolved.name == "model" else resolved.name


def summary_options(config: ScoreConfig) -> SummaryOptions:
    """Return the part of the configuration that figures depend on, or an error that names the choices."""
    if config.gop not in JUDGED:
        raise ScoreError(f"gop={config.gop} is unknown. Choose one of: {', '.join(JUDGED)}.")
    unknown = [name for name in config.groups if name not in predictions.SLICES]
    if unknown:
        raise ScoreError(f"groups={unknown} are unknown. Choose among: {', '.join(predictions.SLICES)}.")
    for split in (config.split, config.calibration):
        if split not in list(Split):
            raise ScoreError(f"There is no split {split!r}. Choose one of: {', '.join(Split)}.")
    return SummaryOptions(
        config.split, config.calibration, tuple(config.groups), config.fewest_speakers, config.bootstrap
    )


def separation(
    origin: Lineage, known: Sequence[Ancestor], evaluated: Selection, selections: list[Selection]
) -> dict[str, Any]:
    """Return what ids say about the evaluated speakers being strangers to the model; raise when they are not.

    ``known`` is what the model learned from the evaluated release.

    Validation speakers, on whom training chose epoch and thresholds, may be evaluated to try ideas; the report says so.
    Pseudonyms of two releases cannot be joined, so ids prove it only for the release that the model learned from.
    """
    heard = frozenset(speaker for one in known for speaker in one.speakers)
    both = evaluated.speakers & heard
    if both and evaluated.split != Split.VALIDATION:
        raise ScoreError(
            f"{len(both)} speaker(s) of split {evaluated.split} were learned from by this model (for example "
            f"{min(both)}): the figures would flatter it. Choose a split it has not heard: split=test"
        )
    calibration = frozenset[str]().union(*(s.speakers for s in selections if s.split != evaluated.split))
    others = sorted({one.name for one in origin.releases if one not in known})
    return {
        "evaluated": len(evaluated.speakers),
        "learned_from_in_this_release": len(heard),
        "shared_with_training": len(both) if known else None,
        "shared_with_calibration": len(evaluated.speakers & calibration),
        "other_releases_learned_from": others,
    }


def _by_voice(
    config: ScoreConfig, release: Release, known: Sequence[Ancestor], evaluated: Selection, on: date
) -> dict[str, Any]:
    """Compare the voices of the evaluated speakers with those learned from in this release."""
    heard = frozenset(speaker for one in known for speaker in one.speakers)
    splits = sorted({evaluated.split, *(split for one in known for split in one.splits)})
    return strangers.by_voice(release, evaluated.speakers, heard, splits, on, config.voices)


def fingerprint(config: ScoreConfig, weights: Mapping[str, str], release: Release) -> str:
    """Return what a finished run belongs to: settings, weights and release; neither paths nor the day count."""
    settings = {
        key: value for key, value in asdict(config).items() if key not in {"model", "data", "out", "device", "on"}
    }
    return manifest.fingerprint([settings, weights, lineage.checksum(release)])


def hearing(weights: Mapping[str, str], release: Release, kind: str, selections: list[Selection]) -> str:
    """Return what the tables of a run are of, whatever figures are made of them."""
    heard = [(selection.split, selection.utterances) for selection in selections]
    return manifest.fingerprint([predictions.TABLES_VERSION, weights, lineage.checksum(release), kind, heard])


def _clear(out: Path, keep: str) -> None:
    """Remove what an earlier run left in ``out``, the marker first, but for the finished windows of this one."""
    run_folder.remove(out)
    for folder in (out / PARTS).glob("*"):
        if folder.name != keep:
            shutil.rmtree(folder)


def work(config: ScoreConfig) -> None:
    """Score, then show the headline."""
    show(score(config), config.out)


def main() -> None:
    """Run the verb."""
    run_verb("score", ScoreConfig, work)


if __name__ == "__main__":
    main()
