"""What a scorer learns from: human scores of a release beside phone features of its sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from collection.audio import decode_flac
from collection.release import Release
from training.alignment import align, gop
from training.learning.dataset import SplitData
from training.learning.score_fit import NAN, Labels
from training.network import phone_features
from training.network.model import PhoneModel
from training.network.phone_features import PhoneFeatures
from training.network.scorer import UTTERANCE_SCORES, WORD_SCORES

BATCH = 8


@dataclass(frozen=True, slots=True)
class Rated:
    """One utterance: its canonical phones as symbol indices, the word of each, and the human scores."""

    targets: list[int]
    words: list[int]
    labels: Labels


def read_rated(release: Release, split: str, utterances: Sequence[str], symbols: Sequence[str]) -> list[Rated | None]:
    """Return these utterances in order; ``None`` for one with a canonical phone outside ``symbols``, or without any."""
    index = {symbol: number for number, symbol in enumerate(symbols, start=1)}
    wanted = frozenset(utterances)
    found: dict[str, Rated | None] = {}
    for row in release.rows(split, ["utterance_id", "phones", "words", "scores"]):
        if row["utterance_id"] in wanted:
            found[row["utterance_id"]] = _rated(row, index)
    return [found[utterance] for utterance in utterances]


def _rated(row: Mapping[str, Any], index: Mapping[str, int]) -> Rated | None:
    phones = row["phones"]
    if not phones or any(phone["canonical"] not in index for phone in phones):
        return None
    scores = row["scores"] or {}
    return Rated(
        [index[phone["canonical"]] for phone in phones],
        [phone["word_index"] for phone in phones],
        Labels(
            torch.tensor([_number(phone["accuracy"]) for phone in phones]),
            torch.tensor([[_number(word[name]) for name in WORD_SCORES] for word in row["words"]]).reshape(-1, 3),
            torch.tensor([_number(scores.get(name)) for name in UTTERANCE_SCORES]),
        ),
    )


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)


def extract(
    model: PhoneModel,
    listener: PhoneModel,
    layers: Sequence[int],
    data: SplitData,
    rated: Sequence[Rated | None],
    chosen: Sequence[int],
    on_progress: Callable[[int], None] = lambda done: None,
) -> dict[int, PhoneFeatures]:
    """Return the features of the utterances at these indices that have room for their canonical phones.

    The states are those of ``model``; the posteriors are ``listener``'s, a model new to these speakers.
    """
    found: dict[int, PhoneFeatures] = {}
    order = sorted(chosen, key=lambda index: data.seconds[index])
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        waveforms = [decode_flac(data.table[index]["audio"]["bytes"]) for index in batch]
        heard = model.hear(waveforms, layers)
        tables = [each.floored().log_probs for each in (heard if listener is model else listener.hear(waveforms))]
        for place, index in enumerate(batch):
            known, table = rated[index], tables[place]
            if known is not None and align.frames_needed(known.targets) <= len(table):
                spans = align.force(table, known.targets)
                times = align.phone_times(spans, len(table), model.frame_seconds)
                found[index] = phone_features.describe(
                    waveforms[place],
                    table,
                    heard[place].states,
                    known.targets,
                    known.words,
                    gop.features(table, known.targets, spans),
                    times,
                    model.frame_seconds,
                )
        on_progress(len(batch))
    return found


def store(path: Path, features: Mapping[int, PhoneFeatures]) -> None:
    """Write features by index to one file that has its name only once it is whole; states take half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    each = list(features.values())
    torch.save(
        {
            "indices": torch.tensor(list(features)),
            "counts": torch.tensor([len(one.targets) for one in each]),
            "targets": torch.cat([one.targets for one in each]),
            "words": torch.cat([one.words for one in each]),
            "measures": torch.cat([one.measures for one in each]),
            "states": torch.cat([one.states.half() for one in each]),
        },
        partial,
    )
    partial.rename(path)


def load(path: Path) -> dict[int, PhoneFeatures]:
    """Return what ``store`` wrote, its tensors left on disk until they are used."""
    held = torch.load(path, mmap=True, weights_only=True)
    counts = held["counts"].tolist()
    parts = zip(*(held[name].split(counts) for name in ("targets", "words", "measures", "states")), strict=True)
    return {int(index): PhoneFeatures(*part) for index, part in zip(held["indices"], parts, strict=True)}
