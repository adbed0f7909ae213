"""From the work files of a build to a finished release folder: demographics, splits, shards, documents, manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from collection import documents, phones, release
from collection.building import work
from collection.building.admission import BIRTH_DATES_DISAGREE
from collection.building.pipeline import NO_CONSENT as CONSENT_ENDED
from collection.building.work import Entry
from collection.consent import Reason
from collection.documents.record import gather
from collection.pseudonymise import generalise_expiries, suppress
from collection.pseudonyms.columns import Fate, check_columns, declaration
from collection.schema import FEATURES, ConsentGrant, Speaker, Split

CONSENT_CAME_LATE = "consent_came_during_build"
"""Reason of readings whose consent was entered while the build ran: the next build takes them."""
NO_CONSENT = "no_consent"
"""What a release says in place of every reason of consent: the reason of one learner is nobody else's business."""
_OF_CONSENT = frozenset({*Reason, CONSENT_CAME_LATE, BIRTH_DATES_DISAGREE, CONSENT_ENDED})


@dataclass(frozen=True, slots=True)
class Tally:
    """What a build kept and dropped, in readings; ``review`` maps pseudonyms to the reason to listen to them."""

    dropped: Counter[str]
    flagged: Counter[str]
    review: dict[str, str]


@dataclass(frozen=True, slots=True)
class People:
    """Demographics and consent of every speaker, by pseudonym, before they are generalised over the release."""

    speakers: Mapping[str, Speaker]
    grants: Mapping[str, ConsentGrant]


def settle(people: People, present: Sequence[str], k: int, on: date) -> People:
    """Return what the release says of the speakers in it: k-anonymous demographics and shared ends of consent."""
    speakers = suppress({speaker: people.speakers[speaker] for speaker in present}, k)
    grants = {speaker: people.grants[speaker] for speaker in present}
    ends = {speaker: date.fromisoformat(grant.expires) for speaker, grant in grants.items() if grant.expires}
    shared = generalise_expiries(ends, on, k) if ends else {}
    grants |= {speaker: replace(grants[speaker], expires=end.isoformat()) for speaker, end in shared.items()}
    return People(speakers, grants)


def published(dropped: Mapping[str, int]) -> dict[str, int]:
    """Return readings by reason as a release shows them, those of consent in one sum."""
    summed: Counter[str] = Counter()
    for reason, count in dropped.items():
        summed[NO_CONSENT if reason in _OF_CONSENT else reason] += count
    return dict(sorted(summed.items()))


def in_full(shown: Mapping[str, int], refused: Mapping[str, int]) -> dict[str, int]:
    """Undo ``published`` for a finished release, given the readings that consent keeps out, by reason."""
    of_consent = {reason: count for reason, count in refused.items() if reason in _OF_CONSENT}
    late = shown.get(NO_CONSENT, 0) - sum(of_consent.values())
    others = {reason: count for reason, count in shown.items() if reason != NO_CONSENT}
    return others | of_consent | ({CONSENT_CAME_LATE: late} if late > 0 else {})


def assemble(
    folder: Path,
    entries: Sequence[Entry],
    splits: Mapping[str, Split],
    people: People,
    tally: Tally,
    facts: Mapping[str, Any],
    shard_bytes: int,
) -> dict[str, Any]:
    """Write the release and return its manifest; ``entries`` in any order, ``people`` settled, ``folder`` empty.

    ``facts`` say what the build was asked for: identity, licence, usage policy and phone inventory.

    Raises ``ReleaseError`` when the schema has a column whose fate nobody declared.
    """
    check_columns(FEATURES)
    parts: dict[str, dict[str, Any]] = {}
    for split in Split:
        chosen = sorted(
            (entry for entry in entries if splits[entry.speaker_id] is split),
            key=lambda entry: (entry.speaker_id, entry.utterance_id),
        )
        if not chosen:
            continue
        paths = release.write_shards(
            folder,
            split,
            chosen,
            size=lambda entry: entry.size,
            load=lambda entry: work.load(entry, people.speakers[entry.speaker_id], people.grants[entry.speaker_id]),
            shard_bytes=shard_bytes,
        )
        parts[split.value] = {
            "rows": len(chosen),
            "speakers": len({entry.speaker_id for entry in chosen}),
            "seconds": round(sum(entry.seconds for entry in chosen), 3),
            "files": [path.relative_to(folder).as_posix() for path in paths],
        }
    whole = {
        **facts,
        "splits": parts,
        "kept": {
            "rows": len(entries),
            "speakers": len({entry.speaker_id for entry in entries}),
            "seconds": round(sum(part["seconds"] for part in parts.values()), 3),
        },
        "dropped": published(tally.dropped),
        "flagged": dict(sorted(tally.flagged.items())),
        "review": dict(sorted(tally.review.items())),
        "columns": {fate.value: [column.name for column in declaration() if column.fate is fate] for fate in Fate},
    }
    shards = release.checksums(folder)
    documents.write(folder, gather(whole, shards, people.speakers, people.grants))
    return release.finish(folder, whole, shards)


def inventories(languages: Iterable[str]) -> dict[str, list[str]]:
    """Return the phone symbols of each language, in the order that models index them."""
    return {language: list(phones.inventory(language).symbols) for language in sorted(set(languages))}
