"""What a scored run stores: one row a phone, a word, an utterance and a rater's rating, as four parquet files.

``predictions.parquet`` holds the phones, ``words.parquet`` the words, ``utterances.parquet`` the sequences, the scores
and the slices they belong to, ``raters.parquet`` what each human gave an utterance. Every figure of ``metrics.json``
follows from these tables. Times are seconds from the start of the utterance. Runs of before words were scored can be
read: what they lack is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from collection.schema import Phone, Scores, Seconds, WordScores
from eval.errors import ReportError
from eval.metrics import Floats, heard_per_slot

TABLES_VERSION = "1"
"""Counted up when what a model is asked changes; tables of the same version are not made again for new figures."""
PHONES_FILE = "predictions.parquet"
UTTERANCES_FILE = "utterances.parquet"
WORDS_FILE = "words.parquet"
RATERS_FILE = "raters.parquet"
WORD_SCORES = tuple(each.name for each in fields(WordScores))
UTTERANCE_SCORES = tuple(each.name for each in fields(Scores))
FILES = (PHONES_FILE, UTTERANCES_FILE, WORDS_FILE, RATERS_FILE)
SPEAKER_SLICES = ("age_band", "gender", "first_language", "level", "region")
SLICES = (*SPEAKER_SLICES, "device", "snr_band")
"""Columns of the utterance table by which figures may be grouped."""


@dataclass(frozen=True, slots=True)
class PhonePrediction:
    """One canonical phone: what was heard in its place ("" for nothing), how it was judged, the human accuracy (0-2).

    ``heard`` is ``None`` for a system that does not say; ``reference_start`` and ``reference_end`` (s) are an expert's.
    ``gop`` is what is judged, low for bad: a GOP, or the accuracy that a scorer predicts. ``gop_sf`` and ``gop_lp`` are
    told beside it; ``mispronounced`` (a probability) and ``flagged`` only by a model with a scorer.
    """

    utterance_id: str
    speaker_id: str
    split: str
    slot: int
    word_index: int
    canonical: str
    heard: str | None
    gop: float | None
    start: Seconds | None
    end: Seconds | None
    accuracy: float | None
    realised: str | None
    gop_sf: float | None = None
    gop_lp: float | None = None
    mispronounced: float | None = None
    flagged: bool | None = None
    reference_start: Seconds | None = None
    reference_end: Seconds | None = None


@dataclass(frozen=True, slots=True)
class WordPrediction:
    """One word: ``human`` scores and those ``predicted`` by a scorer, 0-10, ``None`` where there are none."""

    utterance_id: str
    speaker_id: str
    split: str
    word_index: int
    human: WordScores = field(default_factory=WordScores)
    predicted: WordScores = field(default_factory=WordScores)


@dataclass(frozen=True, slots=True)
class RaterScores:
    """What one rater gave one utterance: ``scores`` and each of W ``words`` 0-10, each of S ``phones`` 0-2."""

    utterance_id: str
    speaker_id: str
    split: str
    rater: str
    scores: Scores
    words: tuple[WordScores, ...] = ()
    phones: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class UtterancePrediction:
    """One utterance: phones of the prompt, said as far as known, decoded (``None``: not told); scores and slices."""

    utterance_id: str
    speaker_id: str
    split: str
    duration: Seconds
    canonical: tuple[str, ...]
    spoken: tuple[str, ...]
    decoded: tuple[str, ...] | None
    verdict: str = "ok"
    age_band: str | None = None
    gender: str | None = None
    first_language: str | None = None
    level: str | None = None
    region: str | None = None
    device: str | None = None
    snr_band: str | None = None
    human: Scores = field(default_factory=Scores)
    predicted: Scores = field(default_factory=Scores)


_KEYS = [("utterance_id", pa.string()), ("speaker_id", pa.string()), ("split", pa.string())]
_SCORES = pa.struct([(name, pa.float64()) for name in UTTERANCE_SCORES])
_WORD_SCORES = pa.struct([(name, pa.float64()) for name in WORD_SCORES])
_PHONE_FLOATS = (
    *("gop", "start", "end", "accuracy", "gop_sf", "gop_lp", "mispronounced"),
    *("reference_start", "reference_end"),
)
PHONES = pa.schema(
    [
        *_KEYS,
        *((name, pa.int32()) for name in ("slot", "word_index")),
        *((name, pa.string()) for name in ("canonical", "heard", "realised")),
        *((name, pa.float64()) for name in _PHONE_FLOATS),
        ("flagged", pa.bool_()),
    ]
)
WORDS = pa.schema([*_KEYS, ("word_index", pa.int32()), ("human", _WORD_SCORES), ("predicted", _WORD_SCORES)])
RATERS = pa.schema(
    [
        *_KEYS,
        ("rater", pa.string()),
        ("scores", _SCORES),
        ("words", pa.list_(_WORD_SCORES)),
        ("phones", pa.list_(pa.float64())),
    ]
)
UTTERANCES = pa.schema(
    [
        *_KEYS,
        ("duration", pa.float64()),
        *((name, pa.list_(pa.string())) for name in ("canonical", "spoken", "decoded")),
        ("verdict", pa.string()),
        *((name, pa.string()) for name in SLICES),
        ("human", _SCORES),
        ("predicted", _SCORES),
    ]
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The tables of a run; ``gop_kind`` names the definition of the ``gop`` column."""

    phones: pa.Table
    utterances: pa.Table
    gop_kind: str
    words: pa.Table = field(default_factory=WORDS.empty_table)
    raters: pa.Table = field(default_factory=RATERS.empty_table)

    def only(self, split: str) -> Predictions:
        """Return the rows of one split."""
        inside = pc.field("split") == split
        tables = (table.filter(inside) for table in (self.phones, self.utterances, self.words, self.raters))
        phones, utterances, words, raters = tables
        return Predictions(phones, utterances, self.gop_kind, words, raters)


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
    further: Sequence[Mapping[str, Any]] | None = None,
) -> list[PhonePrediction]:
    """Join an utterance's canonical phones with what a model made of them; all sequences but ``decoded`` are (S,).

    ``further`` holds the optional fields of each ``PhonePrediction``.
    """
    heard = heard_per_slot([phone.canonical for phone in phones], decoded)
    beside = [{}] * len(phones) if further is None else further
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
            **more,
            reference_start=phone.start,
            reference_end=phone.end,
        )
        for slot, (phone, symbol, gop, (start, end), more) in enumerate(
            zip(phones, heard, gops, times, beside, strict=True)
        )
    ]


def to_predictions(
    phones: Iterable[PhonePrediction],
    utterances: Iterable[UtterancePrediction],
    gop_kind: str,
    words: Iterable[WordPrediction] = (),
    raters: Iterable[RaterScores] = (),
) -> Predictions:
    """Return the records as tables, in the order given."""

    def table(rows: Iterable[Any], schema: pa.Schema) -> pa.Table:
        return pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)

    return Predictions(
        table(phones, PHONES), table(utterances, UTTERANCES), gop_kind, table(words, WORDS), table(raters, RATERS)
    )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return several parts as one, sorted by utterance and place so that the order of batches leaves no trace."""

    def table(name: str, *places: str) -> pa.Table:
        whole = pa.concat_tables([getattr(part, name) for part in parts])
        return whole.sort_by([("utterance_id", "ascending"), *((place, "ascending") for place in places)])

    kind = parts[0].gop_kind
    return Predictions(
        table("phones", "slot"), table("utterances"), kind, table("words", "word_index"), table("raters", "rater")
    )


def write(folder: Path, predictions: Predictions) -> None:
    """Write the tables into a folder; the GOP's kind travels in the metadata of the phone table."""
    folder.mkdir(parents=True, exist_ok=True)
    phones = predictions.phones.replace_schema_metadata({"gop_kind": predictions.gop_kind})
    tables = (phones, predictions.utterances, predictions.words, predictions.raters)
    for name, table in zip(FILES, tables, strict=True):
        partial = folder / f".{name}.partial"
        pq.write_table(table, partial, compression="zstd")
        partial.replace(folder / name)


def read(folder: Path) -> Predictions:
    """Read the tables of a run folder."""
    for name in (PHONES_FILE, UTTERANCES_FILE):
        if not (folder / name).is_file():
            raise ReportError(f"{folder} holds no {name}: it is no scored run. Run python -m eval.score … out={folder}")
    metadata = pq.read_schema(folder / PHONES_FILE).metadata or {}
    phones, utterances, words, raters = (
        _complete(pq.read_table(folder / name), schema) if (folder / name).is_file() else schema.empty_table()
        for name, schema in zip(FILES, (PHONES, UTTERANCES, WORDS, RATERS), strict=True)
    )
    return Predictions(phones, utterances, metadata.get(b"gop_kind", b"unnamed").decode(), words, raters)


def _complete(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of the schema; those that an older run did not store are null."""
    columns = [
        table.column(each.name) if each.name in table.column_names else pa.nulls(len(table), each.type)
        for each in schema
    ]
    return pa.table(columns, schema=schema)


def floats(table: pa.Table, column: str, part: str | None = None) -> Floats:
    """Return a nullable column, or one ``part`` of a column of records, as (N,) floats, NaN for null."""
    values = table.column(column)
    if part is not None:
        values = pc.struct_field(values, part)
    return np.asarray(values.to_numpy(), dtype=np.float64)


def encode(column: Iterable[Any]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return integer codes (N,) and the sorted names they stand for."""
    names, codes = np.unique(np.asarray([str(value) for value in column], dtype=object), return_inverse=True)
    return codes.astype(np.intp), tuple(map(str, names))
