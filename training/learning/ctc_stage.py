"""The first stage of training: an encoder and a phone head by CTC, resumable, on one device or several."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from collection import cli, manifest
from collection.release import Release, read_release
from training import lineage
from training.config import Targets, TrainConfig
from training.errors import ModelError
from training.learning import folds, loop, run_folder
from training.learning.augment import changes_sound
from training.learning.build import build_model, freeze
from training.learning.collate import Collator, sample
from training.learning.dataset import Examples, SplitData, read_split, shortest_share
from training.learning.run_folder import MODEL
from training.learning.states import Listener, StoredStates, store_states
from training.lineage import CACHE, CHECKPOINTS
from training.network.model import PhoneModel, measure_states


def train(config: TrainConfig) -> Path:
    """Train a phone recogniser as configured and return the folder of the finished model."""
    out = Path(config.out)
    cache = Path(config.cache) if config.cache else out / CACHE
    release = read_release(cli.existing(config.data, "Release"))
    inherited = lineage.inherited(*weights(config))
    lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL, inherited)
    identity = run_folder.identify(config, [release], inherited)
    if run_folder.is_finished(out, identity):
        return out / MODEL
    loop.check_trackers(config.report_to)
    run_folder.claim(out, identity, [release], inherited)
    loop.set_up(config)
    language, symbols = inventory(release)
    model = build_model(config.model, symbols, language)
    freeze(model, config.optim)
    data = read_data(config, release, symbols, model, cache)
    chosen = loop.choose(out, cache, data)
    checkpoints = out / CHECKPOINTS / chosen
    examples = {
        split: _examples(config, model, part, split, cache / "states" / chosen, loop.device())
        for split, part in data.items()
    }
    if config.select.folds:
        kept = folds.others(data[config.select.train_split], config.select)
        data[config.select.train_split] = data[config.select.train_split].part(kept)
        examples[config.select.train_split] = examples[config.select.train_split].part(kept)
    loop.announce(model, data)
    trainer = _trainer(config, model, data, examples, checkpoints)
    resume = loop.resume_from(trainer, checkpoints)
    if not resume:
        measure_states(model, sample(trainer.train_dataset, trainer.data_collator))
    result = trainer.train(resume_from_checkpoint=resume)
    if trainer.is_world_process_zero():
        speakers = frozenset[str]().union(*(part.speakers for part in data.values()))
        trained = lineage.Lineage(
            run_folder.called(config.model.name) if config.model.encoder is None else "random",
            manifest.code_version(),
            lineage.merged([lineage.ancestor(release, tuple(data), speakers), *inherited]),
        )
        run_folder.finish(config, model, trained, data, trainer.state.log_history, out, identity, result.metrics)
    return out / MODEL


def weights(config: TrainConfig) -> list[str]:
    """Return the name of the encoder whose weights a run begins with, if it does not begin with random ones."""
    return [config.model.name] if config.model.encoder is None and config.model.pretrained else []


def read_data(
    config: TrainConfig, release: Release, symbols: tuple[str, ...], model: PhoneModel, cache: Path
) -> dict[str, SplitData]:
    """Return what may be learned from and validated on; copies of its sound lie under ``cache``."""
    shortest, select = shortest_share(config.augment), config.select
    unknown = {select.train_split: config.targets, select.validation_split: Targets.kept}
    return {
        split: read_split(release, split, select, symbols, model.frontend, shortest, cache / "audio", unknown=targets)
        for split, targets in unknown.items()
        if split
    }


def inventory(release: Release) -> tuple[str, tuple[str, ...]]:
    """Return the one language of a release and its phone symbols."""
    languages = sorted(release.inventory)
    if len(languages) != 1:
        raise ModelError(
            f"The release holds {len(languages)} languages ({', '.join(languages)}); a phone head serves one. "
            "Build a release for each."
        )
    return languages[0], tuple(release.inventory[languages[0]])


def _trainer(
    config: TrainConfig,
    model: PhoneModel,
    data: dict[str, SplitData],
    examples: dict[str, Examples | StoredStates],
    checkpoints: Path,
) -> Any:
    # The Trainer takes seconds to import: only a run that trains pays for it.
    from transformers import PrinterCallback

    from training.learning.trainer import MarkWhole, PhoneTrainer, Tell, best_paths, phone_error_rate

    validation = config.select.validation_split
    train_split = config.select.train_split
    trainer = PhoneTrainer(
        model=model,
        args=loop.arguments(config, checkpoints, metric="per", labels="labels"),
        optim=config.optim,
        seconds=data[train_split].seconds,
        train_dataset=examples[train_split],
        eval_dataset=examples[validation] if validation else None,
        data_collator=Collator(model.frontend),
        compute_metrics=phone_error_rate,
        preprocess_logits_for_metrics=best_paths,
        callbacks=[MarkWhole(), Tell(cli.console.print)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _examples(
    config: TrainConfig, model: PhoneModel, data: SplitData, split: str, states: Path, device: torch.device
) -> Examples | StoredStates:
    """Return examples to learn from or validate on; with stored states where the encoder always says the same."""
    learns = split == config.select.train_split
    examples = Examples(data, config.augment if learns else None, config.seed)
    copies = config.optim.stored_copies if learns and changes_sound(config.augment) else 1
    if not config.optim.freeze_encoder or not copies:
        return examples
    # A cache may be shared: states belong to an encoder, its layers and what was done to the sound.
    heard = (asdict(config.model), asdict(config.augment), config.seed, copies)
    called = manifest.fingerprint([str(each) for each in heard])[:16]
    with cli.progress() as bar:
        task = bar.add_task(f"encoder states, {split}", total=copies * len(examples))
        path = states / called / f"{split}.f16"
        # Typing sees transformers' decorated ``to`` as another method.
        heard_by = cast(Listener, model)
        return store_states(heard_by, examples, path, device, copies, lambda done: bar.advance(task, done))
