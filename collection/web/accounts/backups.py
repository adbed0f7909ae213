"""A copy of everything the portal keeps, and the way back, on which nobody who withdrew comes along.

A backup is one tar file: the database, the uploads, the vault, and a manifest with the SHA-256 of each file. The key
and the ledger of withdrawals beside it are not in it: they are kept elsewhere, and no old backup rolls them back.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from collection import manifest
from collection.errors import ParlureError
from collection.intake import ROSTER, read_intake
from collection.keys import read_key
from collection.register import EventState, Role
from collection.web.audit import journal
from collection.web.consents import erasing
from collection.web.consents.answers import record_of
from collection.web.consents.models import Consent, ConsentEvent
from collection.web.recordings.models import Recording
from collection.web.releases import keeping
from collection.withdraw import WithdrawConfig, withdraw
from collection.withdrawal import tombstones

FORMAT = "parlure-portal-backup-1"
MANIFEST = "manifest.json"
_FOLDERS = ("media", "vault")


class BackupError(ParlureError):
    """A backup that cannot be made or brought back; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup says of itself."""

    made_at: str
    vendor: str
    files: dict[str, str]


def backup(out: Path) -> Contents:
    """Write a backup; the database first, so that every file it names is in the copy."""
    if out.exists():
        raise BackupError(f"{out} is there already: give a new name.")
    part = out.with_name(out.name + ".part")
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".backup-") as kept:
        folder = Path(kept)
        _dump(folder / _database())
        for name, source in _sources():
            if source.is_dir():
                shutil.copytree(source, folder / name)
        contents = Contents(timezone.now().isoformat(timespec="seconds"), connection.vendor, dict(_digests(folder)))
        told = {"format": FORMAT, "made_at": contents.made_at, "vendor": contents.vendor, "files": contents.files}
        (folder / MANIFEST).write_text(json.dumps(told, indent=1, sort_keys=True), "utf-8")
        part.touch(mode=0o600, exist_ok=False)
        with part.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(folder, arcname=".")
            file.flush()
            os.fsync(file.fileno())
    part.rename(out)
    return contents


def restore(source: Path) -> int:
    """Put a backup in the place of what is there, then make those who withdrew leave once more; return how many did.

    Web and worker must be stopped. Raises BackupError before anything is changed when the file is not whole or is of
    another kind of database.
    """
    settings.PORTAL.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.PORTAL, prefix=".restore-") as kept:
        folder = Path(kept)
        contents = _unpacked(source, folder)
        if contents.vendor != connection.vendor:
            raise BackupError(f"this backup is of {contents.vendor}, the portal runs on {connection.vendor}.")
        gone = withdrawn_here()
        _load(folder / _database())
        for name, place in _sources():
            if place.exists():
                shutil.rmtree(place)
            if (folder / name).is_dir():
                (folder / name).rename(place)
    call_command("migrate", verbosity=0)
    left = replay(gone)
    keeping.reconcile()
    return left


def withdrawn_here() -> set[str]:
    """Return the consents that the database knows as taken back whole; what a restore would forget."""
    if "consents_consentevent" not in connection.introspection.table_names():
        return set()
    events = ConsentEvent.objects.filter(state=EventState.WITHDRAWN, purposes=[])
    return {str(consent) for consent in events.values_list("consent_id", flat=True)}


def replay(gone: set[str]) -> int:
    """Let everyone leave who withdrew: as the ledger beside the key says, or the database before the restore.

    Recordings go, and the consent ends; the vault and its releases are done by ``collection.withdraw``.
    """
    ledger, source, key = None, "", None
    if (settings.VAULT / ROSTER).exists() and settings.KEY_FILE.exists():
        key = read_key(settings.KEY_FILE)
        source = read_intake(settings.VAULT).source
        ledger = tombstones.read_verified(tombstones.beside(settings.KEY_FILE), key)
        releases = [str(one) for one in erasing.releases(settings.RELEASES)]
        withdraw(
            WithdrawConfig(intake=str(settings.VAULT), key=str(settings.KEY_FILE), releases=releases, confirm=source)
        )
    left = 0
    for consent in Consent.objects.select_related("learner", "notice"):
        record = record_of(consent.learner)
        in_ledger = (
            ledger is not None
            and key is not None
            and record is not None
            and tombstones.subject(key, source, record.learner_id) in ledger.subjects
        )
        if (in_ledger or str(consent.pk) in gone) and _leave(consent):
            left += 1
    return left


def _leave(consent: Consent) -> bool:
    """Destroy a learner's recordings and end their consent; tell whether anything was left to do."""
    ended = consent.events.filter(state__in=[EventState.WITHDRAWN, EventState.EXPIRED], purposes=[]).exists()
    recordings = Recording.objects.filter(learner=consent.learner).count()
    if ended and not recordings:
        return False
    with transaction.atomic():
        # What they read in recordings of the class is silenced when its rows go.
        files, _ = erasing.forget(consent.learner, None)
        if not ended:
            ConsentEvent.objects.create(
                consent=consent,
                state=EventState.EXPIRED,
                at=timezone.now(),
                role=Role.CONTROLLER,
                entity=consent.notice.controller[:64],
            )
        journal.record("restore", "consent.replayed", consent, recordings=recordings)
    for name in files:
        default_storage.delete(name)
    return True


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield the folders of a backup; uploads in a bucket are kept there, with its own versions."""
    if isinstance(default_storage, FileSystemStorage):
        yield _FOLDERS[0], Path(settings.MEDIA_ROOT)
    yield _FOLDERS[1], Path(settings.VAULT)


def _database() -> str:
    return "database.sqlite3" if connection.vendor == "sqlite" else "database.dump"


def _dump(path: Path) -> None:
    """Write a consistent copy of the database, while it is in use."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as copy:
            connection.connection.backup(copy)
        return
    _postgres("pg_dump", "--format=custom", "--no-owner", f"--file={path}")


def _load(path: Path) -> None:
    """Put a copy in the place of the database, whole or not at all."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as copy:
            copy.backup(connection.connection)
        return
    name = connection.settings_dict["NAME"]
    connections.close_all()
    _postgres(
        "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", f"--dbname={name}", str(path)
    )


def _postgres(program: str, *options: str) -> None:
    known: dict[str, Any] = connection.settings_dict
    host = known["HOST"] or known.get("OPTIONS", {}).get("host", "")
    told = {
        "PGHOST": host,
        "PGPORT": str(known["PORT"] or ""),
        "PGUSER": known["USER"],
        "PGPASSWORD": known["PASSWORD"],
    }
    environment = {**os.environ, "PGDATABASE": known["NAME"], **{name: value for name, value in told.items() if value}}
    try:
        done = subprocess.run([program, *options], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise BackupError(f"{program} is missing: apt-get install postgresql-client.") from error
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield str(path.relative_to(folder)), manifest.file_sha256(path)


def _unpacked(source: Path, folder: Path) -> Contents:
    """Unpack a backup and check every file of it."""
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        told = json.loads((folder / MANIFEST).read_text("utf-8"))
        contents = Contents(str(datetime.fromisoformat(told["made_at"])), told["vendor"], told["files"])
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source} is not a whole backup of the portal: {error}. Nothing was changed.") from error
    if told.get("format") != FORMAT or dict(_digests(folder)) != contents.files:
        raise BackupError(f"{source} does not hold what its manifest says. Nothing was changed: take another backup.")
    return contents
