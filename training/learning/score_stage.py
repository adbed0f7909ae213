"""The second stage of training: a scorer of phones, words and utterances on top of a phone recogniser.

A recogniser's posteriors are sharper on speakers it has learned from than on new ones, so a scorer that learned from
those would trust them too much later. Here the posteriors of every training utterance come from a recogniser that
learned without its speaker (``folds``), trained as the first stage is; the states are the final model's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from collection import cli, manifest
from collection.release import Release, read_release
from collection.schema import SCHEMA_VERSION
from training import lineage
from training.config import ScoreConfig, Stage, Targets, TrainConfig
from training.errors import ModelError
from training.learning import ctc_stage, folds, loop, run_folder, score_data
from training.learning.dataset import SplitData, keep_only
from training.learning.run_folder import MODEL
from training.learning.score_data import Rated
from training.learning.score_fit import Labels, calibrate, fit, predict, untold
from training.lineage import CACHE
from training.network.model import PhoneModel
from training.network.phone_features import PhoneFeatures, width
from training.network.scorer import Member, Scorer, ScorerShape

WEIGHTS = "model.safetensors"
Material = tuple[list[PhoneFeatures], list[Labels]]


def train(config: TrainConfig) -> Path:
    """Train the scorer, and the recogniser below it unless one is given; return the folder of the finished model."""
    out = Path(config.out)
    cache = Path(config.cache) if config.cache else out / CACHE
    release = read_release(cli.existing(config.data, "Release"))
    inherited = lineage.inherited(*([config.start] if config.start else ctc_stage.weights(config)))
    lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL, inherited)
    identity = run_folder.identify(config, [release], inherited)
    if run_folder.is_finished(out, identity):
        return out / MODEL
    run_folder.claim(out, identity, [release], inherited)
    started = time.monotonic()
    first = replace(config, stage=Stage.ctc, start=None, cache=str(cache / "shared"))
    start = Path(config.start) if config.start else ctc_stage.train(replace(first, out=str(cache / "recogniser")))
    model = open_model(cli.existing(str(start), "Recogniser"))
    _, symbols = ctc_stage.inventory(release)
    _check(start, model, symbols, config)
    listeners = [
        ctc_stage.train(
            replace(
                first,
                out=str(cache / "folds" / str(fold)),
                select=replace(config.select, folds=config.score.folds, fold=fold),
            )
        )
        for fold in range(config.score.folds)
    ]
    if os.environ.get("RANK", "0") != "0":
        return out / MODEL
    data = ctc_stage.read_data(config, release, symbols, model, cache / "shared")
    chosen = manifest.fingerprint({split: part.utterances for split, part in data.items()})[:16]
    keep_only(cache / "features", chosen)
    layers = state_layers(config.score, model)
    heard_by = [manifest.file_sha256(folder / WEIGHTS) for folder in (start, *listeners)]
    place = cache / "features" / chosen / manifest.fingerprint([layers, heard_by])[:16]
    members = out / CACHE / "members" / chosen
    rated = {split: score_data.read_rated(release, split, part.utterances, symbols) for split, part in data.items()}
    learns = config.select.train_split
    parts = folds.assign(data[learns].voices, data[learns].bands, len(listeners)) if listeners else None
    material = {
        split: _material(
            model,
            listeners,
            layers,
            part,
            rated[split],
            parts if split == learns else None,
            place / f"{split}.pt",
        )
        for split, part in data.items()
    }
    shape = shape_of(config.score, model, untold(material[learns][1]))
    scorer = Scorer(shape)
    for number in range(shape.members):
        scorer.members[number] = _member(material[learns], shape, config, config.seed + number, members)
    model.scorer, model.config.scorer = scorer.eval(), shape.to_dict()
    validation = material.get(config.select.validation_split)
    conclude(config, model, release, data, validation, lineage.read(start), identity, time.monotonic() - started)
    return out / MODEL


def conclude(
    config: TrainConfig,
    model: PhoneModel,
    release: Release,
    data: dict[str, SplitData],
    validation: Material | None,
    origin: lineage.Lineage,
    identity: str,
    seconds: float,
) -> None:
    """Calibrate and judge the scorer of a model on the validation readings, save the model and finish the run.

    ``origin`` is that of the checkpoint the run began with.
    """
    out, scorer = Path(config.out), model.cpu().scorer
    assert scorer is not None  # noqa: S101 - both stages that end here make one
    figures: dict[str, float] = {}
    by_seed: list[dict[str, float]] = []
    if validation is not None:
        features, labels = validation
        calibrate(scorer, features, labels)
        figures = figures_of(scorer, features, labels)
        alone = [Scorer(replace(scorer.shape, members=1)).eval() for _ in scorer.members]
        for one, member in zip(alone, scorer.members, strict=True):
            one.members[0] = member
        by_seed = [figures_of(one, features, labels) for one in alone]
    model.save_pretrained(out / MODEL)
    speakers = frozenset[str]().union(*(part.speakers for part in data.values()))
    own = lineage.ancestor(release, tuple(data), speakers)
    heard = lineage.merged([*origin.releases, own])
    lineage.write(out / MODEL, lineage.Lineage(origin.encoder, manifest.code_version(), heard))
    _finish(config, identity, data, {"validation": figures, "validation_by_seed": by_seed}, seconds)


def open_model(folder: Path) -> PhoneModel:
    """Return a checkpoint on the GPU if there is one, in evaluation mode."""
    model = PhoneModel.from_pretrained(folder)
    torch.nn.Module.to(model, loop.device())
    return model.train(False)


def _check(start: Path, model: PhoneModel, symbols: tuple[str, ...], config: TrainConfig) -> None:
    """Refuse a recogniser of other phones, or one that the recognisers of the folds would not be like."""
    if tuple(model.config.inventory) != symbols:
        raise ModelError(f"{start} knows other phones than the release: train it on this release (stage=ctc).")
    if not config.start or not config.score.folds:
        return
    known = json.loads((start / "train_config.json").read_text("utf-8"))
    if (learned := known.get("targets", Targets.kept)) != config.targets:
        raise ModelError(f"{start} was trained with targets={learned}, this run says {config.targets}: give the same.")
    for group in ("model", "augment", "optim"):
        wanted = json.loads(json.dumps(asdict(getattr(config, group)), default=str))
        for key, value in wanted.items():
            if key != "name" and known[group].get(key, value) != value:
                raise ModelError(
                    f"{start} was trained with {group}.{key}={known[group][key]}, this run says {value}: its folds "
                    "would be heard by other recognisers. Give the settings of that run, or leave start out."
                )


def _material(
    model: PhoneModel,
    listeners: list[Path],
    layers: tuple[int, ...],
    data: SplitData,
    rated: list[Rated | None],
    parts: list[int] | None,
    path: Path,
) -> Material:
    """Return features and labels of a split, computed once; ``parts`` names the listener of each utterance."""
    if not path.exists():
        found: dict[int, PhoneFeatures] = {}
        with cli.progress() as bar:
            task = bar.add_task(f"phone features, {path.stem}", total=len(rated))
            step: Callable[[int], None] = lambda done: bar.advance(task, done)  # noqa: E731
            if parts is None:
                found = score_data.extract(model, model, layers, data, rated, range(len(rated)), step)
            else:
                for part, folder in enumerate(listeners):
                    listener = open_model(folder)
                    chosen = [int(index) for index in np.flatnonzero(np.array(parts) == part)]
                    found |= score_data.extract(model, listener, layers, data, rated, chosen, step)
        score_data.store(path, dict(sorted(found.items())))
    held = score_data.load(path)
    known = {index: each.labels for index, each in enumerate(rated) if each is not None}
    return list(held.values()), [known[index] for index in held]


def shape_of(config: ScoreConfig, model: PhoneModel, unknown: tuple[str, ...]) -> ScorerShape:
    """Return the shape of a new scorer for a phone model; ``unknown`` are the scores that nobody gave."""
    own = {
        key: getattr(config, key)
        for key in ("members", "size", "layers", "heads", "projection", "dropout", "states_dropout")
    }
    symbols = len(model.config.inventory) + 1
    layers = state_layers(config, model)
    return ScorerShape(symbols, width(symbols), layers, model.encoder.width, untold=unknown, **own)


def state_layers(config: ScoreConfig, model: PhoneModel) -> tuple[int, ...]:
    """Return the encoder states that a scorer is to hear."""
    return tuple(range(model.encoder.depth + 1) if config.state_layers is None else config.state_layers)


def _member(material: Material, shape: ScorerShape, config: TrainConfig, seed: int, place: Path) -> Member:
    """Return the network of one seed; one that an interrupted run had finished is taken up again."""
    path = place / f"member-{seed}.pt"
    if path.exists():
        member = Member(shape)
        member.load_state_dict(torch.load(path, weights_only=True))
        return member
    with cli.progress() as bar:
        task = bar.add_task(f"scorer, seed {seed}", total=config.score.epochs)
        member = fit(*material, shape, config.score, seed, lambda done: bar.update(task, completed=done))
    partial = path.with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    torch.save(member.state_dict(), partial)
    partial.rename(path)
    return member


def figures_of(scorer: Scorer, features: list[PhoneFeatures], labels: list[Labels]) -> dict[str, float]:
    """Return PCC and MSE of phone accuracy (GOPT convention), and the error of the mean, over all rated phones."""
    found = torch.cat([output.accuracy for output in predict(scorer, features)]).double()
    wanted = torch.cat([each.phones for each in labels]).double()
    known = ~torch.isnan(wanted)
    pair = torch.stack([found[known], wanted[known]])
    if not known.any():
        return {}
    return {
        "phone_pcc": float(torch.corrcoef(pair)[0, 1]),
        "phone_mse": float((pair[0] - pair[1]).square().mean()),
        "mean_mse": float(pair[1].var(correction=0)),
    }


def _finish(
    config: TrainConfig, identity: str, data: dict[str, SplitData], figures: dict[str, Any], seconds: float
) -> None:
    out = Path(config.out)
    folder = out / MODEL
    settings = run_folder.portable(config)
    manifest.atomic_write(folder / "train_config.json", json.dumps(settings, indent=2, default=str) + "\n")
    manifest.write(
        out,
        {
            "identity": identity,
            "schema_version": SCHEMA_VERSION,
            "code_version": manifest.code_version(),
            "config": settings,
            "left_out": {split: dict(part.left) for split, part in data.items()},
            **figures,
            "seconds": seconds,
            "files": {path.name: manifest.file_sha256(path) for path in sorted(folder.iterdir())},
        },
    )
    run_folder.tidy(out)
    told = ", ".join(f"{name} {value:.3f}" for name, value in figures["validation"].items())
    told = f" On the validation speakers: {told}." if told else ""
    cli.console.print(f"Model: {folder}.{told}\nNext: python -m eval.score model={folder} data={config.data} out=…")
