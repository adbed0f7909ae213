"""Handing an approved release over, and who has which.

Everybody is asked again at this door too. Before the first byte leaves, a line stands in the pipeline's list beside
the key, which no restored backup rolls back, and a row here says for whom and what for.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tasks import task
from filelock import Timeout

from collection import manifest
from collection.documents.policy import USAGE
from collection.errors import ParlureError, ReleaseError
from collection.publish import PublishConfig, publish
from collection.release import Release
from collection.releases import publications
from collection.releases.publications import Publication
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.recordings.tasks import BUSY, SETTLED, WORKER, lock_of
from collection.web.releases import shelf, standing
from collection.web.releases.making import PAUSE, WAITS, withdrawn_since
from collection.web.releases.models import Delivery, Holder, Kind, Notified, Proposal, State
from collection.withdrawal import withdrawn

SUPERSEDED, NOT_APPROVED, GONE = "release_superseded", "release_not_approved", "release_missing"
DOWNLOAD = "download:"
"""What the list beside the key calls a download, before the organisation and an id."""
SENT = "sent"
_PIECE = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


class RefusedError(Exception):
    """A release may not be handed over now; ``reason`` is a code, ``gone`` how many learners stand in the way."""

    def __init__(self, reason: str, gone: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.gone = reason, gone


def opened(proposal: Proposal) -> Release:
    """Return the release of a proposal, when it may be handed over today; raises RefusedError."""
    if proposal.state != State.APPROVED:
        raise RefusedError(NOT_APPROVED)
    found = shelf.look(proposal.path)
    if found.superseded:
        raise RefusedError(SUPERSEDED, max(found.gone, 0))
    if found.release is None or shelf.manifest_of(proposal.path) != proposal.manifest:
        raise RefusedError(GONE)
    try:
        refused = standing.refused(found.release)
    except ParlureError:
        raise RefusedError(standing.CANNOT_TELL) from None
    if refused:
        raise RefusedError(standing.CONSENT_ENDED, sum(refused.values()))
    return found.release


def note_download(proposal: Proposal, user: User, organisation: str, purpose: str, note: str) -> Holder:
    """Note who is given a release to take with them, in the list beside the key and here."""
    pk = uuid4()
    with transaction.atomic():
        holder = Holder.objects.create(
            id=pk,
            release_name=proposal.release_name,
            organisation=organisation,
            kind=Kind.DOWNLOAD,
            target=f"{DOWNLOAD}{organisation}#{pk}",
            purpose=purpose,
            note=note,
            usage=USAGE,
            by=user,
            at=timezone.now(),
        )
        journal.record(user, "release.download", holder, release=proposal.release_name, purpose=purpose, usage=USAGE)
        line = Publication(
            release=proposal.release_name,
            manifest=proposal.manifest,
            target=holder.target,
            state=publications.State.FINISHED,
            at=holder.at,
            private=True,
            gated=True,
        )
        publications.append(publications.beside(settings.KEY_FILE), line)
    return holder


def note_publication(
    proposal: Proposal, user: User, base: str, organisation: str, purpose: str, note: str
) -> Holder | None:
    """Have a release sent to a place of its own under an allowed address; ``None`` when it was sent there already."""
    if base not in settings.RELEASE_TARGETS:
        raise ReleaseError(f"{base} is none of the places that RELEASE_TARGETS allows.")
    try:
        with transaction.atomic():
            holder = Holder.objects.create(
                release_name=proposal.release_name,
                organisation=organisation,
                kind=Kind.PUBLICATION,
                target=f"{base.rstrip('/')}/{proposal.release_name}",
                purpose=purpose,
                note=note,
                usage=USAGE,
                state=Delivery.WAITING,
                by=user,
                at=timezone.now(),
            )
            journal.record(user, "release.publish", holder, release=proposal.release_name, purpose=purpose, usage=USAGE)
            send.enqueue(str(holder.pk))
    except IntegrityError:
        return None
    return holder


@task()
def send(holder_id: str) -> str:
    """Send a release to where it was asked for; stopped at any moment, another run goes on."""
    try:
        with lock_of(f"holder-{holder_id}").acquire(blocking=False):
            going = (Delivery.WAITING, Delivery.SENDING)
            holder = Holder.objects.filter(pk=holder_id, kind=Kind.PUBLICATION, state__in=going).first()
            return SETTLED if holder is None else _send(holder)
    except Timeout:
        return BUSY


def _send(holder: Holder) -> str:
    began = timezone.now()

    def still(_done: int, _total: int) -> None:
        if withdrawn_since(began):
            raise RefusedError(WAITS)

    Holder.objects.filter(pk=holder.pk).update(state=Delivery.SENDING, error="")
    proposal = Proposal.objects.filter(release_name=holder.release_name).first()
    try:
        if proposal is None:
            raise RefusedError(GONE)
        opened(proposal)
        config = PublishConfig(release=str(proposal.path), to=holder.target, key=str(settings.KEY_FILE))
        publish(config, still, standing.answers_now)
    except (ParlureError, RefusedError) as error:
        if isinstance(error.__cause__, RefusedError) and error.__cause__.reason == WAITS:
            Holder.objects.filter(pk=holder.pk).update(state=Delivery.WAITING)
            send.using(run_after=timezone.now() + PAUSE).enqueue(str(holder.pk))
            return WAITS
        return _settle(holder, Delivery.FAILED, str(error))
    except Exception as error:
        _settle(holder, Delivery.FAILED, type(error).__name__)
        raise
    return _settle(holder, Delivery.DONE, "")


def _settle(holder: Holder, state: Delivery, error: str) -> str:
    with transaction.atomic():
        Holder.objects.filter(pk=holder.pk).update(state=state, error=error)
        journal.record(WORKER, "release.sent", holder, release=holder.release_name, state=state.value)
    return SENT if state == Delivery.DONE else state.value


def send_again(holder: Holder, user: User) -> bool:
    """Go on with a publication that was interrupted; tell whether it was."""
    with transaction.atomic():
        if not Holder.objects.filter(pk=holder.pk, state=Delivery.FAILED).update(state=Delivery.WAITING, error=""):
            return False
        journal.record(user, "release.send.again", holder, release=holder.release_name)
        send.enqueue(str(holder.pk))
    return True


def archive(release: Release, still: Callable[[], object]) -> Iterator[bytes]:
    """Yield a release as a tar file, its manifest last; ``still`` is asked before each file and may raise."""
    for name in _names(release):
        still()
        path = release.path / name
        info = tarfile.TarInfo(f"{release.name}/{name}")
        info.size, info.mode = path.stat().st_size, 0o600
        yield info.tobuf(tarfile.USTAR_FORMAT)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        yield bytes(-info.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def archive_size(release: Release) -> int:
    """Return the size of ``archive`` in bytes."""
    sizes = [(release.path / name).stat().st_size for name in _names(release)]
    return sum(_BLOCK + size + -size % _BLOCK for size in sizes) + 2 * _BLOCK


def _names(release: Release) -> list[str]:
    return [*sorted(release.manifest["files"]), manifest.NAME]


def same_release(proposal: Proposal) -> Callable[[], None]:
    """Return what stops an archive on its way as soon as somebody leaves the release: it then has no manifest."""

    def still() -> None:
        if shelf.gone(proposal.path):
            raise ReleaseError(f"a learner withdrew while {proposal.release_name} was being downloaded.")

    return still


@dataclass(frozen=True, slots=True)
class Owed:
    """A holder of a superseded release: how many learners left it, and whether this holder was told of all of them."""

    holder: Holder
    gone: int
    notice: str
    told: Notified | None


def owed() -> list[Owed]:
    """Return every holder of a release that somebody has left, those who are still to be told first.

    A holder has at least a part of it: what failed before the first byte is in no list and was given to nobody.
    """
    given = {(one.release, one.target) for one in publications.read(publications.beside(settings.KEY_FILE))}
    marks = {name: _mark(name) for name in Holder.objects.values_list("release_name", flat=True).distinct()}
    concerned = [name for name, (gone, _) in marks.items() if gone]
    found = []
    for holder in Holder.objects.filter(release_name__in=concerned).prefetch_related("notified"):
        if (holder.release_name, holder.target) not in given:
            continue
        gone, notice = marks[holder.release_name]
        told = next((one for one in holder.notified.all() if one.notice == notice), None)
        found.append(Owed(holder, gone, notice, told))
    return sorted(found, key=lambda one: (one.told is not None, one.holder.release_name, one.holder.organisation))


def _mark(release_name: str) -> tuple[int, str]:
    folder = Path(settings.RELEASES) / release_name
    gone = shelf.gone(folder)
    data = notice_of(folder) if gone else b""
    return gone, hashlib.sha256(data).hexdigest()


def notice_of(folder: Path) -> bytes:
    """Return the notice to holders as the pipeline wrote it, ``withdrawn.json``: pseudonyms only; empty without one."""
    try:
        return (folder / withdrawn.NAME).read_bytes()
    except OSError:
        return b""
