"""Who rates which reading, and in which order: balanced, different for each rater, and the same on every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from collection.manifest import fingerprint


def deal(
    items: Sequence[str],
    raters: Sequence[str],
    each: int,
    seed: str,
    given: Mapping[str, Collection[str]] | None = None,
) -> dict[str, list[str]]:
    """Return the raters of each item, ``each`` of them or as many as there are; loads differ by one at most.

    ``given`` are raters whose word on an item stands already: they count, and only the rest is dealt.
    """
    known = given or {}
    load = Counter(rater for item in items for rater in known.get(item, ()))
    dealt: dict[str, list[str]] = {}
    for item in _shuffled(items, seed):
        stand = set(known.get(item, ()))
        free = [rater for rater in _shuffled(raters, f"{seed}/{item}") if rater not in stand]
        dealt[item] = sorted(free, key=lambda rater: load[rater])[: max(0, each - len(stand))]
        load.update(dealt[item])
    return dealt


def order(items: Collection[str], rater: str, repeat_percent: int, seed: str) -> list[tuple[str, bool]]:
    """Return a rater's items in an order of their own, each with whether it comes for the second time.

    What is repeated comes again half the list later, so that nobody remembers what they gave.
    """
    own = _shuffled(items, f"{seed}/{rater}")
    half = len(own) / 2
    placed = [(float(place), item, False) for place, item in enumerate(own)]
    for place, item in enumerate(own[: len(own) * repeat_percent // 100]):
        placed.append((place + half + 0.5, item, True))
    return [(item, again) for _, item, again in sorted(placed)]


def _shuffled(names: Collection[str], seed: str) -> list[str]:
    return sorted(names, key=lambda name: fingerprint([seed, name]))
