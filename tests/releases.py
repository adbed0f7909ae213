"""Small releases made in memory, with sound that a tiny model can learn: every phone is a tone of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from collection.audio import encode_flac
from collection.release import Release, finish, read_release, write_shards
from collection.schema import (
    FEATURES,
    SAMPLE_RATE,
    ConsentGrant,
    Phone,
    Quality,
    Scores,
    Speaker,
    Split,
    Utterance,
    Word,
    to_row,
)

TONES = {"AA": 300.0, "IY": 2200.0, "S": 5200.0, "M": 900.0}
PHONE_SECONDS = 0.12


def say(phones: Sequence[str], seed: int = 0) -> np.ndarray:
    """Return a waveform in which each phone is 0.12 s of its tone, with a little silence and noise."""
    random = np.random.default_rng(seed)
    time = np.arange(int(PHONE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    gap = np.zeros(int(0.04 * SAMPLE_RATE))
    parts = [gap]
    for phone in phones:
        parts += [0.3 * np.sin(2 * np.pi * TONES[phone] * time) * np.hanning(len(time)), gap]
    sound = np.concatenate(parts)
    return (sound + 0.002 * random.standard_normal(len(sound))).astype(np.float32)


def utterance(
    number: int,
    speaker: str,
    phones: Sequence[str] = ("AA", "S", "IY"),
    realised: Sequence[str | None] | None = None,
    accuracies: Sequence[float | None] | None = None,
    consent: ConsentGrant | None = None,
    age_band: str = "9-11",
) -> Utterance:
    """Return one row of a release, said as ``realised`` (or as the canonical ``phones``)."""
    realised = realised or [None] * len(phones)
    accuracies = accuracies or [None] * len(phones)
    said = [canonical if real is None else real for canonical, real in zip(phones, realised, strict=True)]
    sound = say([phone for phone in said if phone], seed=number)
    return Utterance(
        utterance_id=f"utt_{number:04d}",
        speaker_id=speaker,
        session_id="ses_0",
        audio=encode_flac(sound),
        duration=len(sound) / SAMPLE_RATE,
        language="en-US",
        text="tones",
        words=(Word("tones"),),
        phones=tuple(
            Phone(canonical, 0, accuracy=accuracy, realised=real)
            for canonical, real, accuracy in zip(phones, realised, accuracies, strict=True)
        ),
        scores=Scores(),
        raters=(),
        speaker=Speaker(age_band=age_band, gender="f", first_language="fr"),
        device=None,
        quality=Quality(30.0, -20.0, 0.0, 0.9, 8000.0),
        consent=consent or ConsentGrant("rec_0", ("training", "evaluation"), "2099-01-01"),
        usage="test",
        source="test",
    )


def write_release(folder: Path, rows: dict[Split, list[Utterance]], name: str = "tones") -> Release:
    """Write and open a release of these rows."""

    def load(row: Utterance) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([to_row(row)], schema=FEATURES.arrow_schema)

    splits = {}
    for split, utterances in rows.items():
        paths = write_shards(folder, split, utterances, lambda row: len(row.audio), load, 500_000_000)
        splits[str(split)] = {
            "files": [path.relative_to(folder).as_posix() for path in paths],
            "rows": len(utterances),
            "speakers": len({row.speaker_id for row in utterances}),
        }
    finish(folder, {"name": name, "inventory": {"en-US": list(TONES)}, "splits": splits})
    return read_release(folder)


def tone_rows(first: int, count: int, speaker: str) -> list[Utterance]:
    """Return ``count`` utterances of three to five random tones; different ``first`` give different ones."""
    rows = []
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        phones = [str(phone) for phone in random.choice(list(TONES), size=int(random.integers(3, 6)))]
        rows.append(utterance(number, speaker, phones))
    return rows
