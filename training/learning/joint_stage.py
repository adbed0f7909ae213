"""The joint stage of training: recogniser and scorer learn together, from a checkpoint that either stage before made.

    python -m training.train stage=joint start=runs/score/model data=… out=runs/joint

A scorer is begun anew where the checkpoint has none. The posteriors here are of speakers that the recogniser learns
from, sharper than they will be on new ones: ``stage=score`` avoids that by folds, this stage does not.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from collection import cli, manifest
from collection.release import read_release
from training import lineage
from training.config import TrainConfig
from training.errors import ModelError
from training.learning import ctc_stage, loop, run_folder, score_data
from training.learning.augment import changes_sound
from training.learning.build import freeze
from training.learning.dataset import Examples, SplitData
from training.learning.joint import Joint, RatedCollator, RatedExamples
from training.learning.run_folder import MODEL
from training.learning.score_data import Rated
from training.learning.score_fit import standardise, untold
from training.learning.score_stage import conclude, open_model, shape_of
from training.learning.states import store_states
from training.lineage import CACHE, CHECKPOINTS
from training.network.scorer import Member, Scorer

MEASURED = 256
"""Readings, spread over the training split, from which a new scorer takes mean and deviation of its measures."""


def train(config: TrainConfig) -> Path:
    """Train recogniser and scorer together as configured; return the folder of the finished model."""
    out = Path(config.out)
    cache = Path(config.cache) if config.cache else out / CACHE
    if not config.start:
        raise ModelError("stage=joint needs start=FOLDER: a model of stage=ctc or stage=score to begin with.")
    release = read_release(cli.existing(config.data, "Release"))
    start = cli.existing(config.start, "Checkpoint")
    inherited = lineage.inherited(config.start)
    lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL, inherited)
    identity = run_folder.identify(config, [release], inherited)
    if run_folder.is_finished(out, identity):
        return out / MODEL
    loop.check_trackers(config.report_to)
    run_folder.claim(out, identity, [release], inherited)
    loop.set_up(config)
    started = time.monotonic()
    model = open_model(start)
    _, symbols = ctc_stage.inventory(release)
    if tuple(model.config.inventory) != symbols:
        raise ModelError(f"{start} knows other phones than the release: train it on this release (stage=ctc).")
    freeze(model, config.optim)
    data = ctc_stage.read_data(config, release, symbols, model, cache)
    rated = {split: score_data.read_rated(release, split, part.utterances, symbols) for split, part in data.items()}
    learns = config.select.train_split
    if model.scorer is None:
        shape = shape_of(config.score, model, untold([each.labels for each in rated[learns] if each is not None]))
        model.scorer, model.config.scorer = Scorer(shape).to(model.device), shape.to_dict()
        step = max(1, len(rated[learns]) // MEASURED)
        spread = range(0, len(rated[learns]), step)
        measured = score_data.extract(model, model, shape.state_layers, data[learns], rated[learns], spread)
        for member in model.scorer.members:
            standardise(cast(Member, member), list(measured.values()))
    joint = Joint(model, config.score)
    chosen = loop.choose(out, cache, data)
    examples = {
        split: _examples(config, joint, part, rated[split], split, cache / "states" / chosen)
        for split, part in data.items()
    }
    loop.announce(joint, data)
    trainer = _trainer(config, joint, data, examples, out / CHECKPOINTS / chosen)
    trainer.train(resume_from_checkpoint=loop.resume_from(trainer, out / CHECKPOINTS / chosen))
    if trainer.is_world_process_zero():
        model.train(False)
        layers = tuple(model.config.scorer["state_layers"])
        split = config.select.validation_split
        material = None
        if split:
            found = score_data.extract(model, model, layers, data[split], rated[split], range(len(rated[split])))
            known = {index: each.labels for index, each in enumerate(rated[split]) if each is not None}
            material = list(found.values()), [known[index] for index in found]
        conclude(config, model, release, data, material, lineage.read(start), identity, time.monotonic() - started)
    return out / MODEL


def _trainer(
    config: TrainConfig, joint: Joint, data: dict[str, SplitData], examples: dict[str, RatedExamples], place: Path
) -> Any:
    from transformers import PrinterCallback

    from training.learning.trainer import MarkWhole, PhoneTrainer, Tell

    validation = config.select.validation_split
    trainer = PhoneTrainer(
        model=joint,
        args=loop.arguments(config, place, metric="loss", labels="labels"),
        optim=config.optim,
        encoder="phones.encoder.",
        seconds=data[config.select.train_split].seconds,
        train_dataset=examples[config.select.train_split],
        eval_dataset=examples[validation] if validation else None,
        data_collator=RatedCollator(joint.frontend),
        callbacks=[MarkWhole(), Tell(cli.console.print)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _examples(
    config: TrainConfig, joint: Joint, data: SplitData, rated: list[Rated | None], split: str, states: Path
) -> RatedExamples:
    """Return examples to learn from or validate on; with stored states where the encoder always says the same."""
    learns = split == config.select.train_split
    examples = Examples(data, config.augment if learns else None, config.seed)
    copies = config.optim.stored_copies if learns and changes_sound(config.augment) else 1
    if not config.optim.freeze_encoder or not copies:
        return RatedExamples(examples, rated, None)
    heard = (_checksum(joint.phones.encoder), joint.layers, asdict(config.augment), config.seed, copies)
    path = states / manifest.fingerprint([str(each) for each in heard])[:16] / f"{split}.f16"
    with cli.progress() as bar:
        task = bar.add_task(f"encoder states, {split}", total=copies * len(examples))
        stored = store_states(joint, examples, path, loop.device(), copies, lambda done: bar.advance(task, done))
    return RatedExamples(examples, rated, stored)


def _checksum(encoder: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
