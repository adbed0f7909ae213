"""Every release in a line: how it stands, as the disk says where it has a say, and who has it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection.voice import Transform
from collection.web.accounts.models import User
from collection.web.releases import shelf
from collection.web.releases.models import Holder, Proposal, State
from collection.web.releases.shelf import OnDisk


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list; ``proposal`` is none for what was built by command, ``words`` say how it stands."""

    name: str
    proposal: Proposal | None
    tier: str
    disguise: str
    kept: dict[str, Any]
    words: str
    badge: str
    holders: list[str]

    @property
    def minutes(self) -> float:
        """Minutes of sound."""
        return float(self.kept.get("seconds", 0)) / 60


def rows(user: User) -> list[Row]:
    """Return what somebody may see: what was proposed, newest first, then what was made by command."""
    given: dict[str, list[str]] = defaultdict(list)
    for name, organisation in Holder.objects.for_user(user).values_list("release_name", "organisation"):
        if organisation not in given[name]:
            given[name].append(organisation)
    return [
        *(_row(one, given) for one in Proposal.objects.for_user(user)),
        *(_foreign(one, given) for one in shelf.others()),
    ]


def _row(proposal: Proposal, given: dict[str, list[str]]) -> Row:
    words, badge = standing_in_words(proposal)
    return Row(
        name=proposal.release_name,
        proposal=proposal,
        tier=proposal.tier.value,
        disguise=_disguise(proposal.transform),
        kept=proposal.figures.get("kept", {}),
        words=words,
        badge=badge,
        holders=given.get(proposal.release_name, []),
    )


def _foreign(found: OnDisk, given: dict[str, list[str]]) -> Row:
    facts = found.release.manifest if found.release else {}
    words = _superseded(found.gone) if found.superseded else _("fait par commande : à remettre par commande")
    voice = facts.get("config", {}).get("voice", {})
    return Row(
        name=found.release.name if found.release else found.folder.name,
        proposal=None,
        tier=str(facts.get("tier", "—")),
        disguise=_disguise(voice.get("transform", Transform.NONE)),
        kept=facts.get("kept", {}),
        words=words,
        badge="warning" if found.superseded else "info",
        holders=given.get(found.folder.name, []),
    )


def _disguise(transform: str) -> str:
    return {Transform.NONE: _("non"), Transform.MCADAMS: "McAdams", Transform.WORLD: "WORLD"}.get(
        Transform(transform), transform
    )


def _superseded(gone: int) -> str:
    if gone < 0:
        return _("périmé par une reprise d’accord")
    return ngettext("périmé : %(n)s élève est parti", "périmé : %(n)s élèves sont partis", gone) % {"n": gone}


def standing_in_words(proposal: Proposal) -> tuple[str, str]:
    """Return how a proposal stands, as the disk says where it has a say, and the colour of its badge."""
    badges = {State.READY: "info", State.APPROVED: "success", State.FAILED: "error", State.OUTDATED: "warning"}
    words, badge = str(proposal.get_state_display()), badges.get(State(proposal.state), "new")
    if proposal.state == State.APPROVED:
        found = shelf.look(proposal.path)
        if found.superseded:
            return _superseded(found.gone), "warning"
        if found.release is None:
            return _("approuvé, mais ses fichiers manquent"), "error"
    if proposal.state == State.READY and (gone := shelf.gone(proposal.draft)):
        return _superseded(gone), "warning"
    return words, badge
