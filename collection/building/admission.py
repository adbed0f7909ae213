"""Pure: who enters a release - by each learner's consent, or a public corpus's licence, for all of its purposes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collection.consent import ConsentPolicy, decide
from collection.intake import Intake, Learner, Recording
from collection.pseudonymise import generalise
from collection.pseudonyms.naming import Naming
from collection.register import ConsentRecord
from collection.schema import ConsentGrant, Purpose, Speaker

NOT_LICENSED = "purpose_not_licensed"
BIRTH_DATES_DISAGREE = "birth_dates_disagree"
"""Roster and register name two days of birth: whose signature counts hangs on which is right."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer about every learner, by learner id: a grant with its exact end, or the reason of the no."""

    grants: Mapping[str, ConsentGrant]
    refused: Mapping[str, str]


def admit(
    intake: Intake,
    register: Mapping[str, ConsentRecord],
    purposes: Sequence[Purpose],
    on: date,
    policy: ConsentPolicy,
    naming: Naming,
) -> Admission:
    """Ask consent for every learner who has recordings; a learner enters when every purpose is granted.

    A register whose birth date contradicts the roster's is no yes. A grant names the purposes of this release only, and
    ends on the first day on which one of them ends.
    """
    grants: dict[str, ConsentGrant] = {}
    refused: dict[str, str] = {}
    granted = tuple(purpose.value for purpose in purposes)
    for learner_id in dict.fromkeys(learner for recording in intake.recordings for learner in recording.readings):
        if intake.licence is not None:
            if set(granted) <= set(intake.licence.purposes):
                grants[learner_id] = ConsentGrant(None, granted, None)
            else:
                refused[learner_id] = NOT_LICENSED
            continue
        record = register.get(learner_id)
        decisions = [decide(record, purpose, on, policy) for purpose in purposes]
        refusal = next((decision for decision in decisions if not decision.keep), None)
        ends = [decision.expires for decision in decisions if decision.expires is not None]
        if refusal is not None:
            refused[learner_id] = refusal.reason.value
        elif record is not None and birth_dates_disagree(record, intake.learners.get(learner_id)):
            refused[learner_id] = BIRTH_DATES_DISAGREE
        elif record is not None and len(ends) == len(decisions) > 0:
            grants[learner_id] = ConsentGrant(naming.consent(record.record_id), granted, min(ends).isoformat())
        else:
            refused[learner_id] = "not_yet_valid"
    return Admission(grants, refused)


def held_when_recorded(
    record: ConsentRecord | None, recording: Recording, purposes: Sequence[Purpose], policy: ConsentPolicy
) -> bool:
    """Tell whether consent was given on the day of a recording, which must be known: no later yes reaches back."""
    day = recording.recorded_on
    return day is not None and all(decide(record, purpose, day, policy).keep for purpose in purposes)


def birth_dates_disagree(record: ConsentRecord, learner: Learner | None) -> bool:
    """Tell whether register and roster name two days of birth."""
    born = None if learner is None else learner.birth_date
    return record.birth_date is not None and born is not None and record.birth_date != born


def describe(intake: Intake, learner_ids: Sequence[str], on: date) -> dict[str, Speaker]:
    """Return the generalised demographics of learners; the age is that at their latest recording, else on ``on``."""
    latest: dict[str, date] = {}
    for recording in intake.recordings:
        if recording.recorded_on is not None:
            for learner_id in recording.readings:
                latest[learner_id] = max(recording.recorded_on, latest.get(learner_id, date.min))
    unknown = Learner("")
    return {
        learner_id: generalise(intake.learners.get(learner_id, unknown), latest.get(learner_id, on))
        for learner_id in learner_ids
    }


def refused_readings(intake: Intake, admission: Admission) -> Counter[str]:
    """Count the readings that consent keeps out, by reason."""
    refused: Counter[str] = Counter()
    for recording in intake.recordings:
        for learner_id, count in recording.readings.items():
            if learner_id in admission.refused and count:
                refused[admission.refused[learner_id]] += count
    return refused
