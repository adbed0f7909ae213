"""Pure: which split each speaker belongs to - speaker-disjoint, stratified, and stable as speakers are added.

The whole is apportioned first, by largest remainder, so that the fractions hold however small the strata are; the seats
of each split then go to the strata that are owed most. A known speaker never moves: models trained on the last release
have heard the training speakers, and must not be tested on them by the next one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping

from collection.errors import ConfigError
from collection.schema import Split


def assign(
    speakers: Mapping[str, Hashable], fractions: Mapping[Split, float], previous: Mapping[str, Split]
) -> dict[str, Split]:
    """Return the split of every speaker.

    ``speakers`` maps an id to its stratum; ids are keyed hashes, whose order is the (blind) order of the draw.
    ``fractions`` are shares of all speakers and add up to 1. ``previous`` holds the speakers whose split is settled,
    present or not. Once there are as many speakers as splits with a share, each of these splits gets one.
    """
    check_fractions(fractions)
    splits = [split for split in Split if fractions.get(split, 0.0) > 0]
    settled = {speaker: previous[speaker] for speaker in speakers if speaker in previous}
    waiting: dict[Hashable, list[str]] = defaultdict(list)
    for speaker in sorted(speakers.keys() - settled.keys()):
        waiting[speakers[speaker]].append(speaker)
    seats = _apportion(len(speakers), fractions, splits, Counter(settled.values()))
    placed = Counter((speakers[speaker], split) for speaker, split in settled.items())
    size = Counter(speakers.values())
    owed = {
        (stratum, split): size[stratum] * fractions[split] - placed[stratum, split]
        for stratum in waiting
        for split in splits
    }
    result = dict(settled)
    left = {stratum: list(reversed(members)) for stratum, members in waiting.items()}
    while left:
        # The first member's id breaks ties between strata: no stratum is favoured by its name.
        _, _, _, stratum, split = min(
            (-round(owed[stratum, split], 9), members[-1], splits.index(split), stratum, split)
            for stratum, members in left.items()
            for split in splits
            if seats[split] > 0
        )
        result[left[stratum].pop()] = split
        owed[stratum, split] -= 1
        seats[split] -= 1
        if not left[stratum]:
            del left[stratum]
    return result


def check_fractions(fractions: Mapping[Split, float]) -> None:
    """Raise ``ConfigError`` unless the fractions are shares that add up to 1."""
    total = sum(fractions.values())
    if any(share < 0 for share in fractions.values()) or abs(total - 1) > 1e-6:
        raise ConfigError(f"split fractions must be 0 or more and add up to 1, not {total:g}: {dict(fractions)}.")


def _apportion(
    total: int, fractions: Mapping[Split, float], splits: list[Split], taken: Counter[Split]
) -> dict[Split, int]:
    """Return the seats each split still offers; together they seat exactly the speakers without a split."""
    free = total - sum(taken.values())
    seats = dict.fromkeys(splits, 0)
    while free:
        neediest = min(
            splits,
            key=lambda split: (
                # A split nobody is in yet comes first, as soon as every split can have someone.
                total < len(splits) or taken[split] + seats[split] > 0,
                -round(fractions[split] * total - taken[split] - seats[split], 9),
                splits.index(split),
            ),
        )
        seats[neediest] += 1
        free -= 1
    return seats
