"""What a phone recogniser makes of phones that were mispronounced: figures for ``docs/lab.md``.

    python -m tests.training.targets_figures RELEASE MODEL [MODEL ...]

On the validation split. The models share one frozen encoder; several are also judged together, by the mean of the
logarithms of their posteriors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import roc_auc_score

from collection.audio import decode_flac
from collection.release import read_release
from collection.schema import Split
from tests.training.prosody_figures import correlate
from training.alignment import gop
from training.alignment.align import greedy
from training.learning.dataset import MISPRONOUNCED
from training.network.checkpoints import open_model
from training.network.posteriors import LOG_FLOOR

BATCH = 8


@torch.inference_mode()
def heard(models: Sequence[Any], rows: Sequence[dict[str, Any]]) -> list[list[torch.Tensor]]:
    """Return the log posteriors (T, V) that each model gives of each row; the encoder of the first serves all."""
    found: dict[int, list[torch.Tensor]] = {}
    order = sorted(range(len(rows)), key=lambda place: rows[place]["duration"])
    for start in track(range(0, len(order), BATCH)):
        chosen = order[start : start + BATCH]
        inputs, lengths = models[0].frontend([decode_flac(rows[place]["audio"]["bytes"]) for place in chosen])
        states, frames = models[0].states(inputs, lengths), models[0].encoder.state_lengths(lengths)
        tables = [model(states=states, frames=frames).logits.log_softmax(-1).clamp(min=LOG_FLOOR) for model in models]
        for number, place in enumerate(chosen):
            found[place] = [table[number, : frames[number]] for table in tables]
    return [[found[place][number] for place in range(len(rows))] for number in range(len(models))]


def figures(name: str, symbols: Sequence[str], rows: Sequence[dict[str, Any]], tables: Sequence[Any]) -> list[str]:
    """Return a row of the table: error rates, then what exact GOP knows of the human scores."""
    index = {symbol: number for number, symbol in enumerate(symbols, start=1)}
    edits, phones, clean = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), bool)
    scores, accuracy, speakers = [], [], []
    for place, (row, log_probs) in enumerate(zip(rows, tables, strict=True)):
        targets = [index[phone["canonical"]] for phone in row["phones"]]
        edits[place] = Levenshtein.distance(targets, greedy(log_probs))
        human = [phone["accuracy"] for phone in row["phones"]]
        phones[place], clean[place] = len(targets), min(human) >= MISPRONOUNCED
        scores.append(gop.exact(log_probs, targets).gop.clamp(min=-40).numpy())
        accuracy += human
        speakers += [row["speaker_id"]] * len(targets)
    measured, human = np.concatenate(scores), np.array(accuracy)
    bad = human < MISPRONOUNCED
    return [
        name,
        f"{edits.sum() / phones.sum():.2%}",
        f"{edits[clean].sum() / phones[clean].sum():.2%}",
        f"{roc_auc_score(bad, -measured):.4f}",
        correlate(speakers, measured, human),
        f"{np.median(measured[bad]):.2f}, {np.median(measured[~bad]):.3f}",
    ]


def main(release: str, *models: str) -> None:
    """Print the figures of each model, and of all together."""
    columns = ["audio", "phones", "duration", "speaker_id"]
    rows = list(read_release(Path(release)).rows(Split.VALIDATION, columns))
    table = Table("model", "PER", "PER without mispronounced", "AUC", "PCC of GOP", "median GOP, bad and others")
    opened: list[Any] = [open_model(name, "cpu") for name in models]
    symbols, told = opened[0].config.inventory, heard(opened, rows)
    for name, tables in zip(models, told, strict=True):
        table.add_row(*figures(name, symbols, rows, tables))
    if len(models) > 1:
        mean = [torch.stack(each).mean(0).log_softmax(-1) for each in zip(*told, strict=True)]
        table.add_row(*figures("together", symbols, rows, mean))
    Console(width=200).print(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
