"""Which uploads may begin: type, size, consent, room at the school, and how many an hour."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from math import isfinite
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from collection.audio import AudioLimits
from collection.pseudonymise import device_kind
from collection.web.accounts.models import School, User
from collection.web.classes.models import Learner, ReadingSession
from collection.web.recordings.models import Recording, Upload, UploadState
from collection.web.recordings.permission import refusal

MAX_BYTES = AudioLimits().max_bytes
_AUDIO = (
    "wav",
    "x-wav",
    "wave",
    "vnd.wave",
    "flac",
    "x-flac",
    "ogg",
    "opus",
    "mpeg",
    "mp3",
    "mp4",
    "x-m4a",
    "m4a",
    "webm",
)
TYPES = {f"audio/{kind}" for kind in _AUDIO} | {
    "video/webm",
    "video/mp4",
    "application/ogg",
    "application/octet-stream",
}
"""Types a browser gives the files that the pipeline reads; some call any WebM, Ogg or MP4 a video."""
ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".mp4", ".webm")
"""What the file chooser offers."""
MICROPHONE = ("level_dbfs", "noise_dbfs")
"""What the microphone check measures, in dBFS."""
VERDICTS = ("good", "too_far", "too_loud", "noisy_room")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class RefusedUploadError(Exception):
    """An upload may not begin: HTTP ``status``, a ``reason`` for ``in_words``, seconds to wait if that helps."""

    def __init__(self, status: int, reason: str, retry_after: int = 0) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def admit(user: User, session: ReadingSession, learner: Learner | None, length: int, told: dict[str, str]) -> Upload:
    """Return an upload that may begin, not saved yet; call it in the transaction that saves it.

    ``told`` is what the sender says: ``filetype``, ``sha256`` (hex), ``position``, ``device``, ``microphone`` (JSON).
    Raises RefusedUploadError.
    """
    if length == 0:
        raise RefusedUploadError(400, "audio_empty_file")
    if length > MAX_BYTES:
        raise RefusedUploadError(413, "audio_too_large")
    if told.get("filetype", "").partition(";")[0].strip().lower() not in TYPES | {""}:
        raise RefusedUploadError(415, "audio_container_not_allowed")
    reason = refusal(session, learner)
    if reason is not None:
        raise RefusedUploadError(403, reason)
    # The school's line is locked, so that two uploads cannot both take the last of its room.
    school = School.objects.select_for_update().get(pk=session.school_class.school_id)
    if used(school) + length > school.quota_mib * 2**20:
        raise RefusedUploadError(413, "quota_exceeded")
    hour = timezone.now() - timedelta(hours=1)
    if Upload.objects.filter(sent_by=user, created_at__gte=hour).count() >= settings.UPLOADS_PER_HOUR:
        raise RefusedUploadError(429, "too_many_uploads", 600)
    sha256 = told.get("sha256", "").lower()
    if sha256 and not _SHA256.fullmatch(sha256):
        raise RefusedUploadError(400, "upload_malformed")
    return Upload(
        session=session,
        learner=learner,
        position=_position(session, learner, told.get("position", "")),
        length=length,
        sha256=sha256,
        device=device_kind(told.get("device")) or "",
        microphone=_microphone(told.get("microphone", "")),
        sent_by=user,
        expires_at=timezone.now() + timedelta(days=settings.UPLOAD_DAYS),
    )


def used(school: School) -> int:
    """Return the bytes that a school's recordings take, and those that are announced."""
    kept = Recording.objects.filter(session__school_class__school=school).aggregate(bytes=Sum("size"))
    coming = Upload.objects.filter(session__school_class__school=school, state=UploadState.OPEN)
    return (kept["bytes"] or 0) + (coming.aggregate(bytes=Sum("length"))["bytes"] or 0)


def _position(session: ReadingSession, learner: Learner | None, told: str) -> int | None:
    if not told:
        return None
    if learner is None or not told.isdecimal() or not session.turns.filter(position=int(told[:9])).exists():
        raise RefusedUploadError(400, "upload_malformed")
    return int(told)


def _microphone(told: str) -> dict[str, Any]:
    """Return what the microphone check found, its fields and values only."""
    if not told:
        return {}
    try:
        given = json.loads(told)
        measured = {name: round(float(given[name]), 1) for name in MICROPHONE}
        verdict = given["verdict"]
    except (ValueError, KeyError, TypeError):
        raise RefusedUploadError(400, "upload_malformed") from None
    if verdict not in VERDICTS or not all(isfinite(value) and -200 <= value <= 20 for value in measured.values()):
        raise RefusedUploadError(400, "upload_malformed")
    return {**measured, "verdict": verdict}
