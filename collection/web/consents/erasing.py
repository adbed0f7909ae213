"""Destroying what a withdrawn consent had allowed: here at once, and in the pipeline's vault by a task.

The rows go in the transaction of the withdrawal, so that nothing can be played after it; the sound files right after
it; the vault and its releases by ``collection.withdraw``. The task is queued in the same transaction, and every attempt
queues the next one before it begins: whatever stops it, somebody goes on until nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_tasks import task

from collection import manifest
from collection.classes import voiceprints
from collection.errors import ParlureError
from collection.intake import REGISTER, ROSTER, read_intake
from collection.keys import read_key
from collection.register import Role, read_register, write_register
from collection.releases import work_folder
from collection.web.audit import journal
from collection.web.classes.models import Learner
from collection.web.consents import answers
from collection.web.consents.models import Consent, Party, Withdrawal, WithdrawalState
from collection.web.recordings import forgetting, sounds
from collection.web.recordings.models import Recording, Segment, Upload
from collection.web.recordings.vault import vault_lock
from collection.web.releases import keeping
from collection.withdraw import WithdrawConfig, withdraw

LONGEST_WAIT = timedelta(hours=6)
OnStep = Callable[[str], None]
Stretch = list[str | float]
"""A recording's id, start and end in seconds."""


def begin(consent: Consent, party: Party | None, at: datetime | None = None) -> Withdrawal:
    """Take everything of a learner out of reach, end their links, and queue its destruction; inside a transaction.

    ``party`` is who withdrew; ``None`` when nobody did and the announced retention is over.
    """
    at = at or timezone.now()
    found = Withdrawal(
        consent=consent,
        subject=answers.pipeline_id(consent.learner),
        role=party.role if party else Role.CONTROLLER,
        entity=str(party.pk) if party else consent.notice.controller[:64],
        at=at,
    )
    found.files, found.stretches = forget(consent.learner, at)
    found.save(force_insert=True)
    # The pipeline closes a learner id for good: who comes back is somebody else there.
    consent.subject = uuid4()
    consent.save(update_fields=["subject"])
    consent.parties.update(links_since=at)
    journal.record("portal", "consent.erase", found, files=len(found.files))
    erase.enqueue(str(found.pk))
    transaction.on_commit(partial(_destroy_files, found.pk), robust=True)
    transaction.on_commit(partial(forgetting.end_uploads, consent.learner), robust=True)
    return found


@task()
def erase(withdrawal_id: str) -> None:
    """Destroy what is left of a withdrawn consent; does nothing when nothing is left."""
    run(withdrawal_id)


def run(withdrawal_id: str, on_step: OnStep | None = None) -> None:
    """Make one attempt; ``on_step`` hears what is done next. A failure is shown to the steward and tried again."""
    found = Withdrawal.objects.exclude(state=WithdrawalState.DONE).filter(pk=withdrawal_id).first()
    if found is None:
        return
    with transaction.atomic():
        found.attempts += 1
        found.state = WithdrawalState.WORKING
        found.save(update_fields=["attempts", "state"])
        wait = min(timedelta(minutes=2 ** min(found.attempts, 10)), LONGEST_WAIT)
        erase.using(run_after=timezone.now() + wait).enqueue(str(found.pk))
    try:
        with transaction.atomic():
            learner = answers.with_answers(Learner.objects.filter(consent=found.consent_id)).get()
            # What was on its way here when the consent was taken back.
            late = forget(learner, None if not answers.may_be_heard(learner) else found.at)
            found.files, found.stretches = [*found.files, *late[0]], [*found.stretches, *late[1]]
            found.save(update_fields=["files", "stretches"])
        _destroy_files(found.pk)
        forgetting.end_uploads(learner)
        _in_vault(found, learner, on_step)
        keeping.forget_outdated()
        _silence(found)
    except Exception as error:
        # Errors of ours hold pseudonyms and paths at most; of others only the kind is safe to show.
        found.error = str(error) if isinstance(error, ParlureError) else type(error).__name__
        found.state = WithdrawalState.WAITING
        found.save(update_fields=["error", "state"])
        return
    with transaction.atomic():
        found.state, found.error, found.finished_at = WithdrawalState.DONE, "", timezone.now()
        found.save(update_fields=["state", "error", "finished_at"])
        journal.record("portal", "consent.erased", found, attempts=found.attempts)


def again() -> int:
    """Queue every unfinished destruction anew and return how many there are; for the steward's button."""
    waiting = Withdrawal.objects.exclude(state=WithdrawalState.DONE)
    for found in waiting:
        erase.enqueue(str(found.pk))
    return len(waiting)


def forget(learner: Learner, until: datetime | None) -> tuple[list[str], list[Stretch]]:
    """Delete a learner's recordings and segments, up to a moment or all.

    Return the files that are now nobody's, and where the learner was heard in recordings of the class.
    """
    before = Recording.objects.filter(Q() if until is None else Q(created_at__lte=until))
    recordings = before.filter(learner=learner)
    files = sorted({name for one in recordings for name in (str(one.sound.name or ""), sounds.kept_path(one)) if name})
    elsewhere = Segment.objects.filter(learner=learner, recording__in=before).exclude(recording__learner=learner)
    stretches: list[Stretch] = [[str(one.recording_id), one.start, one.end] for one in elsewhere]
    elsewhere.delete()
    Upload.objects.filter(recording__in=recordings).delete()
    recordings.delete()
    return files, stretches


def _silence(found: Withdrawal) -> None:
    """Make silent what the learner read in recordings of the class; the others are heard on."""
    while found.stretches:
        recording_id, start, end = found.stretches[0]
        forgetting.silence.call(str(recording_id), float(start), float(end))
        found.stretches = found.stretches[1:]
        found.save(update_fields=["stretches"])


def _destroy_files(withdrawal_id: UUID) -> None:
    """Destroy the files of a withdrawal and note that they are gone; a second time it finds nothing to do."""
    found = Withdrawal.objects.get(pk=withdrawal_id)
    for name in found.files:
        default_storage.delete(name)
    Withdrawal.objects.filter(pk=found.pk).update(files=[])


def _in_vault(found: Withdrawal, learner: Learner, on_step: OnStep | None) -> None:
    """Run the pipeline's withdrawal on the vault and every release, where there is a vault."""
    if not (settings.VAULT / ROSTER).exists():
        # Nothing was ever exported, but a voiceprint may have been made.
        if (settings.VAULT / voiceprints.FOLDER).exists():
            with vault_lock():
                voiceprints.erase(settings.VAULT, read_key(settings.KEY_FILE), str(found.subject))
        return
    with vault_lock():
        register = settings.VAULT / REGISTER
        known = read_register(register) if register.exists() else {}
        subject = str(found.subject)
        if subject not in known:
            # Known to nobody there, or no longer: the ledger has to hear of it all the same.
            record = answers.record_of(learner, subject)
            assert record is not None  # noqa: S101
            write_register(register, [*known.values(), record])
        config = WithdrawConfig(
            intake=str(settings.VAULT),
            key=str(settings.KEY_FILE),
            learner=subject,
            releases=[str(folder) for folder in releases(settings.RELEASES)],
            by=found.role,
            entity=found.entity,
            confirm=read_intake(settings.VAULT).source,
        )
        withdraw(config, on_step, found.at)


def releases(folder: Path) -> list[Path]:
    """Return every release and every unfinished build below a folder, as the pipeline asks for them."""
    if not folder.is_dir():
        return []
    finished = {path for path in folder.iterdir() if manifest.read(path) is not None}
    unfinished = {
        path.with_name(path.name.removesuffix(".work"))
        for path in folder.glob("*.work")
        if (path / work_folder.MARKER).exists()
    }
    return sorted(finished | unfinished)
