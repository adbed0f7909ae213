"""What a steward decides about a draft: approve, refuse, or have it built again.

Approving asks everybody once more, on the draft as it lies on the disk. The decision is written first, then the draft
is moved into its place; killed in between, the next start of a worker moves it (``keeping.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from filelock import Timeout

from collection.consent import Reason
from collection.errors import ParlureError
from collection.web.accounts.models import Role, User
from collection.web.audit import journal
from collection.web.recordings.vault import vault_lock
from collection.web.releases import shelf, standing
from collection.web.releases.making import build_draft, outdate
from collection.web.releases.models import Proposal, State

DONE = APPROVED = ""
NOT_READY, CHANGED, ANOTHER, BUSY = "release_not_ready", "release_changed", "release_needs_another", "release_busy"
MISSING = "draft_missing"
PATIENCE = 10.0
"""Seconds to wait for a withdrawal or an export that holds the vault."""
OPEN = (State.WAITING, State.READY, State.FAILED, State.OUTDATED)
"""States in which a proposal may be refused."""
AGAIN = (State.READY, State.FAILED, State.OUTDATED)
"""States in which it may be built again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a draft could not be approved (a code), and how many learners no longer agree, by reason; or approved."""

    reason: str = APPROVED
    refused: Counter[str] = field(default_factory=Counter)


def needs_another(proposal: Proposal, user: User) -> bool:
    """Tell whether somebody else must approve: who proposed does not, where another active steward may."""
    if not settings.RELEASE_FOUR_EYES or proposal.proposed_by_id != user.pk:
        return False
    schools = list(proposal.schools.all())
    here = Q(school__isnull=True) | (Q(school__in=schools) if schools else Q())
    others = User.objects.filter(role=Role.STEWARD, is_active=True).exclude(pk=user.pk)
    return others.filter(here).exists()


def approve(proposal_id: UUID, user: User, seen: str) -> Verdict:
    """Approve the draft whose manifest (SHA-256) was ``seen``; it may then be handed out."""
    try:
        with vault_lock().acquire(timeout=PATIENCE):
            verdict = _decide(proposal_id, user, seen)
            if verdict.reason == APPROVED:
                shelf.place(Proposal.objects.get(pk=proposal_id))
            return verdict
    except Timeout:
        return Verdict(BUSY)


def _decide(proposal_id: UUID, user: User, seen: str) -> Verdict:
    with transaction.atomic():
        proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
        if proposal.state != State.READY:
            return Verdict(NOT_READY)
        if needs_another(proposal, user):
            return Verdict(ANOTHER)
        found = shelf.look(proposal.draft)
        if found.release is None or shelf.manifest_of(proposal.draft) != proposal.manifest:
            outdate(proposal, {}, MISSING)
            return Verdict(MISSING)
        if seen != proposal.manifest:
            return Verdict(CHANGED)
        try:
            refused = standing.refused(found.release)
        except ParlureError:
            return Verdict(standing.CANNOT_TELL)
        if found.superseded or refused:
            outdate(proposal, refused or {Reason.WITHDRAWN.value: 1})
            return Verdict(standing.CONSENT_ENDED, refused)
        proposal.state, proposal.decided_by, proposal.decided_at = State.APPROVED, user, timezone.now()
        proposal.save()
        alone = proposal.proposed_by_id == user.pk
        journal.record(
            user, "release.approve", proposal, release=proposal.release_name, manifest=proposal.manifest, alone=alone
        )
    return Verdict()


def reject(proposal_id: UUID, user: User, note: str) -> str:
    """Refuse a proposal and destroy its draft; return why it could not be, or nothing."""

    def decided(proposal: Proposal) -> None:
        proposal.state, proposal.note = State.REJECTED, note
        proposal.decided_by, proposal.decided_at, proposal.reason, proposal.error = user, timezone.now(), "", ""
        proposal.save()
        journal.record(user, "release.reject", proposal, release=proposal.release_name)

    return _without_draft(proposal_id, OPEN, decided)


def rebuild(proposal_id: UUID, user: User) -> str:
    """Have a draft built again, of what is there and allowed today; return why it could not be, or nothing."""

    def asked(proposal: Proposal) -> None:
        proposal.state, proposal.reason, proposal.error = State.WAITING, "", ""
        proposal.figures, proposal.manifest, proposal.built_at = {}, "", None
        proposal.save()
        journal.record(user, "release.again", proposal, release=proposal.release_name)
        build_draft.enqueue(str(proposal.pk))

    return _without_draft(proposal_id, AGAIN, asked)


def _without_draft(proposal_id: UUID, states: Collection[State], decide: Callable[[Proposal], None]) -> str:
    """Decide about a proposal in one of these states, whose draft goes."""
    try:
        with vault_lock().acquire(timeout=PATIENCE), transaction.atomic():
            proposal = Proposal.objects.select_for_update().get(pk=proposal_id)
            if proposal.state not in states:
                return NOT_READY
            shelf.discard_all_of(proposal)
            decide(proposal)
        return DONE
    except Timeout:
        return BUSY
