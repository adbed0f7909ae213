"""A release to training examples: consent asked again, the schema checked, what cannot be learned from counted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc
from torch.utils.data import Dataset

from collection.audio import decode_flac
from collection.consent import asked_on, may_use
from collection.manifest import fingerprint
from collection.release import Release
from collection.schema import FEATURES, SAMPLE_RATE, Purpose, Split, read_grant
from training.alignment.align import frames_needed
from training.config import AugmentConfig, SelectConfig, Targets
from training.errors import TrainingDataError
from training.learning.augment import augment, changes_sound
from training.network.encoder import Frontend

MISPRONOUNCED = 0.5
"""Phone accuracy, 0-2, below which a phone counts as mispronounced."""
WILDCARD = "*"
"""Stands in a target for a phone of which nobody knows what it was; no inventory holds it."""


class Left(StrEnum):
    """Why an utterance was left out of training."""

    WITHDRAWN = "withdrawn"
    NO_CONSENT = "no_consent_for_purpose"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NO_PHONES = "no_phones"
    UNKNOWN_PHONE = "unknown_phone"
    INFEASIBLE = "more_phones_than_frames"


@dataclass(frozen=True)
class SplitData:
    """The utterances of one split that may and can be learned from.

    ``table`` holds their audio, ``utterances`` their ids, ``targets`` their CTC indices, ``seconds`` their durations,
    ``voices`` and ``bands`` their speakers and these speakers' age bands, ``left`` the count of the others by reason.
    """

    table: datasets.Dataset
    utterances: tuple[str, ...]
    targets: list[list[int]]
    seconds: list[float]
    voices: list[str]
    bands: list[str]
    left: Counter[str]

    @property
    def speakers(self) -> frozenset[str]:
        """Everyone who is heard here."""
        return frozenset(self.voices)

    def part(self, kept: Sequence[int]) -> SplitData:
        """Return the utterances at these indices."""
        return replace(
            self,
            table=self.table.select(kept),
            utterances=tuple(self.utterances[index] for index in kept),
            targets=[self.targets[index] for index in kept],
            seconds=[self.seconds[index] for index in kept],
            voices=[self.voices[index] for index in kept],
            bands=[self.bands[index] for index in kept],
        )


def read_split(
    release: Release,
    split: str,
    config: SelectConfig,
    inventory: Sequence[str] | None,
    frontend: Frontend,
    slowest: float,
    cache: Path,
    fewest_frames: int = 1,
    unknown: Targets = Targets.kept,
) -> SplitData:
    """Return the examples of one split; the memory-mapped copy of their audio lives under ``cache``, nowhere else.

    Consent is asked before any audio is read, and a copy belongs to exactly the utterances that may be used: when a
    consent has ended since an interrupted run, the old copy is removed. ``slowest`` is the shortest share of its frames
    that an utterance may keep after augmentation. Without an ``inventory`` nothing of what was said is read: targets
    are empty, and an utterance of ``fewest_frames`` frames is long enough. ``unknown`` is what stands in the target for
    a mispronounced phone when nobody wrote down what was said; a wildcard has the index after the last phone's.
    """
    files = [str(path) for path in release.files.get(Split(split), ())]
    if not files:
        raise TrainingDataError(f"The release has no split {split!r}. Choose one of: {', '.join(release.files)}.")
    symbols = None if inventory is None else (*inventory, WILDCARD)
    index = None if symbols is None else {symbol: number + 1 for number, symbol in enumerate(symbols)}
    columns = ["utterance_id", "duration", "consent", "speaker_id", "speaker", *([] if index is None else ["phones"])]
    on = asked_on(config.on)
    kept: list[dict[str, Any]] = []
    targets: list[list[int]] = []
    gone = release.count_withdrawn(split)
    left: Counter[str] = Counter({Left.WITHDRAWN: gone} if gone else {})
    for row in release.rows(split, columns):
        target, reason = _target(row, config, on, index, frontend, slowest, fewest_frames, unknown)
        if reason is not None:
            left[reason] += 1
            continue
        kept.append(row)
        targets.append(target)
        if config.limit is not None and len(kept) >= config.limit:
            break
    utterances = tuple(str(row["utterance_id"]) for row in kept)
    copy = cache / split / fingerprint(utterances)[:16]
    keep_only(copy.parent, copy.name)
    if not kept:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in left.items()) or "the split is empty"
        raise TrainingDataError(f"Nothing in split {split!r} can be learned from ({reasons}).")
    table = datasets.Dataset.from_parquet(
        files,
        features=datasets.Features({name: FEATURES[name] for name in ("utterance_id", "audio")}),
        columns=["utterance_id", "audio"],
        filters=pc.field("utterance_id").isin(utterances),
        cache_dir=str(copy),
        keep_in_memory=False,
    )
    if tuple(table["utterance_id"]) != utterances:
        raise TrainingDataError(f"Split {split!r} of {release.name} does not hold what it lists: build it again.")
    return SplitData(
        table=table.select_columns(["audio"]),
        utterances=utterances,
        targets=targets,
        seconds=[float(row["duration"]) for row in kept],
        voices=[str(row["speaker_id"]) for row in kept],
        bands=[str(row["speaker"]["age_band"]) for row in kept],
        left=left,
    )


def joined(parts: Sequence[SplitData]) -> SplitData:
    """Return several splits as one, in their order."""
    return SplitData(
        table=datasets.concatenate_datasets([part.table for part in parts]),
        utterances=tuple(name for part in parts for name in part.utterances),
        targets=[target for part in parts for target in part.targets],
        seconds=[seconds for part in parts for seconds in part.seconds],
        voices=[voice for part in parts for voice in part.voices],
        bands=[band for part in parts for band in part.bands],
        left=sum((part.left for part in parts), Counter[str]()),
    )


def keep_only(folder: Path, name: str) -> bool:
    """Remove everything in ``folder`` but ``name``, and return whether anything was removed."""
    others = [path for path in folder.glob("*") if path.name != name]
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    return bool(others)


def _target(
    row: dict[str, Any],
    config: SelectConfig,
    on: date,
    index: dict[str, int] | None,
    frontend: Frontend,
    slowest: float,
    fewest_frames: int,
    unknown: Targets,
) -> tuple[list[int], Left | None]:
    """Return the CTC target of a row, or why there is none."""
    grant = read_grant(row["consent"])
    if not all(may_use(grant, purpose, on) for purpose in {Purpose.TRAINING, Purpose(config.purpose)}):
        return [], Left.NO_CONSENT
    if row["duration"] > config.max_seconds:
        return [], Left.TOO_LONG
    if row["duration"] < config.min_seconds:
        return [], Left.TOO_SHORT
    frames = frontend.frames(int(row["duration"] * SAMPLE_RATE * slowest))
    if index is None:
        return [], Left.TOO_SHORT if frames < fewest_frames else None
    said = spoken_phones(row["phones"], unknown)
    if not said:
        return [], Left.NO_PHONES
    if any(phone not in index for phone in said):
        return [], Left.UNKNOWN_PHONE
    target = [index[phone] for phone in said]
    if frames < frames_needed(target):
        return [], Left.INFEASIBLE
    return target, None


def spoken_phones(phones: Sequence[dict[str, Any]], unknown: Targets = Targets.kept) -> list[str]:
    """Return what was said where that is known ("" is a deletion), the canonical phone elsewhere.

    ``unknown`` tells what stands for a phone scored as mispronounced of which it is not known.
    """
    stands = {Targets.dropped: "", Targets.wildcard: WILDCARD}
    said = []
    for phone in phones:
        accuracy, realised = phone["accuracy"], phone["realised"]
        wrong = unknown in stands and accuracy is not None and accuracy < MISPRONOUNCED
        canonical = stands[unknown] if wrong else phone["canonical"]
        said.append(canonical if realised is None else realised)
    return [phone for phone in said if phone]


class Examples(Dataset[dict[str, Any]]):
    """Training examples by *draw*: ``epoch * len(self) + index``, so that an augmentation depends on nothing else."""

    def __init__(self, data: SplitData, config: AugmentConfig | None, seed: int) -> None:
        self.data, self.config, self.seed = data, config, seed

    def __len__(self) -> int:
        return len(self.data.targets)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        epoch, index = divmod(draw, len(self))
        waveform = decode_flac(self.data.table[index]["audio"]["bytes"])
        if self.config is not None and changes_sound(self.config):
            waveform = augment(waveform, self.config, np.random.default_rng([self.seed, epoch, index]))
        return {"waveform": waveform, "labels": self.data.targets[index]}

    def part(self, kept: Sequence[int]) -> Examples:
        """Return the examples at these indices."""
        return Examples(self.data.part(kept), self.config, self.seed)


def shortest_share(config: AugmentConfig) -> float:
    """Return the smallest share of an utterance's frames that remains when it is played fastest."""
    return 1.0 / max(config.speed, default=1.0)
