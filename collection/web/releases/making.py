"""Building a draft in the background: the vault brought up to date, then the pipeline's own build.

A proposal is built under a lock that its process holds, and the pipeline goes on where a killed build stopped. So a
task that runs twice, or after a kill, makes one draft. A draft lies under ``settings.RELEASES`` where nobody can
download it; whether everybody in it still agrees is asked once more before it is shown as ready.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks import task
from filelock import Timeout

from collection.build import Report, build
from collection.building.sources import FOLDER
from collection.config import BuildConfig
from collection.disk import DiskFullError
from collection.documents.record import Publisher
from collection.errors import NothingKeptError, ParlureError, ReleaseError, WithdrawnMeanwhileError
from collection.releases import release_names
from collection.voice import VoiceConfig
from collection.web.audit import journal
from collection.web.consents import notices
from collection.web.consents.models import Withdrawal, WithdrawalState
from collection.web.recordings.export import export
from collection.web.recordings.tasks import BUSY, SETTLED, WORKER, lock_of
from collection.web.recordings.vault import vault_lock
from collection.web.releases import figures, shelf, standing
from collection.web.releases.models import DRAFT, Proposal, State

BUILT, FAILED, WAITS = "built", "failed", "a withdrawal comes first"
NOTHING_KEPT, BUILD_FAILED, DISK_FULL = "nothing_kept", "build_failed", "disk_full"
WAITS_FOR_WITHDRAWAL = "waits_for_withdrawal"
PAUSE = timedelta(minutes=1)
"""After which a build that made way for a withdrawal goes on."""
_EVERY = 1.0
"""Seconds between two notes of how far a build has come."""


class _WithdrawalWaitsError(Exception):
    """Somebody withdrew: the destruction needs the folders that a build holds."""


@task()
def build_draft(proposal_id: str) -> str:
    """Build the draft of a proposal that has none yet; doing it again changes nothing."""
    try:
        with lock_of(f"release-{proposal_id}").acquire(blocking=False):
            proposal = Proposal.objects.filter(pk=proposal_id, state__in=(State.WAITING, State.BUILDING)).first()
            return SETTLED if proposal is None else _attempt(proposal)
    except Timeout:
        return BUSY


def taken_names() -> set[str]:
    """Return every name that a release under our key, a proposal or a folder has."""
    root = Path(settings.RELEASES)
    folders = (
        {path.name.removesuffix(".work").removesuffix(DRAFT) for path in root.iterdir()} if root.is_dir() else set()
    )
    proposed = Proposal.objects.values_list("release_name", flat=True)
    return {*release_names.read(release_names.beside(settings.KEY_FILE)), *proposed, *folders}


def _attempt(proposal: Proposal) -> str:
    Proposal.objects.filter(pk=proposal.pk).update(state=State.BUILDING, reason="", error="", step={})
    left: dict[str, int] = {}
    try:
        left |= figures.left_out(proposal)
        missing = export().missing
        report = _built(proposal)
        return _settle(proposal, report, left, missing)
    except (_WithdrawalWaitsError, WithdrawnMeanwhileError):
        with transaction.atomic():
            Proposal.objects.filter(pk=proposal.pk).update(state=State.WAITING, reason=WAITS_FOR_WITHDRAWAL, step={})
            build_draft.using(run_after=timezone.now() + PAUSE).enqueue(str(proposal.pk))
        return WAITS
    except NothingKeptError as error:
        return _fail(proposal, NOTHING_KEPT, "", {"left": left, "dropped": error.dropped})
    except DiskFullError as error:
        return _fail(proposal, DISK_FULL, str(error))
    except ParlureError as error:
        return _fail(proposal, BUILD_FAILED, str(error))
    except Exception as error:
        # Errors of ours hold pseudonyms and paths at most; of others only the kind is safe to show.
        _fail(proposal, BUILD_FAILED, type(error).__name__)
        raise


def _built(proposal: Proposal) -> Report:
    """Return the finished draft; one of other input, or a name that is used up, makes way for the next name."""
    Path(settings.RELEASES).mkdir(mode=0o700, parents=True, exist_ok=True)
    used_up = proposal.release_name in release_names.read(release_names.beside(settings.KEY_FILE))
    if used_up and not shelf.look(proposal.draft).release:
        _rename(proposal)
    try:
        return build(config_of(proposal), _on_progress(proposal))
    except ReleaseError:
        if not proposal.draft.exists():
            raise
        # Killed before it was noted here, and recordings or consents have changed since.
        _rename(proposal)
        return build(config_of(proposal), _on_progress(proposal))


def _rename(proposal: Proposal) -> None:
    """Destroy what there is of a draft, and give the proposal the next name that is free."""
    shelf.discard_all_of(proposal)
    taken, number = taken_names(), 2
    while f"{proposal.name}-{number}" in taken:
        number += 1
    proposal.release_name = f"{proposal.name}-{number}"
    proposal.save(update_fields=["release_name"])


def config_of(proposal: Proposal) -> BuildConfig:
    """Return what the pipeline is asked for: its own settings, but for what the steward chose."""
    notice = notices.current()
    measured = Path(settings.RELEASE_PRIVACY) / f"{proposal.transform}.json"
    return BuildConfig(
        importer=FOLDER,
        intake=str(settings.VAULT),
        out=str(proposal.draft),
        key=str(settings.KEY_FILE),
        name=proposal.release_name,
        purposes=list(proposal.purposes),
        schools=[school.name for school in proposal.schools.all()],
        languages=[proposal.language] if proposal.language else [],
        publisher=Publisher(notice.controller, contact=notice.contact or None) if notice else Publisher(),
        k=proposal.k,
        voice=VoiceConfig(transform=proposal.transform),
        privacy=str(measured) if measured.exists() else None,
        workers=settings.RELEASE_WORKERS,
    )


def _on_progress(proposal: Proposal) -> Callable[[str, int, int], None]:
    """Return what notes how far the build is, and stops it when somebody has withdrawn since it began."""
    began, noted = timezone.now(), [0.0]

    def hear(step: str, done: int, total: int) -> None:
        if withdrawn_since(began):
            raise _WithdrawalWaitsError
        if time.monotonic() - noted[0] >= _EVERY:
            noted[0] = time.monotonic()
            Proposal.objects.filter(pk=proposal.pk).update(step={"step": step, "done": done, "total": total})

    return hear


def withdrawn_since(moment: datetime) -> bool:
    """Tell whether a withdrawal that came after a moment is still to be carried out."""
    return Withdrawal.objects.filter(at__gte=moment).exclude(state=WithdrawalState.DONE).exists()


def _settle(proposal: Proposal, report: Report, left: Mapping[str, int], missing: int) -> str:
    """Show the draft as ready, unless somebody in it no longer agrees: then it is destroyed."""
    found = figures.figures_of(report.release, report, left, missing)
    with vault_lock(), transaction.atomic():
        now = Proposal.objects.select_for_update().filter(pk=proposal.pk, state=State.BUILDING).first()
        if now is None:
            # Refused while it was built.
            shelf.discard_all_of(proposal)
            return SETTLED
        drafted = shelf.look(now.draft)
        refused = standing.refused(drafted.release) if drafted.release else {}
        if drafted.release is None or drafted.superseded or refused:
            outdate(now, refused)
            return FAILED
        now.figures = found
        now.manifest = shelf.manifest_of(now.draft)
        now.state, now.reason, now.error, now.step = State.READY, "", "", {}
        now.built_at = timezone.now()
        now.save()
        kept = now.figures["kept"]
        journal.record(
            WORKER, "release.build", now, release=now.release_name, rows=kept["rows"], speakers=kept["speakers"]
        )
    return BUILT


def outdate(proposal: Proposal, refused: Mapping[str, int], reason: str = standing.CONSENT_ENDED) -> None:
    """Destroy a draft that may not be approved any more and say why; under the vault's lock, in a transaction."""
    shelf.discard_all_of(proposal)
    proposal.state, proposal.reason, proposal.step = State.OUTDATED, reason, {}
    proposal.figures = {**proposal.figures, "refused": dict(refused)}
    proposal.save()
    journal.record(WORKER, "release.outdate", proposal, release=proposal.release_name, reason=reason)


def _fail(proposal: Proposal, reason: str, error: str, found: dict[str, object] | None = None) -> str:
    with transaction.atomic():
        Proposal.objects.filter(pk=proposal.pk, state=State.BUILDING).update(
            state=State.FAILED, reason=reason, error=error, step={}, figures=found or {}
        )
        journal.record(WORKER, "release.fail", proposal, reason=reason)
    return FAILED
