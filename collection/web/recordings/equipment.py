"""How good the places are in which learners are recorded, by school: what the microphone checks said."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from collection.web.recordings.admission import VERDICTS
from collection.web.recordings.models import Recording, RecordingQuerySet


@dataclass(frozen=True, slots=True)
class Equipment:
    """One school: recordings that began with a check, how many of them by verdict, and the usual levels in dBFS."""

    school: str
    checked: int
    verdicts: dict[str, int]
    level: float
    noise: float

    @property
    def good(self) -> int:
        """Share of good checks in percent."""
        return round(100 * self.verdicts["good"] / self.checked)


def indicator(recordings: RecordingQuerySet) -> list[Equipment]:
    """Return the equipment of each school that has checked a microphone, by name."""
    found: dict[str, list[Recording]] = defaultdict(list)
    checked = recordings.exclude(microphone={}).select_related("session__school_class__school")
    for recording in checked:
        found[recording.session.school_class.school.name].append(recording)
    return [
        Equipment(
            school,
            len(of),
            {verdict: sum(one.microphone["verdict"] == verdict for one in of) for verdict in VERDICTS},
            median(one.microphone["level_dbfs"] for one in of),
            median(one.microphone["noise_dbfs"] for one in of),
        )
        for school, of in sorted(found.items())
    ]
