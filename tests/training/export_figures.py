"""What int8 costs in phone error rate, on the validation speakers of a release.

python -m tests.training.export_figures RELEASE CHECKPOINT
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch

from collection.audio import decode_flac
from collection.release import read_release
from collection.schema import Split
from eval.metrics import EditCounts, count_edits
from training.alignment import align
from training.export import ExportConfig, export
from training.network.checkpoints import open_model

Heard = list[tuple[str, ...]]


def main(data: str, checkpoint: str) -> None:
    """Print a row for the checkpoint and one for each export."""
    rows = list(read_release(data).rows(Split.VALIDATION, columns=["phones", "audio"]))
    said = [tuple(p["canonical"] if p["realised"] is None else p["realised"] for p in row["phones"]) for row in rows]
    said = [tuple(phone for phone in phones if phone) for phones in said]
    sounds = [decode_flac(row["audio"]["bytes"]) for row in rows]
    tables: dict[str, list[torch.Tensor]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folders = {
            "torch": Path(checkpoint),
            "ONNX": export(ExportConfig(checkpoint, f"{scratch}/exact")),
            "ONNX int8": export(ExportConfig(checkpoint, f"{scratch}/int8", int8=True)),
        }
        for way, folder in folders.items():
            model = open_model(folder, "cpu")
            tables[way] = [model.hear([sound])[0].log_probs for sound in sounds]
            heard = {name: _decoded(found, model.config.inventory) for name, found in tables.items()}
            errors, changes = _edits(said, heard[way]), _edits(heard["torch"], heard[way])
            pairs = zip(tables["torch"], tables[way], strict=True)
            divergence = torch.cat([(exact.exp() * (exact - found)).sum(-1) for exact, found in pairs]).mean()
            print(  # noqa: T201
                f"{way}: {errors.errors} of {errors.reference} phones wrong ({errors.rate().value:.2%}), "
                f"{changes.rate().value:.2%} decoded otherwise than by torch, {divergence:.5f} nats a frame"
            )


def _decoded(tables: list[torch.Tensor], inventory: list[str]) -> Heard:
    return [tuple(inventory[index - 1] for index in align.greedy(table)) for table in tables]


def _edits(reference: Heard, found: Heard) -> EditCounts:
    return sum((count_edits(one, other) for one, other in zip(reference, found, strict=True)), EditCounts())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
