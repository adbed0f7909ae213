"""Writing and checking the journal: every line carries the hash of the line before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from collection.manifest import canonical_json
from collection.web.accounts.models import User
from collection.web.audit.models import Entry

FIRST = "0" * 64
"""What stands before the first line."""
_ATTEMPTS = 20


def record(actor: User | str, action: str, subject: Model | str = "", **details: Any) -> Entry:
    """Append one line. ``actor`` is an account, or a word such as ``guardian``; ``subject`` a model row or an id.

    Values must be ids, counts or codes: a name here could never be taken out again. Call it inside the transaction of
    what it tells, so that neither stands without the other.
    """
    who = str(actor.pk) if isinstance(actor, User) else actor
    what = f"{subject._meta.model_name}:{subject.pk}" if isinstance(subject, Model) else subject
    for _ in range(_ATTEMPTS):
        last = Entry.objects.order_by("-seq").first()
        entry = Entry(
            seq=last.seq + 1 if last else 1,
            at=timezone.now(),
            actor=who,
            action=action,
            subject=what,
            details=details,
            before=last.sha256 if last else FIRST,
        )
        entry.sha256 = digest(entry)
        try:
            # Two writers may want the same number: the slower one takes the next.
            with transaction.atomic():
                entry.save(force_insert=True)
            return entry
        except IntegrityError:
            continue
    raise RuntimeError("the journal is too busy to be written to")


def digest(entry: Entry) -> str:
    """Return the SHA-256 (hex) of a line and of the hash before it."""
    line = {
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": entry.details,
        "before": entry.before,
    }
    return hashlib.sha256(canonical_json(line).encode()).hexdigest()


def broken(entries: Iterable[Entry]) -> int | None:
    """Return the number of the first line that was changed, removed or moved; ``None`` when all hold together.

    A cut tail is only seen against a head kept elsewhere: the number and hash of the last line.
    """
    before = FIRST
    for position, entry in enumerate(entries, start=1):
        if entry.seq != position or entry.before != before or entry.sha256 != digest(entry):
            return position
        before = entry.sha256
    return None


def head() -> tuple[int, str, datetime] | None:
    """Return number, hash and time of the last line, to be kept elsewhere."""
    last = Entry.objects.order_by("-seq").first()
    return (last.seq, last.sha256, last.at) if last else None
