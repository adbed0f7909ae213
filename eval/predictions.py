"""What a scored run stores: one row a canonical phone, one row an utterance, as two parquet files.

``predictions.parquet`` holds the phones, ``utterances.parquet`` the sequences and the slices they belong to. Every
figure of ``metrics.json`` follows from these two tables. Times are seconds from the start of the utterance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from collection.schema import Phone, Seconds
from eval.errors import ReportError
from eval.metrics import Floats, heard_per_slot

PHONES_FILE = "predictions.parquet"
UTTERANCES_FILE = "utterances.parquet"
SLICES = ("age_band", "gender", "first_language", "level", "region", "device")
"""Columns of the utterance table by which figures may be grouped."""


@dataclass(frozen=True, slots=True)
class PhonePrediction:
    """One canonical phone: what was heard in its place ("" for nothing), its GOP, and the human accuracy (0-2)."""

    utterance_id: str
    speaker_id: str
    split: str
    slot: int
    word_index: int
    canonical: str
    heard: str
    gop: float | None
    start: Seconds | None
    end: Seconds | None
    accuracy: float | None
    realised: str | None


@dataclass(frozen=True, slots=True)
class UtterancePrediction:
    """One utterance: the prompt's phones, those said as far as known, those decoded, the verdict, the slices."""

    utterance_id: str
    speaker_id: str
    split: str
    duration: Seconds
    canonical: tuple[str, ...]
    spoken: tuple[str, ...]
    decoded: tuple[str, ...]
    verdict: str = "ok"
    age_band: str | None = None
    gender: str | None = None
    first_language: str | None = None
    level: str | None = None
    region: str | None = None
    device: str | None = None


PHONES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("speaker_id", pa.string()),
        ("split", pa.string()),
        ("slot", pa.int32()),
        ("word_index", pa.int32()),
        ("canonical", pa.string()),
        ("heard", pa.string()),
        ("gop", pa.float64()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("accuracy", pa.float64()),
        ("realised", pa.string()),
    ]
)
UTTERANCES = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("speaker_id", pa.string()),
        ("split", pa.string()),
        ("duration", pa.float64()),
        *((name, pa.list_(pa.string())) for name in ("canonical", "spoken", "decoded")),
        ("verdict", pa.string()),
        *((name, pa.string()) for name in SLICES),
    ]
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The two tables of a run; ``gop_kind`` names the definition of the ``gop`` column."""

    phones: pa.Table
    utterances: pa.Table
    gop_kind: str

    def only(self, split: str) -> Predictions:
        """Return the rows of one split."""
        inside = pc.field("split") == split
        return Predictions(self.phones.filter(inside), self.utterances.filter(inside), self.gop_kind)


def spoken_phones(phones: Iterable[Phone]) -> tuple[str, ...]:
    """Return what was said as far as known: ``realised`` where it is annotated ("" is left out), else canonical."""
    said = (phone.canonical if phone.realised is None else phone.realised for phone in phones)
    return tuple(symbol for symbol in said if symbol)


def phone_predictions(
    utterance_id: str,
    speaker_id: str,
    split: str,
    phones: Sequence[Phone],
    decoded: Sequence[str],
    gops: Sequence[float | None],
    times: Sequence[tuple[Seconds | None, Seconds | None]],
) -> list[PhonePrediction]:
    """Join an utterance's canonical phones with what a model made of them; all sequences but ``decoded`` are (S,)."""
    heard = heard_per_slot([phone.canonical for phone in phones], decoded)
    return [
        PhonePrediction(
            utterance_id,
            speaker_id,
            split,
            slot,
            phone.word_index,
            phone.canonical,
            symbol,
            gop,
            start,
            end,
            phone.accuracy,
            phone.realised,
        )
        for slot, (phone, symbol, gop, (start, end)) in enumerate(zip(phones, heard, gops, times, strict=True))
    ]


def to_predictions(
    phones: Iterable[PhonePrediction], utterances: Iterable[UtterancePrediction], gop_kind: str
) -> Predictions:
    """Return the records as tables, in the order given."""
    return Predictions(
        pa.Table.from_pylist([asdict(row) for row in phones], schema=PHONES),
        pa.Table.from_pylist([asdict(row) for row in utterances], schema=UTTERANCES),
        gop_kind,
    )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return several parts as one, sorted by utterance and slot so that the order of batches leaves no trace."""
    phones = pa.concat_tables([part.phones for part in parts])
    utterances = pa.concat_tables([part.utterances for part in parts])
    return Predictions(
        phones.sort_by([("utterance_id", "ascending"), ("slot", "ascending")]),
        utterances.sort_by("utterance_id"),
        parts[0].gop_kind,
    )


def write(folder: Path, predictions: Predictions) -> None:
    """Write both tables into a folder; the GOP's kind travels in the metadata of the phone table."""
    folder.mkdir(parents=True, exist_ok=True)
    phones = predictions.phones.replace_schema_metadata({"gop_kind": predictions.gop_kind})
    for name, table in ((PHONES_FILE, phones), (UTTERANCES_FILE, predictions.utterances)):
        partial = folder / f".{name}.partial"
        pq.write_table(table, partial, compression="zstd")
        partial.replace(folder / name)


def read(folder: Path) -> Predictions:
    """Read both tables of a run folder."""
    for name in (PHONES_FILE, UTTERANCES_FILE):
        if not (folder / name).is_file():
            raise ReportError(f"{folder} holds no {name}: it is no scored run. Run python -m eval.score … out={folder}")
    phones = pq.read_table(folder / PHONES_FILE)
    kind = (phones.schema.metadata or {}).get(b"gop_kind", b"unnamed").decode()
    return Predictions(phones.replace_schema_metadata(None), pq.read_table(folder / UTTERANCES_FILE), kind)


def floats(table: pa.Table, column: str) -> Floats:
    """Return a nullable column as (N,) floats, NaN for null."""
    return np.asarray(table.column(column).to_numpy(), dtype=np.float64)


def encode(column: Iterable[Any]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return integer codes (N,) and the sorted names they stand for."""
    names, codes = np.unique(np.asarray([str(value) for value in column], dtype=object), return_inverse=True)
    return codes.astype(np.intp), tuple(map(str, names))
