"""Examples to batches: duration buckets that any restart can repeat, and padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Sampler

from training.network.encoder import Frontend


class BucketSampler(Sampler[int]):
    """Draws in batches of similar duration, shuffled anew each epoch from (seed, epoch) alone.

    The Trainer calls ``set_epoch``; batches of ``size`` consecutive draws hold utterances of like length, so padding
    is small, and the one short batch comes last.
    """

    def __init__(self, seconds: Sequence[float], size: int, seed: int) -> None:
        self.seconds, self.size, self.seed, self.epoch = np.asarray(seconds), size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.seconds)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        # Ten percent of noise on the duration mixes neighbours between batches.
        order = np.argsort(self.seconds * random.uniform(1.0, 1.1, len(self.seconds)), kind="stable")
        whole = len(order) // self.size * self.size
        batches = order[:whole].reshape(-1, self.size)
        random.shuffle(batches)
        offset = self.epoch * len(order)
        yield from (offset + int(index) for index in np.concatenate([batches.reshape(-1), order[whole:]]))


class Collator:
    """Examples to a padded batch: encoder inputs (or stored states), true lengths, labels padded with -100."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return ``inputs`` and ``lengths`` (or ``states`` and ``frames``) with ``labels`` (batch, phones)."""
        labels = [torch.tensor(example["labels"]) for example in examples]
        batch = {"labels": pad_sequence(labels, batch_first=True, padding_value=-100)}
        if "states" in examples[0]:
            states = [torch.as_tensor(example["states"]) for example in examples]
            batch["states"] = pad_sequence(states, batch_first=True)
            batch["frames"] = torch.tensor([len(state) for state in states])
        else:
            batch["inputs"], batch["lengths"] = self.frontend([example["waveform"] for example in examples])
        return batch


def sample(examples: Any, collator: Collator, most: int = 256, size: int = 8) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches of up to ``most`` examples of the first epoch, spread evenly over the data set."""
    chosen = list(range(0, len(examples), max(1, len(examples) // most)))[:most]
    for start in range(0, len(chosen), size):
        yield collator([examples[index] for index in chosen[start : start + size]])
