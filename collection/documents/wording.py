"""Sentences that several documents of a release say in the same words."""

from __future__ import annotations

from collection.documents.record import ReleaseRecord
from collection.voice import Tier, Transform

COLLECTION = (
    "Learners read prompts aloud, mostly in classrooms on everyday devices. Each learner, and whoever must answer for "
    "them, was asked for every purpose; a recording without a live consent is not opened."
)
RAW_DATA = "Recordings, roster and consent register stay on the intake side (tier T0) and are never exported."
MISSING_DATA = (
    "What nobody rated and what is unknown is null, never 0. Demographics that fewer than k speakers share are null."
)
PREPARATION = (
    "Decoded in a sandbox to 16 kHz mono without metadata, and cut into one reading a row.",
    "Readings that do not match their prompts, and sound too poor to judge, are left out and counted by reason.",
    "Identifiers are HMAC-SHA256 under a sub-key of this release; demographics are generalised and k-anonymous.",
)
ANNOTATION = (
    "Expected phones come from pronunciation dictionaries. Scores are those of human experts, where there are any."
)
BIASES = (
    "Only learners whose families said yes are in it; those who did not may speak differently.",
    "Groups are of unequal size, and a model can learn the group instead of the pronunciation: report by group.",
    "Quality gates drop noisy recordings, so quiet rooms and better devices are over-represented.",
    "Expected phones follow dictionaries of standard varieties; a valid variant may count as an error.",
)
LIMITATIONS = (
    "Read speech: it says little about spontaneous conversation.",
    "Children's and adults' voices differ; a figure over everybody hides the weaker group.",
    "Not fit for grading learners, or for deciding anything about a person.",
)
SOCIAL_IMPACT = (
    "Meant for feedback on pronunciation that serves every learner. Misused, voices of minors could be recognised or "
    "imitated, which the usage offer prohibits."
)
SENSITIVE = (
    "Voices of learners, most of them minors: a voice identifies its speaker.",
    "Age band, gender, first language, level and region, generalised.",
)
MAINTENANCE = (
    "A release never changes. After a withdrawal it is superseded by a release without the learner, and whoever holds "
    "a copy is told to delete."
)
TIERS = {
    Tier.PSEUDONYMISED: "the learners' own voices under pseudonyms, handed over under contract",
    Tier.DISGUISED: "disguised voices under pseudonyms: harder to recognise, and still personal data",
}


def preparation(record: ReleaseRecord) -> list[str]:
    """Return the steps between a recording and a row."""
    changed = [] if record.transform == Transform.NONE else [f"Voices are disguised: {record.transform}."]
    return [*PREPARATION, *changed]


def biases(record: ReleaseRecord) -> list[str]:
    """Return known biases, with the sizes of the groups that the rows show."""
    groups = [
        f"Speakers by {name.replace('_', ' ')}: {', '.join(f'{value} {count}' for value, count in counts.items())}."
        for name, counts in record.speakers.items()
    ]
    return [*BIASES, *groups]


def basis(record: ReleaseRecord) -> str:
    """Return on what ground the voices are used: consents and until when, or a public licence."""
    if record.licence is not None:
        return record.licence.statement
    ends = record.ends
    until = f"The first end on {ends[0]}, the last on {ends[-1]}" if len(ends) > 1 else f"They end on {ends[0]}"
    return (
        f"{len(record.consents)} consents, asked for every purpose and held on {record.on}. {until}; from that day on "
        "a row may not be used. Each row names its consent: a record's pseudonym, purposes and end."
    )
