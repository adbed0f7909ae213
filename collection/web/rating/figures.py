"""How far the raters of a round agree, and how each of them stands to the others and to themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from collection import agreement
from collection.agreement import Floats
from collection.web.accounts.models import User
from collection.web.rating import queue
from collection.web.rating.models import Rating, Round
from collection.web.rating.scales import UNJUDGED, Cell, Scale, cells, scales_of

FEWEST = 10
"""Readings that two raters scored, below which no figure is shown: it would say more of chance than of ears."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on one scale: over ``readings`` and ``things`` (phones, words) that two or more scored."""

    scale: Scale
    readings: int
    things: int
    single: float | None = None
    mean: float | None = None
    kappa: float | None = None
    pcc: float | None = None

    @property
    def enough(self) -> bool:
        """Whether there are readings enough to speak of agreement."""
        return self.readings >= FEWEST


@dataclass(frozen=True, slots=True)
class Severity:
    """One rater on one scale: mean score minus that of the others, how it moved from their first half to the second."""

    readings: int
    difference: float | None = None
    drift: float | None = None


@dataclass(frozen=True, slots=True)
class Rater:
    """One rater of a round: how much is done and could not be judged, how strict, how steady when asked again."""

    user: User
    done: int
    total: int
    unjudged: int
    severities: list[Severity]
    repeats: int
    same: float | None = None
    """Share of scores that were given again on being asked a second time."""

    @property
    def left(self) -> int:
        """How many readings they have still to rate."""
        return self.total - self.done

    @property
    def same_percent(self) -> int:
        """``same`` in per cent."""
        return round(100 * (self.same or 0.0))


@dataclass(frozen=True, slots=True)
class Figures:
    """What the steward sees of a round."""

    scales: list[Scale]
    agreements: list[Agreement]
    raters: list[Rater]


@dataclass(slots=True)
class _Table:
    """Scores on one scale: a row a thing, a column a rater, and the reading each thing is of."""

    values: Floats
    readings: list[UUID]
    places: dict[tuple[UUID, str], int] = field(default_factory=dict)


def figures(found: Round) -> Figures:
    """Count everything anew, of readings that may be used today."""
    items = {item.pk: item for item in queue.live(found)}
    asked = {pk: list(cells(item.words, found.levels)) for pk, item in items.items()}
    # A repeat is compared with the same person's first time only.
    ratings = list(Rating.objects.filter(item__in=list(items)).select_related("evaluator").order_by("finished_at"))
    finished = [one for one in ratings if one.finished_at is not None]
    users = sorted({one.evaluator for one in ratings} | set(found.evaluators.all()), key=lambda user: user.username)
    scales = scales_of(found.levels)
    first = [one for one in finished if not one.repeat]
    tables = [_table(scale, asked, first, users) for scale in scales]
    raters = [
        Rater(
            user,
            sum(one.evaluator == user for one in finished),
            sum(one.evaluator == user for one in ratings),
            sum(value == UNJUDGED for one in finished if one.evaluator == user for value in one.marks.values()),
            [_severity(table, column, [one.item_id for one in first if one.evaluator == user]) for table in tables],
            *_again([one for one in finished if one.evaluator == user]),
        )
        for column, user in enumerate(users)
    ]
    return Figures(scales, [_agreement(scale, table) for scale, table in zip(scales, tables, strict=True)], raters)


def _table(scale: Scale, asked: dict[UUID, list[Cell]], ratings: Sequence[Rating], users: Sequence[User]) -> _Table:
    rows = [(pk, cell.name) for pk, of_item in asked.items() for cell in of_item if cell.scale == scale]
    table = _Table(np.full((len(rows), len(users)), np.nan), [pk for pk, _ in rows])
    table.places = {row: number for number, row in enumerate(rows)}
    columns = {user.pk: column for column, user in enumerate(users)}
    for rating in ratings:
        for name, value in rating.marks.items():
            place = table.places.get((rating.item_id, name))
            if place is not None and value != UNJUDGED:
                table.values[place, columns[rating.evaluator_id]] = value
    return table


def _agreement(scale: Scale, table: _Table) -> Agreement:
    several = np.isfinite(table.values).sum(1) >= 2
    readings = len({reading for reading, two in zip(table.readings, several, strict=True) if two})
    if readings < FEWEST:
        return Agreement(scale, readings, int(several.sum()))
    icc = agreement.reliability(table.values)
    return Agreement(
        scale,
        readings,
        int(several.sum()),
        icc.single if icc else None,
        icc.mean if icc else None,
        agreement.weighted_kappa(table.values),
        agreement.correlation(table.values),
    )


def _severity(table: _Table, column: int, in_time: Sequence[UUID]) -> Severity:
    """Return how a rater differs from the others; ``in_time`` are their readings in the order they were finished."""
    difference, known = agreement.severity(table.values)[column]
    of_reading: dict[UUID, list[float]] = defaultdict(list)
    for reading, value, there in zip(table.readings, difference, known, strict=True):
        if there:
            of_reading[reading].append(float(value))
    ordered = [of_reading[reading] for reading in in_time if reading in of_reading]
    if len(ordered) < FEWEST:
        return Severity(len(ordered))
    half = len(ordered) // 2
    early, late = (float(np.mean(np.concatenate(part))) for part in (ordered[:half], ordered[half:]))
    return Severity(len(ordered), float(np.mean(np.concatenate(ordered))), late - early)


def _again(ratings: Sequence[Rating]) -> tuple[int, float | None]:
    """Return how many readings somebody rated twice, and the share of scores that were the same."""
    before = {one.item_id: one.marks for one in ratings if not one.repeat}
    pairs = [(before[one.item_id], one.marks) for one in ratings if one.repeat and one.item_id in before]
    same = [first.get(name) == value for first, again in pairs for name, value in again.items()]
    return len(pairs), sum(same) / len(same) if same else None
