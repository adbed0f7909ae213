"""Predictions of another system on a release -> a run folder like those of ``eval.score``.

    python -m eval.outside predictions=vendor.csv data=releases/class out=runs/vendor-scores name=vendor

Labels, canonical phones, words, raters and consent come from the release; of the system come scores only. Its scores
are brought to the human scale on the calibration split, whatever their range. Reports, comparisons and the gate read
the folder as they read any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from collection import manifest
from collection.cli import existing
from collection.consent import asked_on
from collection.phones import inventory, primary_subtag
from collection.release import Release, read_release
from collection.schema import Split
from eval import run_folder
from eval.bootstrap import BootstrapConfig
from eval.errors import PredictionsError
from eval.gate import OUTSIDE
from eval.headline import show
from eval.outside import tables
from eval.outside.answers import Answer
from eval.outside.plain_files import read_csv, read_json
from eval.outside.symbols import Symbols
from eval.outside.vendors import azure, read_folder, speechace
from eval.predict import Selection, select
from eval.predictions import SLICES
from eval.score import ScoreConfig, summary_options
from eval.summarise import summarise
from training import lineage

FORMATS: Mapping[str, Callable[[Path], dict[str, Answer]]] = {
    "csv": read_csv,
    "json": read_json,
    "azure": partial(read_folder, parse=azure),
    "speechace": partial(read_folder, parse=speechace),
}
NO_PREDICTION = "no_prediction"
_SHOWN = 5


@dataclass
class OutsideConfig:
    """Configuration of ``python -m eval.outside``."""

    predictions: str = MISSING
    """File (csv, json) or folder of files named after their utterances (azure, speechace); see docs/outside.md."""
    data: str = MISSING
    """Folder of a release."""
    out: str = MISSING
    """Folder to write; a finished one for the same predictions, release and settings is left as it is."""
    name: str = MISSING
    """What the system is called in figures and reports."""
    format: str = "csv"
    """csv, json, azure or speechace."""
    split: str = str(Split.TEST)
    """Part of the release that is evaluated."""
    calibration: str = str(Split.VALIDATION)
    """Part on which scores are mapped to the human scale and the threshold is chosen; never the evaluated one."""
    symbols: dict[str, str] = field(default_factory=dict)
    """Phones that the system names in a way of its own: {its name: ours}, several of ours parted by spaces, or none."""
    allow_missing: bool = False
    """Go on without the utterances that the predictions miss; they are counted as left out."""
    groups: list[str] = field(default_factory=lambda: list(SLICES))
    """Columns by which figures are shown, as in eval.score."""
    fewest_speakers: int = 5
    """Groups of fewer speakers are hidden."""
    on: str | None = None
    """ISO date on which consent is asked, never before today; today by default."""
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    """How the intervals are drawn."""


def outside(config: OutsideConfig) -> dict[str, Any]:
    """Score another system's predictions on a release and return what ``metrics.json`` holds."""
    if config.format not in FORMATS:
        raise PredictionsError(f"format={config.format} is unknown. Choose one of: {', '.join(FORMATS)}.")
    path, out = existing(config.predictions, "Predictions"), Path(config.out).expanduser()
    release = read_release(existing(config.data, "Release"))
    options = summary_options(
        ScoreConfig(
            "", config.data, config.out, split=config.split, calibration=config.calibration, groups=config.groups,
            fewest_speakers=config.fewest_speakers, bootstrap=config.bootstrap,
        )
    )  # fmt: skip
    symbols = Symbols(inventory(_language(release)), dict(config.symbols))
    answers = FORMATS[config.format](path)
    on = asked_on(config.on)
    splits = [split for split in dict.fromkeys((config.calibration, config.split)) if Split(split) in release.files]
    selections = [select(release, split, on, frozenset(symbols.inventory.symbols)) for split in splits]
    ignored = _known(release, selections, answers)
    selections = [_answered(selection, answers, config.allow_missing) for selection in selections]
    evaluated = next((one for one in selections if one.split == config.split), None)
    if evaluated is None or not evaluated.utterances:
        raise PredictionsError(
            f"Nothing to score in split {config.split} of release {release.name}: "
            f"{evaluated.left_out if evaluated else 'there is no such split'}. Splits: {', '.join(release.files)}."
        )
    content = _content(path)
    inputs = manifest.fingerprint([_settings(config), content, lineage.checksum(release)])
    used = run_folder.used(selections)
    finished = manifest.read(out)
    if finished is not None and finished.get("inputs") != inputs:
        raise PredictionsError(f"{out} holds the scores of other predictions, another release or setting. Choose out=…")
    if finished is not None and finished.get("used") == used:
        return run_folder.stored(out)
    counts: Counter[str] = Counter()
    found = tables.build(release, selections, answers, symbols, config.name, config.calibration, counts)
    looks = run_folder.look(release, config.split, config.name, content, inputs, on)
    described = {
        "name": config.name,
        "language": symbols.inventory.language,
        "inventory": list(symbols.inventory.symbols),
        "encoder": None,
        "code_version": None,
        "learned_from": [],
        "outside": {
            "format": config.format,
            "lineage": OUTSIDE,
            "ignored": ignored,
            **dict(sorted(counts.items())),
        },
    }
    speakers = _speakers(evaluated, selections)
    facts = run_folder.metrics(described, release, config, found, on, selections, speakers, looks)
    result = {**facts, **summarise(found, options)}
    run_folder.remove(out)
    run_folder.write(out, found, result)
    run_folder.finish(out, inputs, used, asdict(config))
    return result


def _language(release: Release) -> str:
    """Return the one language of a release."""
    found = sorted(release.manifest.get("inventory", {}))
    if len({primary_subtag(one) for one in found}) != 1:
        raise PredictionsError(
            f"release {release.name} holds {', '.join(found) or 'no language'}: predictions are scored on a release of "
            "one language."
        )
    return str(found[0])


def _known(release: Release, selections: list[Selection], answers: Mapping[str, Answer]) -> int:
    """Return how many answers are about utterances that are not evaluated; raise for those about none at all."""
    here = {row["utterance_id"] for split in release.files for row in release.rows(split, ["utterance_id"])}
    if unknown := sorted(answers.keys() - here):
        raise PredictionsError(
            f"{len(unknown)} utterance(s) of the predictions are not in release {release.name} "
            f"({', '.join(unknown[:_SHOWN])}): they are of another release, or of learners who withdrew. Predict this "
            "release; what is known of a learner who withdrew must go."
        )
    return len(answers.keys() - {utterance for one in selections for utterance in one.utterances})


def _answered(selection: Selection, answers: Mapping[str, Answer], allow_missing: bool) -> Selection:
    """Return the utterances that the predictions answer for; raise when some are missing, unless that is allowed."""
    kept = tuple(one for one in selection.utterances if one in answers)
    missing = sorted(set(selection.utterances) - set(kept))
    if not missing:
        return selection
    if not allow_missing:
        raise PredictionsError(
            f"{len(missing)} of {len(selection.utterances)} utterances of split {selection.split} have no prediction "
            f"({', '.join(missing[:_SHOWN])}). Predict them too; allow_missing=true goes on without them and counts "
            "them as left out, and the figures are then of other utterances than those of complete systems."
        )
    left = {**selection.left_out, NO_PREDICTION: len(missing)}
    return Selection(selection.split, kept, selection.speakers, dict(sorted(left.items())))


def _content(path: Path) -> str:
    """Return what identifies the predictions, wherever they lie."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    return manifest.fingerprint([(file.name, manifest.file_sha256(file)) for file in files])


def _settings(config: OutsideConfig) -> dict[str, Any]:
    return {key: value for key, value in asdict(config).items() if key not in {"predictions", "data", "out", "on"}}


def _speakers(evaluated: Selection, selections: list[Selection]) -> dict[str, Any]:
    """Return what is known of the speakers: nobody can say whom another system has heard."""
    others = frozenset[str]().union(*(one.speakers for one in selections if one.split != evaluated.split))
    return {
        "evaluated": len(evaluated.speakers),
        "learned_from_in_this_release": 0,
        "shared_with_training": None,
        "shared_with_calibration": len(evaluated.speakers & others),
        "other_releases_learned_from": [OUTSIDE],
    }


def work(config: OutsideConfig) -> None:
    """Score, then show the headline."""
    show(outside(config), config.out)
