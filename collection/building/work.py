"""The work folder of a build: one file a recording, written whole or not at all, so that a killed build goes on.

A work file is an Arrow file of one batch a row, its summary in the schema's metadata; its name says which recording it
is of (a pseudonym) and under which input and settings it was made (a keyed fingerprint). Rows in it carry no speaker
demographics and no end of consent: both are set when the release is put together, after consent is asked again.
"""

from __future__ import annotations

import hmac
import json
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.filesize import decimal

from collection import disk, manifest
from collection.audio import AudioLimits
from collection.building.checkpoints import by_content
from collection.building.class_pipeline import process_class
from collection.building.pipeline import Context, RecordingResult, Task, process
from collection.errors import ReleaseError
from collection.release import arrow_schema
from collection.schema import SCHEMA_VERSION, ConsentGrant, Seconds, Speaker, to_row

_SUMMARY = b"parlure"
_EMPTY = sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """A task and the work file that holds its result."""

    task: Task
    path: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one row lies, and what is needed to place it in a release; ``size`` is its audio in bytes."""

    speaker_id: str
    utterance_id: str
    path: Path
    index: int
    size: int
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Stored:
    """What a work file says of its recording."""

    entries: tuple[Entry, ...]
    drops: dict[str, int]
    flags: dict[str, int]
    review: dict[str, str]


@contextmanager
def room(folder: Path, recordings: int) -> Iterator[None]:
    """Turn a full disk into a ``DiskFullError`` that says how much room a build of so many recordings needs."""
    try:
        yield
    except OSError as error:
        if not disk.is_full(error):
            raise
        shutil.rmtree(folder / "release", ignore_errors=True)
        raise disk.explain(error, folder, _room_needed(folder / "recordings", recordings)) from None


def _room_needed(folder: Path, recordings: int) -> str:
    sizes = [path.stat().st_size for path in folder.glob("*.arrow")]
    if not sizes:
        return "A build needs about 140 MB for an hour of speech."
    # Work files stay until the release, which takes as much again, is finished.
    left = 2 * recordings * sum(sizes) // len(sizes) - sum(sizes)
    return f"The build needs about {decimal(left)}, judging by {len(sizes)} of {recordings} recordings."


def input_digest(path: Path, limits: AudioLimits) -> str:
    """Return the SHA-256 of a sound file, or a word for what is no file of accepted size; that is not opened."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > limits.max_bytes:
            return f"unread:{stat.S_IFMT(status.st_mode):o}:{status.st_size}"
        return manifest.file_sha256(path)
    except OSError:
        return "unreadable"


def is_content(digest: str) -> bool:
    """Tell whether an input digest is that of bytes, rather than of nothing or of a file that was not read."""
    return len(digest) == len(_EMPTY) and digest != _EMPTY


def fingerprint(task: Task, context: Context, digest: str) -> str:
    """Return a keyed fingerprint (hex) of all that a recording's rows depend on, but for the code."""
    facts = {
        "recording": asdict(replace(task.recording, path=Path(digest))),
        "annotations": {str(index): asdict(annotation) for index, annotation in task.annotations.items()},
        "settings": [
            asdict(context.limits),
            asdict(context.segment),
            asdict(context.match),
            asdict(context.quality),
            by_content(asdict(context.classes), context.checkpoints),
            asdict(context.voice),
            by_content(asdict(context.redaction), context.checkpoints),
            [context.names, context.schools, sorted(context.forgotten.marks) if context.forgotten else []],
            context.usage,
        ],
        "voices": {
            learner: [sha256(each.vector.tobytes()).hexdigest(), each.child] for learner, each in task.enrolled.items()
        },
        "schema": SCHEMA_VERSION,
    }
    return hmac.digest(context.naming.subkey, manifest.canonical_json(facts).encode(), sha256).hex()


def work_file(recordings: Path, recording_pseudonym: str, identity: str) -> Path:
    """Return the path of a recording's work file; other code makes other files."""
    return recordings / f"{recording_pseudonym}-{manifest.fingerprint([identity, manifest.code_version()])[:16]}.arrow"


def carry_out(context: Context, job: Job) -> None:
    """Process one recording and store its result; done already, it does nothing."""
    if not job.path.exists():
        work = process_class if job.task.recording.readers else process
        store(job.path, work(job.task, context))


def store(path: Path, result: RecordingResult) -> None:
    """Write a work file."""
    entries = [(row.speaker_id, row.utterance_id, len(row.audio), row.duration) for row in result.rows]
    summary = {"rows": entries, "drops": result.drops, "flags": result.flags, "review": result.review}
    schema = arrow_schema().with_metadata({_SUMMARY: manifest.canonical_json(summary)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        for row in result.rows:
            writer.write_batch(pa.RecordBatch.from_pylist([to_row(row)], schema=schema))
    manifest.atomic_write(path, sink.getvalue())


def read(path: Path) -> Stored:
    """Return what a work file says; its sound is not read."""
    try:
        with pa.memory_map(str(path)) as source:
            summary: dict[str, Any] = json.loads(pa.ipc.open_file(source).schema.metadata[_SUMMARY])
    except pa.ArrowInvalid:
        path.unlink()
        raise ReleaseError(f"work file {path.name} was damaged and is removed: run the same command again.") from None
    entries = (
        Entry(speaker, utterance, path, index, size, seconds)
        for index, (speaker, utterance, size, seconds) in enumerate(summary["rows"])
    )
    return Stored(tuple(entries), summary["drops"], summary["flags"], summary["review"])


def load(entry: Entry, speaker: Speaker, grant: ConsentGrant) -> pa.RecordBatch:
    """Return one row as a batch, complete with the speaker's demographics and grant."""
    schema = arrow_schema()
    with pa.memory_map(str(entry.path)) as source:
        batch = pa.ipc.open_file(source).get_batch(entry.index)
    settled = {"speaker": asdict(speaker), "consent": asdict(grant)}
    columns = [
        pa.array([settled[field.name]], field.type) if field.name in settled else batch.column(field.name)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
