"""What every verb that learns shares: torch set up, what is learned from told, and the Trainer's settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import torch
import transformers
from rich.table import Table

from collection import cli, manifest
from training.config import Precision, RunConfig
from training.errors import ModelError
from training.learning.dataset import SplitData, keep_only
from training.lineage import CHECKPOINTS

if TYPE_CHECKING:
    from transformers import TrainingArguments


def check_trackers(names: list[str]) -> None:
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


def set_up(config: RunConfig) -> None:
    """Set threads and seed, and keep progress bars off whatever is no terminal."""
    if config.threads:
        torch.set_num_threads(config.threads)
    if not cli.console.is_terminal:
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(config.seed)


def device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def announce(model: torch.nn.Module, data: dict[str, SplitData]) -> None:
    """Say what is learned from and how large the model is."""
    table = Table("split", "utterances", "hours", "speakers", "left out")
    for split, part in data.items():
        left = ", ".join(f"{reason} {count}" for reason, count in sorted(part.left.items())) or "none"
        hours = f"{sum(part.seconds) / 3600:.2f}"
        table.add_row(split, str(len(part.targets)), hours, str(len(part.speakers)), left)
    cli.console.print(table)
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    cli.console.print(f"{total / 1e6:.1f} M parameters, {learning / 1e6:.1f} M of them learn.")


def choose(out: Path, cache: Path, data: dict[str, SplitData]) -> str:
    """Return a name for exactly these utterances, and remove what an interrupted run made of any others."""
    chosen = manifest.fingerprint({split: part.utterances for split, part in data.items()})[:16]
    for place in (out / CHECKPOINTS, cache / "states"):
        if os.environ.get("RANK", "0") == "0" and keep_only(place, chosen):
            cli.console.print("Consents have changed since this run began: it begins again with those that hold.")
    return chosen


def arguments(config: RunConfig, checkpoints: Path, metric: str, labels: str) -> TrainingArguments:
    """Return the Trainer's settings.

    ``metric`` of the validation split, lower is better, chooses the checkpoint that is kept; ``labels`` is what a batch
    holds that a loss can be taken of.
    """
    # The Trainer takes seconds to import: only a run that trains pays for it.
    from transformers import TrainingArguments

    optim, validation = config.optim, bool(config.select.validation_split)
    strategy, steps = ("epoch", 500) if config.save_every == "epoch" else ("steps", int(config.save_every))
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(Path(config.out) / "logs"))
    return TrainingArguments(
        output_dir=str(checkpoints),
        per_device_train_batch_size=optim.batch_size,
        per_device_eval_batch_size=optim.batch_size,
        gradient_accumulation_steps=optim.accumulate,
        num_train_epochs=optim.epochs,
        max_steps=optim.max_steps,
        max_grad_norm=optim.clip,
        bf16=_bf16(optim.precision),
        use_cpu=not torch.cuda.is_available(),
        activation_checkpointing=optim.activation_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        ddp_find_unused_parameters=True,
        seed=config.seed,
        dataloader_num_workers=config.workers,
        remove_unused_columns=False,
        label_names=[labels],
        prediction_loss_only=metric == "loss",
        save_strategy=strategy,
        save_steps=steps,
        eval_strategy=strategy if validation else "no",
        eval_steps=steps,
        save_total_limit=2,
        load_best_model_at_end=validation,
        metric_for_best_model=metric if validation else None,
        greater_is_better=False,
        logging_steps=20,
        report_to=config.report_to or "none",
        disable_tqdm=not cli.console.is_terminal,
    )


def resume_from(trainer: Any, checkpoints: Path) -> str | None:
    """Return the checkpoint that a killed run goes on from, if there is one, and say so."""
    from training.learning.trainer import last_whole_checkpoint

    found = last_whole_checkpoint(checkpoints, clean=trainer.is_world_process_zero())
    if found:
        cli.console.print(f"Going on from {found}.")
    return found


def _bf16(precision: Precision) -> bool:
    if precision is Precision.auto:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision is Precision.bf16
