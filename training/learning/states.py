"""States of a frozen encoder, computed once: most of the cost of training a head on a CPU is paid a single time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.learning.collate import BucketSampler, Collator
from training.learning.dataset import Examples
from training.network.encoder import Frontend

BATCH = 8


class Listener(Protocol):
    """What is frozen and gives states: a phone model whose encoder does not learn, or a teacher."""

    @property
    def frontend(self) -> Frontend:
        """Waveforms to inputs."""

    def states(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return states ``(batch, frames, width)``."""

    def train(self, mode: bool) -> Any:
        """Switch training mode."""

    def to(self, device: torch.device) -> Any:
        """Move the weights."""


class StoredStates(Dataset[dict[str, Any]]):
    """Examples whose encoder states lie in one memory-mapped float16 file; draws are as in ``Examples``.

    ``spans`` (copies, utterances, 2) holds the first frame and the number of frames of every stored state sequence.
    Later epochs use the copies in turn.
    """

    def __init__(self, path: Path, spans: np.ndarray, width: int, targets: list[list[int]]) -> None:
        self.states = np.memmap(path, dtype=np.float16, mode="r").reshape(-1, width)
        self.path, self.spans, self.targets = path, spans, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        epoch, index = divmod(draw, len(self))
        first, frames = self.spans[epoch % len(self.spans), index]
        states = self.states[first : first + frames]
        return {"states": torch.from_numpy(states.astype(np.float32)), "labels": self.targets[index]}

    def part(self, kept: Sequence[int]) -> StoredStates:
        """Return the examples at these indices, over the same file."""
        targets = [self.targets[index] for index in kept]
        return StoredStates(self.path, self.spans[:, list(kept)], self.states.shape[1], targets)


@torch.inference_mode()
def store_states(
    model: Listener,
    examples: Examples,
    path: Path,
    device: torch.device,
    copies: int = 1,
    on_progress: Callable[[int], None] = lambda done: None,
) -> StoredStates:
    """Run the encoder over the first ``copies`` epochs of the examples and return them with their states, float16.

    Finished files of an interrupted run are used again: ``path`` has its name only once it is complete. The caller puts
    it under a folder that belongs to this very data and encoder.
    """
    places = path.with_suffix(".npy")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        spans = np.zeros((copies, len(examples), 2), dtype=np.int64)
        partial = path.with_suffix(".partial")
        model.train(False)
        model.to(device)
        with partial.open("wb") as file:
            written = 0
            for draws, states in _computed(model, examples, device, copies):
                for draw, found in zip(draws, states, strict=True):
                    file.write(np.asarray(found, dtype=np.float16).tobytes())
                    spans[divmod(draw, len(examples))] = written, len(found)
                    written += len(found)
                on_progress(len(draws))
        np.save(places, spans)
        partial.rename(path)
    spans = np.load(places)
    width = path.stat().st_size // np.dtype(np.float16).itemsize // int(spans[..., 1].sum())
    return StoredStates(path, spans, width, examples.data.targets)


def _computed(
    model: Listener, examples: Examples, device: torch.device, copies: int
) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Yield draws, batch by batch, with their states (frames, width)."""
    collate = Collator(model.frontend)
    sampler = BucketSampler(examples.data.seconds, BATCH, seed=0)
    for epoch in range(copies):
        sampler.set_epoch(epoch)
        order = list(sampler)
        for start in range(0, len(order), BATCH):
            draws = order[start : start + BATCH]
            waveforms = [examples[draw] for draw in draws]
            batch = collate(waveforms)
            states = model.states(batch["inputs"].to(device), batch["lengths"].to(device)).cpu().numpy()
            frames = (model.frontend.frames(len(one["waveform"])) for one in waveforms)
            yield draws, [found[:count] for found, count in zip(states, frames, strict=True)]
