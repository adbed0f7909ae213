"""Fine-tune a speech encoder for phones: ``python -m training.train data=… model=wav2vec2_base out=…``.

Several GPUs: ``torchrun --nproc-per-node 4 -m training.train …``. A killed run goes on from its last whole checkpoint
when the same command is given again; a finished run does nothing. Sweeps: ``-m seed=0,1,2 out='runs/seed-${seed}'``.
"""

from __future__ import annotations

import json
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
from training import lineage, run_folder
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

NOT_THE_RESULT = ("out", "workers", "threads", "report_to", "save_every")
"""Settings that change how a run goes but not what comes out."""


def train(config: TrainConfig) -> Path:
    """Train as configured and return the folder of the finished model."""
    out = Path(config.out)
    release = read_release(cli.existing(config.data, "Release"))
    lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL)
    identity = _identity(config, release)
    if (done := manifest.read(out)) is not None:
        run_folder.tidy(out)
        if done["identity"] != identity:
            raise ModelError(f"{out} holds a finished run of another configuration or release. Give another out=….")
        cli.console.print(f"Nothing to do: {out} is finished. The model is in {out / MODEL}.")
        return out / MODEL
    _check_trackers(config.report_to)
    _claim(out, identity, release)
    if config.threads:
        torch.set_num_threads(config.threads)
    if not cli.console.is_terminal:
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(config.seed)
    language, symbols = _inventory(release)
    model = build_model(config.model, symbols, language)
    freeze(model, config.optim)
    data = {
        split: read_split(
            release,
            split,
            config.select,
            symbols,
            model.frontend,
            shortest_share(config.augment),
            out / CACHE / "audio",
        )
        for split in (config.select.train_split, config.select.validation_split)
        if split
    }
    _announce(model, data)
    chosen = manifest.fingerprint({split: part.utterances for split, part in data.items()})[:16]
    for place in (out / CHECKPOINTS, out / CACHE / "states"):
        if os.environ.get("RANK", "0") == "0" and keep_only(place, chosen):
            cli.console.print("Consents have changed since this run began: it begins again with those that hold.")
    checkpoints = out / CHECKPOINTS / chosen
    trainer = _trainer(config, model, data, out, chosen)
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


def _identity(config: TrainConfig, release: Release) -> str:
    settings = {key: value for key, value in asdict(config).items() if key not in NOT_THE_RESULT}
    settings["select"].pop("superseded")  # whoever has withdrawn is left out either way
    settings["data"] = manifest.file_sha256(release.path / manifest.NAME)
    return manifest.fingerprint(settings)


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


def _claim(out: Path, identity: str, release: Release) -> None:
    """Write down what this folder is for, or refuse a folder begun with other settings."""
    note = out / lineage.RUN
    if note.exists() and json.loads(note.read_text("utf-8"))["identity"] != identity:
        raise ModelError(
            f"{out} holds an unfinished run of another configuration or release. Give the same settings to go on with "
            "it, another out=…, or remove the folder."
        )
    data = manifest.file_sha256(release.path / manifest.NAME)
    manifest.atomic_write(note, json.dumps({"identity": identity, "data": data}) + "\n")


def _inventory(release: Release) -> tuple[str, tuple[str, ...]]:
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


def _trainer(config: TrainConfig, model: PhoneModel, data: dict[str, SplitData], out: Path, chosen: str) -> Any:
    # The Trainer takes seconds to import: only a run that trains pays for it.
    from transformers import PrinterCallback, TrainingArguments

    from training.trainer import MarkWhole, PhoneTrainer, Tell, best_paths, phone_error_rate

    optim, validation = config.optim, config.select.validation_split
    strategy, steps = ("epoch", 500) if config.save_every == "epoch" else ("steps", int(config.save_every))
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(out / "logs"))
    arguments = TrainingArguments(
        output_dir=str(out / CHECKPOINTS / chosen),
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
    train_split, states = config.select.train_split, out / CACHE / "states" / chosen
    trainer = PhoneTrainer(
        model=model,
        args=arguments,
        optim=optim,
        seconds=data[train_split].seconds,
        train_dataset=_examples(config, model, data[train_split], train_split, states, arguments.device),
        eval_dataset=_examples(config, model, data[validation], validation, states, arguments.device)
        if validation
        else None,
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
    with cli.progress() as bar:
        task = bar.add_task(f"encoder states, {split}", total=copies * len(examples))
        path = states / f"{split}.f16"
        return store_states(model, examples, path, device, copies, lambda done: bar.advance(task, done))


def _bf16(precision: Precision) -> bool:
    if precision is Precision.auto:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision is Precision.bf16


def main() -> None:
    """Entry point of the verb."""
    cli.run_verb("train", TrainConfig, train, "configs.train")


if __name__ == "__main__":
    main()
