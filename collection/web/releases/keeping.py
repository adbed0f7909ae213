"""Bringing rows and disk together again: after a kill, at each start of a worker, and after a restored backup.

The disk and the list beside the key are believed; a row that says more than they do is corrected. Doing it again does
nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from collection import manifest
from collection.consent import Reason
from collection.releases import publications, work_folder
from collection.web.audit import journal
from collection.web.recordings.requeue import queue_again
from collection.web.recordings.vault import vault_lock
from collection.web.releases import shelf
from collection.web.releases.deciding import MISSING
from collection.web.releases.handing import DOWNLOAD, send
from collection.web.releases.making import build_draft, outdate
from collection.web.releases.models import DRAFT, Delivery, Holder, Kind, Proposal, State

KEEPER = "keeper"
"""Who the journal names for what is brought together."""


def requeue() -> int:
    """Queue builds and publications again that nobody works on; return how many."""
    queued = 0
    for proposal in Proposal.objects.filter(state__in=(State.WAITING, State.BUILDING)):
        queued += queue_again(build_draft, str(proposal.pk), f"release-{proposal.pk}")
    for holder in Holder.objects.filter(kind=Kind.PUBLICATION, state__in=(Delivery.WAITING, Delivery.SENDING)):
        queued += queue_again(send, str(holder.pk), f"holder-{holder.pk}")
    return queued


def reconcile() -> None:
    """Correct rows by what lies on the disk, and destroy drafts that nobody can decide about."""
    with vault_lock():
        for proposal in Proposal.objects.all():
            _correct(proposal)
        _tidy(Path(settings.RELEASES))
    _holders()


def forget_outdated() -> int:
    """Destroy the drafts that somebody has left, as soon as the mark says so; return how many."""
    with vault_lock():
        found = [one for one in Proposal.objects.filter(state=State.READY) if shelf.gone(one.draft)]
        for proposal in found:
            _correct(proposal)
    return len(found)


def _correct(proposal: Proposal) -> None:
    with transaction.atomic():
        if proposal.state == State.APPROVED:
            shelf.place(proposal)
            return
        if proposal.state != State.READY:
            return
        if shelf.manifest_of(proposal.path) == proposal.manifest:
            # Approved after the backup, or killed before it was noted: it was shown as it lies there.
            proposal.state, proposal.decided_at = State.APPROVED, timezone.now()
            proposal.save()
            journal.record(KEEPER, "release.found", proposal, release=proposal.release_name)
            return
        found = shelf.look(proposal.draft)
        if found.superseded:
            outdate(proposal, {Reason.WITHDRAWN.value: max(found.gone, 1)})
        elif found.release is None or shelf.manifest_of(proposal.draft) != proposal.manifest:
            outdate(proposal, {}, MISSING)


def _tidy(root: Path) -> None:
    """Destroy what a kill or a restore left: halves, and drafts without a proposal that waits for them."""
    if not root.is_dir():
        return
    for path in root.glob(f"{shelf.TRASH}*"):
        shutil.rmtree(path)
    open_names = set(
        Proposal.objects.exclude(state__in=(State.APPROVED, State.REJECTED)).values_list("release_name", flat=True)
    )
    for path in root.glob(f"*{DRAFT}"):
        if path.name.removesuffix(DRAFT) not in open_names and manifest.read(path) is not None:
            shelf.discard(path)
    for path in root.glob(f"*{DRAFT}.work"):
        if path.name.removesuffix(f"{DRAFT}.work") not in open_names:
            work_folder.close_folder(path)


def _holders() -> None:
    """Make a row for every place that the list beside the key knows and the database does not."""
    known = set(Holder.objects.values_list("release_name", "target"))
    for line in publications.read(publications.beside(settings.KEY_FILE)):
        if (line.release, line.target) in known:
            continue
        known.add((line.release, line.target))
        downloaded = line.target.startswith(DOWNLOAD)
        organisation = line.target.removeprefix(DOWNLOAD).rpartition("#")[0] if downloaded else line.target
        with transaction.atomic():
            holder = Holder.objects.create(
                release_name=line.release,
                organisation=organisation[:200],
                kind=Kind.DOWNLOAD if downloaded else Kind.PUBLICATION,
                target=line.target,
                state=Delivery.DONE,
                at=line.at,
            )
            journal.record(KEEPER, "release.holder.found", holder, release=line.release)
