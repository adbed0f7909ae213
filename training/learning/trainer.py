"""The Hugging Face Trainer with our buckets, two learning rates and a checkpoint that is known to be whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import Sampler
from transformers import EvalPrediction, Trainer, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from training.alignment.align import BLANK
from training.config import OptimConfig
from training.learning.collate import BucketSampler

WHOLE = "whole"
"""Name of the empty file that marks a checkpoint as completely written."""


class PhoneTrainer(Trainer):  # type: ignore[misc]
    """Trainer with duration buckets, tri-stage rates and an encoder that may start late.

    The parameters whose names begin with ``encoder`` learn at the encoder's rate, all others at the head's.
    """

    def __init__(
        self, *args: Any, optim: OptimConfig, seconds: list[float], encoder: str = "encoder.", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.optim, self.seconds, self.encoder = optim, seconds, encoder

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        # Batches of all devices are cut from one bucket, so that no device waits for a longer one.
        size = self.args.train_batch_size * self.args.world_size
        return BucketSampler(self.seconds, size, self.args.seed)

    def create_optimizer(self, model: Any = None) -> Optimizer:
        """Return AdamW over four groups: encoder and head, each with and without weight decay."""
        if self.optimizer is None:
            model = self.model if model is None else model
            decayed = set(self.get_decay_parameter_names(model))
            groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    groups.setdefault((name.startswith(self.encoder), name in decayed), []).append(parameter)
            self.optimizer = AdamW(
                [
                    {
                        "params": parameters,
                        "lr": self.optim.encoder_rate if encoder else self.optim.head_rate,
                        "weight_decay": self.optim.weight_decay if decay else 0.0,
                        "is_encoder": encoder,
                    }
                    for (encoder, decay), parameters in sorted(groups.items(), key=lambda item: item[0])
                ]
            )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        """Return the tri-stage schedule; the encoder's waits for ``encoder_starts``."""
        if self.lr_scheduler is None:
            optimizer = optimizer or self.create_optimizer()
            self.lr_scheduler = LambdaLR(
                optimizer,
                [
                    partial(
                        tri_stage,
                        total=num_training_steps,
                        start=self.optim.encoder_starts if group["is_encoder"] else 0.0,
                        warmup=self.optim.warmup,
                        hold=self.optim.hold,
                        final=self.optim.final_scale,
                    )
                    for group in optimizer.param_groups
                ],
            )
        return self.lr_scheduler


def tri_stage(step: int, total: int, start: float, warmup: float, hold: float, final: float) -> float:
    """Return the share of the peak rate at a step: 0 until ``start``, then climb, hold, exponential decay to ``final``.

    ``start``, ``warmup`` and ``hold`` are shares of ``total``; warm-up and hold shrink with the steps that ``start``
    leaves (Baevski et al. 2020, fine-tuning).
    """
    first = start * total
    if step < first:
        return 0.0
    rest = max(total - first, 1)
    place = (step - first) / rest
    if place < warmup:
        return (place * rest + 1) / (warmup * rest + 1)
    if place < warmup + hold:
        return 1.0
    return float(final ** ((place - warmup - hold) / max(1 - warmup - hold, 1e-9)))


class MarkWhole(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint after its last byte: a run killed while writing one resumes from the one before."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the marker."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


class Tell(TrainerCallback):  # type: ignore[misc]
    """Says one line after each validation, on the main process."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Say the epoch, the step and the validation error."""
        if state.is_world_process_zero:
            loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None)
            learned = f", training loss {loss:.3f}" if loss is not None else ""
            metrics = kwargs["metrics"]
            found = f"PER {metrics['eval_per']:.1%}" if "eval_per" in metrics else f"loss {metrics['eval_loss']:.3f}"
            self.say(f"epoch {state.epoch:5.1f}, step {state.global_step}: validation {found}{learned}")


def last_whole_checkpoint(folder: Path, clean: bool) -> str | None:
    """Return the newest whole checkpoint; with ``clean``, remove those that a kill left half-written."""
    for path in folder.glob("checkpoint-*"):
        if clean and not (path / WHOLE).exists():
            shutil.rmtree(path)
    return get_last_checkpoint(str(folder)) if folder.is_dir() else None


def best_paths(outputs: tuple[torch.Tensor, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
    """Return the best CTC index of each frame ``(batch, frames)``, blank after the last real frame."""
    logits, frames = outputs[0], outputs[1]
    found = logits.argmax(-1)
    padding = torch.arange(found.shape[1], device=found.device) >= frames[:, None]
    return found.masked_fill(padding, BLANK)


def collapse(path: np.ndarray) -> list[int]:
    """Return the CTC indices that a best path says: repeats merged, blanks (and padding below 0) removed."""
    changes = np.concatenate([[True], path[1:] != path[:-1]]) if len(path) else np.zeros(0, dtype=bool)
    return [int(index) for index in path[changes] if index > BLANK]


def phone_error_rate(prediction: EvalPrediction) -> dict[str, float]:
    """Return ``per``: edits over reference phones, insertions included, pooled over the split."""
    edits = phones = 0
    for path, label in zip(prediction.predictions, prediction.label_ids, strict=True):
        reference = [int(index) for index in label if index > BLANK]
        edits += Levenshtein.distance(reference, collapse(np.asarray(path)))
        phones += len(reference)
    return {"per": edits / max(phones, 1)}
