"""Sound on the disk: what is sent, what is kept of it, and the stretch that somebody may hear.

A file is decoded once, in the limited decoder; what is kept is FLAC, 16 kHz, mono, written from samples alone, so that
no name, place or device in the file's own metadata stays, and a stretch is found without decoding the rest.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from collection import audio, manifest
from collection.segment import Samples
from collection.web.recordings.models import Recording, Segment

HEARD = "heard"
"""Folder of what is kept of recordings that were heard."""


def kept_path(recording: Recording) -> str:
    """Return where the sound of a recording is kept once it was heard."""
    return f"{HEARD}/{recording.pk}.flac"


def decoded(recording: Recording) -> Samples:
    """Return all samples of a recording (n,); raises AudioError for a file that cannot be used."""
    if recording.sound.name == kept_path(recording):
        with default_storage.open(kept_path(recording)) as file:
            return audio.decode_flac(file.read())
    with on_disk(str(recording.sound.name)) as path:
        return audio.decode(path).samples


def keep(recording: Recording, samples: Samples) -> int:
    """Write what is kept of a recording; return its bytes. What was sent stays."""
    name, content = kept_path(recording), audio.encode_flac(samples)
    try:
        manifest.atomic_write(Path(default_storage.path(name)), content, mode=0o600)
    except NotImplementedError:
        default_storage.delete(name)
        default_storage.save(name, ContentFile(content))
    return len(content)


def stretch(segment: Segment) -> Samples:
    """Return the samples (n,) of a segment; raises AudioError when the sound is not there any more."""
    return between(segment.recording, segment.start, segment.end)


def between(recording: Recording, start: float, end: float) -> Samples:
    """Return the samples (n,) of a recording between two seconds."""
    try:
        with default_storage.open(str(recording.sound.name)) as file:
            return audio.decode_flac_part(cast("BinaryIO", file), start, end)
    except FileNotFoundError:
        raise audio.REASONS["audio_missing_file"]("The sound of a recording is gone from the server.") from None


def destroy(recording: Recording) -> None:
    """Destroy every sound of a recording."""
    for name in {str(recording.sound.name or ""), kept_path(recording)} - {""}:
        default_storage.delete(name)


@contextmanager
def on_disk(name: str) -> Iterator[Path]:
    """Give the path of a stored file; one that a bucket holds is copied for the while."""
    try:
        yield Path(default_storage.path(name))
    except NotImplementedError:
        with default_storage.open(name) as stored, NamedTemporaryFile() as copy:
            shutil.copyfileobj(stored, copy)
            copy.flush()
            yield Path(copy.name)
