"""Praat TextGrids in and out: tiers of labelled intervals, times in seconds (extra ``praat``).

The format is that of Praat's manual, "TextGrid file formats"; praatio reads its long and short texts and writes the
long one. Tiers go by lower-case names. What an interval with an empty label covers (silence) is left out on both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collection.errors import ParlureError
from collection.schema import Seconds

WORDS, PHONES = "words", "phones"
"""Tiers of a reading."""


class TextGridError(ParlureError):
    """A TextGrid cannot be read, or what was to be written is no sequence of intervals."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A label from ``start`` to ``end``."""

    start: Seconds
    end: Seconds
    label: str

    @property
    def middle(self) -> Seconds:
        """Half way between start and end."""
        return (self.start + self.end) / 2


Tiers = Mapping[str, Sequence[Interval]]
"""Intervals in order, by the name of their tier."""


def read(path: Path) -> dict[str, tuple[Interval, ...]]:
    """Return the interval tiers of a file, without empty labels; tiers of points have none.

    Raises ``TextGridError`` for a file that is no TextGrid.
    """
    library = _praatio()
    try:
        grid = library.textgrid.openTextgrid(str(path), False, reportingMode="silence", duplicateNamesMode="rename")
        found: dict[str, tuple[Interval, ...]] = {}
        for tier in grid.tiers:
            entries = tier.entries if isinstance(tier, library.textgrid.IntervalTier) else ()
            found[tier.name.strip().lower()] = tuple(Interval(one.start, one.end, one.label.strip()) for one in entries)
    except Exception as error:  # praatio raises whatever its parser stumbles over
        raise TextGridError(f"{path.name} is no TextGrid that can be read ({type(error).__name__}: {error}).") from None
    return {name: tuple(one for one in entries if one.label) for name, entries in found.items()}


def write(path: Path, tiers: Tiers, duration: Seconds) -> None:
    """Write tiers as a TextGrid from 0 to ``duration``; an older file is replaced.

    Raises ``TextGridError`` for intervals that overlap, run backwards or leave the sound.
    """
    library = _praatio()
    grid = library.textgrid.Textgrid(0.0, duration)
    for name, intervals in tiers.items():
        _check(name, intervals, duration)
        entries = [(one.start, one.end, one.label) for one in intervals]
        grid.addTier(library.textgrid.IntervalTier(name, entries, 0.0, duration))
    partial = path.with_name(f".{path.name}.partial")
    grid.save(str(partial), "long_textgrid", includeBlankSpaces=True, reportingMode="silence")
    partial.replace(path)


def of_reading(words: Iterable[Any], phones: Iterable[Any]) -> dict[str, tuple[Interval, ...]]:
    """Return the tiers of a reading: ``Word`` and ``Phone`` of a release, ``WordScore`` and ``PhoneScore`` of a model.

    What has no times, or takes none, is left out. Phones that overlap by a rounding error touch.
    """
    tiers = {WORDS: _timed(words, ("text",)), PHONES: _timed(phones, ("canonical", "symbol"))}
    return {name: tuple(intervals) for name, intervals in tiers.items()}


def _timed(things: Iterable[Any], names: tuple[str, ...]) -> Iterable[Interval]:
    end = 0.0
    for thing in things:
        if thing.start is None or thing.end is None:
            continue
        label = next(getattr(thing, name) for name in names if hasattr(thing, name))
        start = max(float(thing.start), end)
        if label and thing.end > start:
            end = float(thing.end)
            yield Interval(start, end, label)


def _check(name: str, intervals: Sequence[Interval], duration: Seconds) -> None:
    end = 0.0
    for place, one in enumerate(intervals, start=1):
        if not end <= one.start < one.end <= duration or not one.label.strip():
            raise TextGridError(
                f"interval {place} of tier {name} ({one.start:g} to {one.end:g} s, {one.label!r}) overlaps the one "
                f"before, runs backwards, has no label, or leaves the sound of {duration:g} s."
            )
        end = one.end


def _praatio() -> Any:
    try:
        import praatio
        import praatio.textgrid
    except ImportError:
        raise TextGridError("TextGrids need the extra praat: pip install 'parlure[praat]'") from None
    return praatio
