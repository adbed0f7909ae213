"""The first stage of training: an encoder and a phone head by CTC, resumable, on one device or several."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from rich.table import Table

from collection import cli, manifest
from collection.release import Release, read_release
from training import folds, lineage, run_folder
from training.augment import changes_sound
from training.build import build_model, freeze
from training.collate import Collator, sample
from training.config import Precision, TrainConfig
from training.dataset import Examples, SplitData, keep_only, read_split, shortest_share
from training.errors import ModelError
from training.lineage import CACHE, CHECKPOINTS
from training.model import PhoneModel, measure_states
from training.run_folder import MODEL
from training.states import StoredStates, store_states


def train(config: TrainConfig) -> Path:
    """Train a phone recogniser as configured and return the folder of the finished model."""
    out = Path(config.out)
    cache = Path(config.cache) if config.cache else out / CACHE
    release = read_release(cli.existing(config.data, "Release"))
    lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL)
    identity = run_folder.identify(config, release)
    if run_folder.is_finished(out, identity):
        return out / MODEL
    _check_trackers(config.report_to)
    run_folder.claim(out, identity, release)
    if config.threads:
        torch.set_num_threads(config.threads)
    if not cli.console.is_terminal:
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(config.seed)
    language, symbols = inventory(release)
    model = build_model(config.model, symbols, language)
    freeze(model, config.optim)
    data = read_data(config, release, symbols, model, cache)
    chosen = manifest.fingerprint({split: part.utterances for split, part in data.items()})[:16]
    for place in (out / CHECKPOINTS, cache / "states"):
        if os.environ.get("RANK", "0") == "0" and keep_only(place, chosen):
            cli.console.print("Consents have changed since this run began: it begins again with those that hold.")
    checkpoints = out / CHECKPOINTS / chosen
    examples = {
        split: _examples(config, model, part, split, cache / "states" / chosen, device())
        for split, part in data.items()
    }
    if config.select.folds:
        kept = folds.others(data[config.select.train_split], config.select)
        data[config.select.train_split] = data[config.select.train_split].part(kept)
        examples[config.select.train_split] = examples[config.select.train_split].part(kept)
    _announce(model, data)
    trainer = _trainer(config, model, data, examples, checkpoints)
    from training.trainer import last_whole_checkpoint

    resume = last_whole_checkpoint(checkpoints, clean=trainer.is_world_process_zero())
    if resume:
        cli.console.print(f"Going on from {resume}.")
    else:
        measure_states(model, sample(trainer.train_dataset, trainer.data_collator))
    result = trainer.train(resume_from_checkpoint=resume)
    if trainer.is_world_process_zero():
        splits = tuple(data)
        speakers = frozenset[str]().union(*(part.speakers for part in data.values()))
        trained = lineage.Lineage(
            run_folder.called(config.model.name) if config.model.encoder is None else "random",
            manifest.code_version(),
            (lineage.ancestor(release, splits, speakers),),
        )
        run_folder.finish(config, model, trained, data, trainer.state.log_history, out, identity, result.metrics)
    return out / MODEL


def _check_trackers(names: list[str]) -> None:
    """Refuse a tracker that is unknown or not installed before any work is done."""
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    ready = get_available_reporting_integrations()
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            raise ModelError(f"report_to={name} is no tracker. Choose among {known}.")
        if name not in ready:
            raise ModelError(
                f"report_to={name}: its package is not installed. Run `.venv/bin/uv pip install {name}`, or choose "
                f"among {', '.join(sorted(ready))}."
            )


def read_data(
    config: TrainConfig, release: Release, symbols: tuple[str, ...], model: PhoneModel, cache: Path
) -> dict[str, SplitData]:
    """Return what may be learned from and validated on; copies of its sound lie under ``cache``."""
    shortest = shortest_share(config.augment)
    return {
        split: read_split(release, split, config.select, symbols, model.frontend, shortest, cache / "audio")
        for split in (config.select.train_split, config.select.validation_split)
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


def _announce(model: PhoneModel, data: dict[str, SplitData]) -> None:
    table = Table("split", "utterances", "hours", "speakers", "left out")
    for split, part in data.items():
        left = ", ".join(f"{reason} {count}" for reason, count in sorted(part.left.items())) or "none"
        hours = f"{sum(part.seconds) / 3600:.2f}"
        table.add_row(split, str(len(part.targets)), hours, str(len(part.speakers)), left)
    cli.console.print(table)
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    cli.console.print(f"{total / 1e6:.1f} M parameters, {learning / 1e6:.1f} M of them learn.")


def _trainer(
    config: TrainConfig,
    model: PhoneModel,
    data: dict[str, SplitData],
    examples: dict[str, Examples | StoredStates],
    checkpoints: Path,
) -> Any:
    # The Trainer takes seconds to import: only a run that trains pays for it.
    from transformers import PrinterCallback, TrainingArguments

    from training.trainer import MarkWhole, PhoneTrainer, Tell, best_paths, phone_error_rate

    optim, validation = config.optim, config.select.validation_split
    strategy, steps = ("epoch", 500) if config.save_every == "epoch" else ("steps", int(config.save_every))
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(Path(config.out) / "logs"))
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        per_device_train_batch_size=optim.batch_size,
        per_device_eval_batch_size=optim.batch_size,
        gradient_accumulation_steps=optim.accumulate,
        num_train_epochs=optim.epochs,
        max_steps=optim.max_steps,
        max_grad_norm=optim.clip,
        bf16=_bf16(config.optim.precision),
        use_cpu=not torch.cuda.is_available(),
        activation_checkpointing=optim.activation_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=True,
        seed=config.seed,
        dataloader_num_workers=config.workers,
        remove_unused_columns=False,
        label_names=["labels"],
        save_strategy=strategy,
        save_steps=steps,
        eval_strategy=strategy if validation else "no",
        eval_steps=steps,
        save_total_limit=2,
        load_best_model_at_end=bool(validation),
        metric_for_best_model="per" if validation else None,
        greater_is_better=False,
        logging_steps=20,
        report_to=config.report_to or "none",
        disable_tqdm=not cli.console.is_terminal,
    )
    train_split = config.select.train_split
    trainer = PhoneTrainer(
        model=model,
        args=arguments,
        optim=optim,
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
        return store_states(model, examples, path, device, copies, lambda done: bar.advance(task, done))


def device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _bf16(precision: Precision) -> bool:
    if precision is Precision.auto:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision is Precision.bf16
