"""Whether a release may be used today: the pipeline asks, the portal's families answer.

``collection.publish.ask_again`` takes the decision. Its answers come from the database rather than from the vault's
register, because a family's withdrawal stands there first.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

from django.conf import settings

from collection.consent import Reason, today
from collection.keys import Key, read_key
from collection.pseudonyms.naming import naming
from collection.publish import ask_again
from collection.release import Release
from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents.answers import decisions, pipeline_id, with_answers
from collection.web.consents.models import Withdrawal
from collection.withdrawal import tombstones

CONSENT_ENDED, CANNOT_TELL = "consent_ended", "release_cannot_tell"
"""Codes of ``in_words``: somebody in a release no longer agrees; nobody can tell whether they do."""


def people(release: Release, key: Key) -> dict[str, Learner]:
    """Return the learners of a release by their pseudonyms in it, with what decisions about them need.

    Who has withdrawn is nobody any more: the pipeline knows them under an id that is closed.
    """
    names = naming(key, release.name, str(release.manifest["source"]))
    held = {row["speaker_id"] for split in release.files for row in release.rows(split, ["speaker_id"])}
    known = Learner.objects.filter(consent__isnull=False).select_related("consent")
    found = {names.speaker(pipeline_id(learner)): learner.pk for learner in known.iterator()}
    ids = {pk: speaker for speaker, pk in found.items() if speaker in held}
    return {ids[learner.pk]: learner for learner in with_answers(Learner.objects.filter(pk__in=ids))}


def answers_now(release: Release, key: Key, on: date) -> dict[str, str]:
    """Return ``granted``, or the reason of the first no, for every learner of a release (``publish.Answers``)."""
    purposes = [Purpose(purpose) for purpose in release.manifest["purposes"]]
    gone = tombstones.read_verified(tombstones.beside(settings.KEY_FILE), key).subjects
    source = str(release.manifest["source"])
    names = naming(key, release.name, source)
    closed = (names.speaker(str(subject)) for subject in Withdrawal.objects.values_list("subject", flat=True))
    said = dict.fromkeys(closed, Reason.WITHDRAWN.value)
    for speaker, learner in people(release, key).items():
        asked = decisions(learner, on)
        no = next((asked[purpose].reason for purpose in purposes if not asked[purpose].keep), Reason.GRANTED)
        left = tombstones.subject(key, source, pipeline_id(learner)) in gone
        said[speaker] = Reason.WITHDRAWN.value if left else no.value
    return said


def refused(release: Release) -> Counter[str]:
    """Return how many learners of a release it may not be used of today, by reason; empty when it may be used."""
    key = read_key(settings.KEY_FILE)
    found = ask_again(release, key, tombstones.beside(settings.KEY_FILE), None, today(), answers_now)
    if release.withdrawn:
        found[Reason.WITHDRAWN.value] += len(release.withdrawn)
    return found


def organisations(release: Release) -> list[str]:
    """Return who may be given a release: the controller and, where sharing is a purpose, the partners.

    Only who was named to every family of it is: whoever agreed, agreed to the partners in their notice.
    """
    shared = Purpose.SHARING.value in release.manifest["purposes"]
    named: list[dict[str, None]] = []
    for learner in people(release, read_key(settings.KEY_FILE)).values():
        notice = learner.consent.notice
        named.append(dict.fromkeys([notice.controller, *(notice.recipients if shared else ())]))
    return [one for one in named[0] if all(one in others for others in named)] if named else []
