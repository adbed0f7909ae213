"""States of a frozen encoder, computed once: most of the cost of training a head on a CPU is paid a single time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from training.collate import BucketSampler, Collator
from training.dataset import Examples
from training.model import PhoneModel

BATCH = 8


class StoredStates(Dataset[dict[str, Any]]):
    """Examples whose encoder states lie in one memory-mapped float16 file; ``draw`` is as in ``Examples``."""

    def __init__(self, path: Path, offsets: np.ndarray, width: int, targets: list[list[int]]) -> None:
        self.states = np.memmap(path, dtype=np.float16, mode="r", shape=(int(offsets[-1]), width))
        self.offsets, self.targets = offsets, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        index = draw % len(self)
        states = self.states[self.offsets[index] : self.offsets[index + 1]]
        return {"states": torch.from_numpy(states.astype(np.float32)), "labels": self.targets[index]}


@torch.inference_mode()
def store_states(
    model: PhoneModel,
    examples: Examples,
    path: Path,
    device: torch.device,
    on_progress: Callable[[int], None] = lambda done: None,
) -> StoredStates:
    """Run the encoder over the examples and return them with their states, float16, in a file under ``path``.

    A finished file from an interrupted run is used again: its name ends in ``.f16`` only once it is complete. The
    caller puts ``path`` under a folder that belongs to this very data and encoder.
    """
    frontend, width = model.frontend, model.encoder.width * len(model.config.layers)
    frames = [frontend.frames(examples.samples(index)) for index in range(len(examples))]
    offsets = np.concatenate([[0], np.cumsum(frames)]).astype(np.int64)
    if path.exists() and path.stat().st_size != int(offsets[-1]) * width * 2:
        path.unlink()  # not of these examples: computed again
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        stored = np.memmap(partial, dtype=np.float16, mode="w+", shape=(int(offsets[-1]), width))
        model.eval().to(device)  # type: ignore[arg-type, no-untyped-call]
        collate = Collator(frontend)
        order = list(BucketSampler(examples.data.seconds, BATCH, seed=0))
        for start in range(0, len(order), BATCH):
            indices = order[start : start + BATCH]
            batch = collate([examples[index] for index in indices])
            states = model.states(batch["inputs"].to(device), batch["lengths"].to(device)).cpu().numpy()
            for index, found in zip(indices, states, strict=True):
                stored[offsets[index] : offsets[index + 1]] = found[: frames[index]]
            on_progress(len(indices))
        stored.flush()
        del stored
        partial.rename(path)
    return StoredStates(path, offsets, width, examples.data.targets)
