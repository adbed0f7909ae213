"""Which utterances of a release stand for its speakers: consent asked again, a few a speaker, one speaker at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from collection.consent import may_use
from collection.release import Release
from collection.schema import Purpose, Split, read_grant

COLUMNS = ("utterance_id", "speaker_id", "phones", "speaker", "audio")
FEWEST_UTTERANCES = 2
"""One to enrol a speaker with, one to test."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Utterances that may be used, by speaker; ``left_out`` counts the others by reason."""

    splits: tuple[str, ...]
    of_speaker: dict[str, tuple[str, ...]]
    left_out: dict[str, int]

    @property
    def speakers(self) -> frozenset[str]:
        """Pseudonyms of the speakers."""
        return frozenset(self.of_speaker)

    @property
    def utterances(self) -> tuple[str, ...]:
        """Pseudonyms of the utterances, sorted."""
        return tuple(sorted(one for utterances in self.of_speaker.values() for one in utterances))

    def by_speaker(self, release: Release) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each speaker, with sound, sorted by utterance; a release holds a speaker in one piece."""
        wanted = set(self.utterances)
        pending: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for split in self.splits:
            for row in release.rows(split, columns=COLUMNS):
                speaker = row["speaker_id"]
                if row["utterance_id"] in wanted:
                    pending[speaker].append(row)
                    if len(pending[speaker]) == len(self.of_speaker[speaker]):
                        yield sorted(pending.pop(speaker), key=lambda row: str(row["utterance_id"]))


def why_left_out(row: Mapping[str, Any], on: date, inventory: Container[str] | None) -> str | None:
    """Return why a row may not be used for evaluation on a day, or cannot be with an ``inventory`` of phones."""
    symbols = [phone["canonical"] for phone in row["phones"]]
    if not may_use(read_grant(row["consent"]), Purpose.EVALUATION, on):
        return "no_consent_for_evaluation"
    if inventory is None:
        return None
    if not symbols:
        return "no_phones"
    return None if all(symbol in inventory for symbol in symbols) else "phone_outside_the_models_inventory"


def choose(release: Release, splits: Sequence[str], on: date, most: int, inventory: Container[str] | None) -> Chosen:
    """Choose at most ``most`` utterances a speaker, the first by pseudonym, which is no order of time or content.

    With an ``inventory``, utterances with other phones, or none, are left out. Splits the release lacks are empty.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    left: Counter[str] = Counter()
    present = tuple(split for split in splits if Split(split) in release.files)
    for split in present:
        if gone := release.count_withdrawn(split):
            left["withdrawn"] += gone
        for row in release.rows(split, columns=["utterance_id", "speaker_id", "phones", "consent"]):
            if reason := why_left_out(row, on, inventory):
                left[reason] += 1
            else:
                found[row["speaker_id"]].append(row["utterance_id"])
    chosen = {}
    for speaker, utterances in sorted(found.items()):
        if len(utterances) < FEWEST_UTTERANCES:
            left["only_utterance_of_its_speaker"] += len(utterances)
            continue
        chosen[speaker] = tuple(sorted(utterances)[:most])
        if len(utterances) > most:
            left["beyond_utterances"] += len(utterances) - most
    return Chosen(present, chosen, dict(sorted(left.items())))
