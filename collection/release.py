"""A release: a Hugging Face dataset folder of parquet shards, a card and, last of all, a manifest.

``data/<split>-00000-of-0000N.parquet`` hold the rows of ``collection.schema.FEATURES``, ordered by the pseudonyms of
speaker and utterance; ``collection.documents`` lists what is written beside them. The same rows give the same bytes:
nothing tells the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from collection import manifest
from collection.errors import ReleaseError
from collection.schema import FEATURES, SCHEMA_VERSION, Split
from collection.withdrawal import withdrawn

KIND = "parlure-release"
ROWS_PER_GROUP = 64
"""Rows of a parquet row group: what a reader holds in memory at once."""
AUDIO = "audio.bytes"

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Release:
    """An opened release; nothing of its data is in memory."""

    path: Path
    manifest: dict[str, Any]
    files: MappingProxyType[Split, tuple[Path, ...]]
    """Parquet shards of each split that has rows, in order."""
    withdrawn: frozenset[str] = frozenset()
    """Pseudonyms of speakers who have withdrawn since; anybody in it makes the release superseded."""

    @property
    def name(self) -> str:
        """The release's name, unique under its key."""
        return str(self.manifest["name"])

    @property
    def inventory(self) -> dict[str, list[str]]:
        """Phone symbols of each language in the release."""
        return dict(self.manifest["inventory"])

    def count(self, split: Split | str) -> int:
        """Return the number of rows of a split, with those of speakers who have withdrawn."""
        return sum(pq.ParquetFile(path).metadata.num_rows for path in self._shards(split))

    def rows(self, split: Split | str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Yield rows as dictionaries, audio as ``{"bytes", "path"}``; only ``columns`` are read from disk.

        Rows of speakers who have withdrawn are left out; ``count_withdrawn`` counts them.
        """
        if columns is not None and (unknown := set(columns) - set(FEATURES)):
            raise ReleaseError(f"no column {', '.join(sorted(unknown))}; columns: {', '.join(FEATURES)}.")
        needed = None if columns is None else list(dict.fromkeys([*columns, "speaker_id"]))
        withdrawn_speakers = pa.array(sorted(self.withdrawn), pa.string())
        for path in self._shards(split):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_PER_GROUP, columns=needed):
                    held = batch.filter(pc.invert(pc.is_in(batch["speaker_id"], value_set=withdrawn_speakers)))
                    yield from (held if columns is None else held.select(list(columns))).to_pylist()

    def count_withdrawn(self, split: Split | str) -> int:
        """Return the number of rows of a split whose speakers have withdrawn."""
        return self.count(split) - sum(1 for _ in self.rows(split, ["speaker_id"])) if self.withdrawn else 0

    def verify(self) -> None:
        """Raise ``ReleaseError`` unless every file is the one the manifest describes (reads the whole release)."""
        for name, entry in self.manifest["files"].items():
            if manifest.file_sha256(self.path / name) != entry["sha256"]:
                raise ReleaseError(
                    f"{name} of release {self.name} has changed since it was built: build or copy it again."
                )

    def _shards(self, split: Split | str) -> tuple[Path, ...]:
        try:
            return self.files.get(Split(split), ())
        except ValueError:
            raise ReleaseError(f"no split {split!r}; splits: {', '.join(Split)}.") from None


def read_release(folder: Path | str) -> Release:
    """Open a finished release.

    Raises ``ReleaseError`` when the folder is no finished release, lacks a file, has a schema this code cannot read, or
    when its rows were destroyed after a withdrawal.
    """
    path = Path(folder)
    found = manifest.read(path)
    if found is None or found.get("kind") != KIND:
        raise ReleaseError(
            f"{path} is not a finished release: {manifest.NAME} is missing. "
            f"Finish it by running the same python -m collection.build again with out={path}."
        )
    check_schema(str(found.get("schema_version")), str(path))
    gone = withdrawn.read(path)
    if gone is not None and gone.destroyed:
        raise ReleaseError(
            f"the rows of release {found['name']} were destroyed after a withdrawal ({withdrawn.NAME}): build a new "
            "release under another name."
        )
    for name, entry in found["files"].items():
        file = path / name
        if not file.is_file() or file.stat().st_size != entry["bytes"]:
            raise ReleaseError(f"{name} of release {found['name']} is missing or cut short: copy the release again.")
    files = {Split(split): tuple(path / name for name in part["files"]) for split, part in found["splits"].items()}
    return Release(path, found, MappingProxyType(files), frozenset(gone.speakers if gone else ()))


def check_schema(version: str, where: str, remedy: str = "build the release again") -> None:
    """Raise ``ReleaseError`` unless this code reads that schema: same major number, minor number not above ours.

    ``remedy`` is what to do about an older one.
    """
    try:
        major, minor, *_ = (int(part) for part in version.split("."))
    except ValueError:
        major, minor = -1, 0
    ours_major, ours_minor, *_ = (int(part) for part in SCHEMA_VERSION.split("."))
    if major != ours_major or minor > ours_minor:
        advice = "update Parlure" if (major, minor) > (ours_major, ours_minor) else remedy
        raise ReleaseError(f"{where} has schema {version}, this Parlure reads {SCHEMA_VERSION}: {advice}.")


def plan_shards(sizes: Sequence[int], shard_bytes: int) -> list[range]:
    """Return the row ranges of each shard: at most ``shard_bytes`` of audio, but one row at least."""
    shards: list[range] = []
    start = total = 0
    for row, size in enumerate(sizes):
        if row > start and total + size > shard_bytes:
            shards.append(range(start, row))
            start, total = row, 0
        total += size
    if len(sizes) > start:
        shards.append(range(start, len(sizes)))
    return shards


def write_shards(
    folder: Path,
    split: Split,
    entries: Sequence[E],
    size: Callable[[E], int],
    load: Callable[[E], pa.RecordBatch],
    shard_bytes: int,
) -> list[Path]:
    """Write one split, row by row in the order given, and return its shards.

    ``size`` is the audio bytes of a row, ``load`` returns it as a one-row batch of ``arrow_schema()``; at most
    ``ROWS_PER_GROUP`` rows are held at a time.
    """
    schema = arrow_schema()
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    shards = plan_shards([size(entry) for entry in entries], shard_bytes)
    paths = [data / f"{split}-{index:05d}-of-{len(shards):05d}.parquet" for index in range(len(shards))]
    for path, rows in zip(paths, shards, strict=True):
        with pq.ParquetWriter(path, schema, **_encoding()) as writer:
            for start in range(rows.start, rows.stop, ROWS_PER_GROUP):
                group = entries[start : min(start + ROWS_PER_GROUP, rows.stop)]
                table = pa.Table.from_batches([load(entry) for entry in group], schema)
                writer.write_table(table.combine_chunks(), row_group_size=ROWS_PER_GROUP)
    return paths


def checksums(folder: Path, known: Mapping[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Return ``sha256`` and ``bytes`` of every file but the manifest; those of ``known`` files are not read again."""
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        name: (known or {}).get(name)
        or {"sha256": manifest.file_sha256(folder / name), "bytes": (folder / name).stat().st_size}
        for name in names
        if Path(name).name != manifest.NAME
    }


def finish(folder: Path, facts: dict[str, Any], known: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Write the manifest and return it: ``facts``, schema and code version, and ``checksums`` of every file."""
    files = checksums(folder, known)
    versions = {"kind": KIND, "schema_version": SCHEMA_VERSION, "code_version": manifest.code_version()}
    whole = {**facts, **versions, "files": files}
    manifest.write(folder, whole)
    return whole


@cache
def arrow_schema() -> pa.Schema:
    """Return the Arrow schema of a release's rows, with the metadata by which ``datasets`` knows their features."""
    return FEATURES.arrow_schema


@cache
def _encoding() -> dict[str, Any]:
    """Return parquet options a column: FLAC neither shrinks nor repeats, and statistics would copy it to the footer."""
    sink = pa.BufferOutputStream()
    pq.write_table(arrow_schema().empty_table(), sink)
    schema = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    others = [path for path in (schema.column(index).path for index in range(len(schema))) if path != AUDIO]
    compression = {AUDIO: "none", **dict.fromkeys(others, "zstd")}
    return {"compression": compression, "use_dictionary": others, "write_statistics": others}
