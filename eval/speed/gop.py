"""Cost of the exact GOP beside the usual way: one CTC loss for each phone and alternative, on the same posteriors."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.table import Table
from torch.nn.functional import ctc_loss

from training.alignment import gop

FRAMES, SYMBOLS = 150, 40
PHONES = (20, 60)


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one utterance, and MiB by which the process grew while it was computed."""

    seconds: float
    mib: float


def table(repeats: int) -> Table:
    """Measure both ways at T = 150 frames, V = 40 symbols and S phones, each in a process of its own, on one core."""
    title = f"T={FRAMES}, V={SYMBOLS}: all substitutions, omissions and insertions of every phone"
    printed = Table("phones", "alternatives", "exact GOP", "one loss each", "ratio", "memory", title=title)
    context = multiprocessing.get_context("spawn")
    for phones in PHONES:
        with context.Pool(1, maxtasksperchild=1) as pool:
            ours, usual = pool.apply(measure, (exact, phones, repeats)), pool.apply(measure, (one_by_one, phones, 1))
        count = phones * SYMBOLS + (phones + 1) * (SYMBOLS - 1)
        printed.add_row(
            str(phones),
            str(count),
            f"{1000 * ours.seconds:.1f} ms",
            f"{1000 * usual.seconds:.0f} ms",
            f"{usual.seconds / ours.seconds:.0f} x",
            f"{ours.mib:.0f} and {usual.mib:.0f} MiB",
        )
    return printed


def measure(way: Callable[[torch.Tensor, list[int]], object], phones: int, repeats: int) -> Cost:
    """Return what ``way`` costs on random posteriors, after one call on a single phone that loads its code."""
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    log_probs = (3 * torch.randn(FRAMES, SYMBOLS, generator=random)).log_softmax(-1)
    targets = torch.randint(1, SYMBOLS, (phones,), generator=random).tolist()
    way(log_probs, targets[:1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    for _ in range(repeats):
        way(log_probs, targets)
    seconds = (time.process_time() - started) / repeats
    return Cost(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def exact(log_probs: torch.Tensor, targets: list[int]) -> object:
    """Score every alternative in one forward-backward pass."""
    return gop.exact(log_probs, targets)


def one_by_one(log_probs: torch.Tensor, targets: list[int]) -> object:
    """Score every alternative by a CTC loss of its own."""
    frames = torch.tensor([len(log_probs)])
    texts = [targets[:i] + ([q] if q else []) + targets[i + 1 :] for i in range(len(targets)) for q in range(SYMBOLS)]
    texts += [[*targets[:i], q, *targets[i:]] for i in range(len(targets) + 1) for q in range(1, SYMBOLS)]
    return [
        ctc_loss(log_probs[:, None], torch.tensor([text]), frames, torch.tensor([len(text)]), reduction="sum")
        for text in texts
    ]
