"""Bytes on their way: one file an upload, to which blocks are added at its end and nowhere else.

Safe against a cut line, two senders and ``kill -9``: what counts is the file on disk. A block is written under a lock
and only where the file ends, so that a sender who is wrong about the end changes nothing. The recording takes the id of
its upload, which makes finishing safe to repeat after any interruption (ADR 19).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from collection import manifest
from collection.sound import containers
from collection.sound.containers import RefusedError
from collection.web.audit import journal
from collection.web.classes.models import SessionKind
from collection.web.recordings import sounds
from collection.web.recordings.models import Recording, Upload, UploadState, sound_path
from collection.web.recordings.permission import refusal
from collection.web.recordings.tasks import listen

HEAD_BYTES = 64
"""What tells a sound file from another."""
SYNC_BYTES = 8 * 2**20
"""Bytes after which a long block of data is forced to the disk, so that little is sent twice after a power cut."""
CHECKSUM = "audio_truncated"
"""Reason of a file that is not the one that was announced."""
ENDED = "upload_ended"
"""Reason of an upload that was given up or not finished in time."""


class OffsetError(Exception):
    """Bytes were sent for another place than the end of the file; ``offset`` is where it ends."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def path_of(upload: Upload) -> Path:
    """Return where the bytes of an upload are."""
    return Path(settings.PORTAL) / "uploads" / str(upload.pk)


def create(upload: Upload) -> None:
    """Save an upload, of which no byte has come; call it in the transaction that checked the quota."""
    path_of(upload).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    upload.save(force_insert=True)
    journal.record(upload.sent_by, "upload.create", upload, session=str(upload.session_id), bytes=upload.length)


def offset(upload: Upload) -> int:
    """Return how many bytes are safe on the disk."""
    if upload.state == UploadState.DONE:
        return upload.length
    try:
        with path_of(upload).open("rb") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        # Moved to its recording by somebody who was stopped before they could say so.
        return upload.length if default_storage.exists(_kept(upload)) else 0


def append(upload: Upload, at: int, blocks: Iterable[bytes]) -> int:
    """Add blocks at byte ``at``, which must be the end of the file; return the new end, which is on the disk.

    No lock is held between two blocks: a sender whose line is dead keeps nobody from going on. Should they wake up, the
    file no longer ends where they left off. Raises OffsetError then, and RefusedError for what is no sound.
    """
    unsynced = 0
    try:
        for block in blocks:
            at = _add(upload, at, block)
            unsynced += len(block)
            if unsynced >= SYNC_BYTES:
                offset(upload)
                unsynced = 0
    finally:
        offset(upload)
    return at


def _add(upload: Upload, at: int, block: bytes) -> int:
    path = path_of(upload)
    with manifest.lock(path_of(upload)):
        if not path.exists() and (at or default_storage.exists(_kept(upload))):
            raise OffsetError(offset(upload))
        with open(path, "r+b", opener=lambda name, flags: os.open(name, flags | os.O_CREAT, 0o600)) as file:
            end = os.fstat(file.fileno()).st_size
            if end != at:
                raise OffsetError(end)
            file.seek(end)
            file.write(block[: upload.length - end])
            file.flush()
            grown = file.tell()
            if end < HEAD_BYTES <= grown or grown == upload.length:
                file.seek(0)
                containers.identify(file.read(HEAD_BYTES))
    return grown


def finish(upload: Upload) -> Recording | None:
    """Turn a complete upload into its recording, once however often it is called; ``None`` when it was destroyed.

    Consent is asked again: who took it back while the bytes were on their way is not recorded. The same file twice in a
    session is one recording.
    """
    with manifest.lock(path_of(upload)):
        upload.refresh_from_db()
        if upload.state != UploadState.OPEN:
            return upload.recording
        path, kept = path_of(upload), _kept(upload)
        if path.exists() and path.stat().st_size != upload.length:
            raise OffsetError(path.stat().st_size)
        reason = refusal(upload.session, upload.learner)
        if reason is not None:
            _give_up(upload, reason)
            return None
        sha256 = _digest(path, kept)
        if upload.sha256 and upload.sha256 != sha256:
            _give_up(upload, CHECKSUM)
            return None
        known = Recording.objects.filter(session=upload.session, learner=upload.learner, sha256=sha256).first()
        if known is None and path.exists():
            _keep(path, kept)
        if known is not None and known.pk != upload.pk:
            default_storage.delete(kept)
        with transaction.atomic():
            recording = known or _recording(upload, sha256, kept)
            upload.state, upload.recording = UploadState.DONE, recording
            upload.save()
            if known is None:
                journal.record(upload.sent_by, "recording.create", recording, bytes=upload.length)
                # The task stands in the same database: both are there, or neither.
                listen.enqueue(str(recording.pk))
        path.unlink(missing_ok=True)
    return recording


def _recording(upload: Upload, sha256: str, kept: str) -> Recording:
    return Recording.objects.create(
        id=upload.pk,
        session=upload.session,
        learner=upload.learner,
        position=upload.position,
        sound=kept,
        size=upload.length,
        sha256=sha256,
        device=upload.device,
        microphone=upload.microphone,
        # In the recording of a class, a file of one learner serves to know their voice.
        enrols=upload.learner is not None and upload.session.kind == SessionKind.CLASS,
        uploaded_by=upload.sent_by,
    )


def _kept(upload: Upload) -> str:
    return sound_path(Recording(pk=upload.pk), "")


def _keep(path: Path, kept: str) -> None:
    """Move the bytes to where recordings are kept, for good before anybody is told."""
    with _Moved(path) as file:
        default_storage.save(kept, file)
    try:
        folder = os.open(Path(default_storage.path(kept)).parent, os.O_RDONLY)
    except NotImplementedError:
        return
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(path: Path, kept: str) -> str:
    if path.exists():
        return manifest.file_sha256(path)
    with sounds.on_disk(kept) as copy:
        return manifest.file_sha256(copy)


class _Moved(File):  # type: ignore[type-arg]
    """A file that a storage on the same disk moves instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self.path = path

    def temporary_file_path(self) -> str:
        """Return where it is; Django's own storage asks for it."""
        return str(self.path)


def destroy(upload: Upload, reason: str = ENDED) -> None:
    """Destroy the bytes of an upload; it can never be gone on with."""
    with manifest.lock(path_of(upload)):
        upload.refresh_from_db()
        if upload.state == UploadState.OPEN:
            _give_up(upload, reason)


def _give_up(upload: Upload, reason: str) -> None:
    with transaction.atomic():
        upload.state, upload.reason = UploadState.GONE, reason
        upload.save(update_fields=["state", "reason"])
        journal.record(upload.sent_by, "upload.destroy", upload, reason=reason)
    path_of(upload).unlink(missing_ok=True)
    if not Recording.objects.filter(pk=upload.pk).exists():
        default_storage.delete(_kept(upload))


def purge() -> int:
    """Destroy what was not finished in time and files that belong to no upload; return how many uploads ended."""
    late = Upload.objects.filter(state=UploadState.OPEN, expires_at__lte=timezone.now())
    for upload in late:
        destroy(upload)
    old = timezone.now() - timedelta(days=settings.UPLOAD_DAYS)
    Upload.objects.exclude(state=UploadState.OPEN).filter(expires_at__lte=old).delete()
    # Files first: a row is always older than its file.
    paths = list((Path(settings.PORTAL) / "uploads").glob("*"))
    going = {str(pk) for pk in Upload.objects.filter(state=UploadState.OPEN).values_list("pk", flat=True)}
    for path in paths:
        if path.name.removesuffix(".lock") not in going:
            path.unlink(missing_ok=True)
    return len(late)


__all__ = [
    "CHECKSUM",
    "ENDED",
    "OffsetError",
    "RefusedError",
    "append",
    "create",
    "destroy",
    "finish",
    "offset",
    "purge",
]
