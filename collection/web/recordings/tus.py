"""The tus protocol 1.0.0 (tus.io/protocols/resumable-upload): creation, termination, expiration, checksum.

Why not drf-tus: ADR 19. Refusals carry a code that pages put into words (``in_words``), in the body, never a trace.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.classes.models import ReadingSession
from collection.web.recordings import uploads
from collection.web.recordings.admission import MAX_BYTES, RefusedUploadError, admit
from collection.web.recordings.models import Upload, UploadState
from collection.web.recordings.uploads import OffsetError, RefusedError
from collection.web.words import in_words

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration,checksum"
ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
"""The protocol asks for sha1; against faults of the line it serves as well as another."""
BLOCK = 64 * 1024
MAX_METADATA = 4096
CHECKSUM_MISMATCH = 460
OCTETS = "application/offset+octet-stream"


def answer(status: int, reason: str = "", **headers: str | int) -> HttpResponse:
    """Return an answer of the protocol; a refusal says why, as a code and in words."""
    body = json.dumps({"reason": reason, "words": in_words(reason)}) if reason else ""
    response = HttpResponse(body, status=status, content_type="application/json" if reason else "text/plain")
    response["Tus-Resumable"] = VERSION
    response["Cache-Control"] = "no-store"
    for name, value in headers.items():
        response[name.replace("_", "-")] = str(value)
    return response


def unspoken(request: Request, *methods: str) -> HttpResponse | None:
    """Answer OPTIONS, other methods and other versions of the protocol; ``None`` for what is to be worked on.

    Asked after the object was found among the user's own: what is somebody else's has no methods.
    """
    if request.method == "OPTIONS":
        return answer(
            204,
            Tus_Version=VERSION,
            Tus_Extension=EXTENSIONS,
            Tus_Max_Size=MAX_BYTES,
            Tus_Checksum_Algorithm=",".join(ALGORITHMS),
        )
    if request.method not in methods:
        return HttpResponseNotAllowed([*methods, "OPTIONS"])
    if request.headers.get("Tus-Resumable") != VERSION:
        return answer(412, "upload_version", Tus_Version=VERSION)
    return None


@allowed(Role.TEACHER)
def create(request: Request, session_id: str) -> HttpResponse:
    """Begin an upload to a session, or refuse it before a byte is sent."""
    session = get_object_or_404(ReadingSession.objects.for_user(request.user), pk=session_id)
    if (other := unspoken(request, "POST")) is not None:
        return other
    try:
        told = metadata(request.headers.get("Upload-Metadata", ""))
        length = int(request.headers.get("Upload-Length", ""))
        if length < 0:
            raise ValueError
    except ValueError:
        return answer(400, "upload_malformed")
    learner = None
    if told.get("learner"):
        try:
            wanted = UUID(told["learner"])
        except ValueError:
            return answer(400, "upload_malformed")
        learner = get_object_or_404(session.school_class.learners, pk=wanted)
    try:
        with transaction.atomic():
            upload = admit(request.user, session, learner, length, told)
            uploads.create(upload)
    except RefusedUploadError as refused:
        response = answer(refused.status, refused.reason)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    where = reverse("upload", kwargs={"session_id": session.pk, "upload_id": upload.pk})
    return answer(201, Location=where, Upload_Expires=http_date(upload.expires_at.timestamp()))


@allowed(Role.TEACHER)
def upload(request: Request, session_id: str, upload_id: str) -> HttpResponse:
    """Say how much has come (HEAD), take in more (PATCH), or give up (DELETE)."""
    found = get_object_or_404(Upload.objects.for_user(request.user), pk=upload_id, session=session_id)
    if (other := unspoken(request, "HEAD", "PATCH", "DELETE")) is not None:
        return other
    if found.state == UploadState.OPEN and found.expires_at <= timezone.now():
        uploads.destroy(found)
        found.refresh_from_db()
    if request.method == "DELETE":
        if found.state == UploadState.DONE:
            return answer(409, "upload_complete")
        uploads.destroy(found)
        return answer(204)
    if found.state == UploadState.GONE:
        return answer(410, found.reason or uploads.ENDED)
    return _head(found) if request.method == "HEAD" else _patch(request, found)


def _head(found: Upload) -> HttpResponse:
    at = uploads.offset(found)
    if at == found.length and found.state == UploadState.OPEN:
        # Everything had come when the server was stopped: nobody will send more, so it is finished here.
        refused = _finish(found)
        if refused is not None:
            return refused
    return answer(200, Upload_Offset=at, Upload_Length=found.length, Upload_Expires=_until(found))


def _patch(request: Request, found: Upload) -> HttpResponse:
    if request.content_type != OCTETS:
        return answer(415, "upload_malformed")
    try:
        at, count = int(request.headers["Upload-Offset"]), int(request.headers["Content-Length"])
        name, _, digest = request.headers.get("Upload-Checksum", "").partition(" ")
        wanted = b64decode(digest, validate=True)
        if at < 0 or count < 0 or (name and name not in ALGORITHMS):
            raise ValueError
    except (KeyError, ValueError, binascii.Error):
        return answer(400, "upload_malformed")
    here = uploads.offset(found)
    if at != here:
        return answer(409, "upload_elsewhere", Upload_Offset=here)
    if at + count > found.length:
        return answer(413, "audio_too_large", Upload_Offset=here)
    try:
        with _patience(request), _checked(_blocks(request, count), name, wanted) as blocks:
            end = uploads.append(found, at, blocks)
    except _MismatchError:
        return answer(CHECKSUM_MISMATCH, "upload_checksum", Upload_Offset=here)
    except OffsetError as error:
        return answer(409, "upload_elsewhere", Upload_Offset=error.offset)
    except RefusedError as refused:
        uploads.destroy(found, refused.reason)
        return answer(415, refused.reason)
    if end == found.length:
        refused_now = _finish(found)
        if refused_now is not None:
            return refused_now
    return answer(204, Upload_Offset=end, Upload_Expires=_until(found))


def _finish(found: Upload) -> HttpResponse | None:
    """Finish a complete upload; return the answer when its bytes had to be destroyed."""
    if uploads.finish(found) is not None:
        return None
    return answer(CHECKSUM_MISMATCH if found.reason == uploads.CHECKSUM else 403, found.reason or uploads.ENDED)


def _until(found: Upload) -> str:
    return http_date(found.expires_at.timestamp())


def _blocks(request: Request, count: int) -> Iterator[bytes]:
    """Yield what comes, up to ``count`` bytes; a line that is cut ends it, what came before stays."""
    while count > 0:
        try:
            block = request.read(min(BLOCK, count))
        except (UnreadablePostError, OSError):
            return
        if not block:
            return
        count -= len(block)
        yield block


class _MismatchError(Exception):
    """What came is not what was sent."""


@contextmanager
def _checked(blocks: Iterator[bytes], name: str, wanted: bytes) -> Iterator[Iterator[bytes]]:
    """Give the blocks; with a checksum only once all of them are there and it holds."""
    if not name:
        yield blocks
        return
    digest = ALGORITHMS[name]()
    with tempfile.TemporaryFile() as kept:
        for block in blocks:
            digest.update(block)
            kept.write(block)
        if not hmac.compare_digest(digest.digest(), wanted):
            raise _MismatchError
        kept.seek(0)
        yield iter(lambda: kept.read(BLOCK), b"")


@contextmanager
def _patience(request: Request) -> Iterator[None]:
    """Wait only so long for the next byte: a closed laptop never says goodbye, and would keep a thread for ever."""
    socket = request.META.get("gunicorn.socket")
    if socket is None:
        yield
        return
    before = socket.gettimeout()
    socket.settimeout(settings.UPLOAD_PATIENCE)
    try:
        yield
    finally:
        socket.settimeout(before)


def metadata(header: str) -> dict[str, str]:
    """Return the pairs of an Upload-Metadata header; raises ValueError for one that is no such thing."""
    if len(header) > MAX_METADATA:
        raise ValueError("too long")
    pairs: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            pairs[name] = b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("not base64 of UTF-8") from error
    return pairs
