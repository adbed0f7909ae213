"""What becomes of every column on its way from the intake side into a release; an undeclared column fails the build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from collection.errors import ReleaseError


class Fate(StrEnum):
    """What a release does with a column."""

    KEPT = "kept"
    REPLACED = "replaced"
    GENERALISED = "generalised"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Column:
    """One declaration; nested columns are written ``parent.child``."""

    name: str
    fate: Fate
    how: str


_KEPT, _REPLACED, _GENERALISED, _REMOVED = Fate
_RATED = "as the experts rated it"

RELEASE = (
    Column("utterance_id", _REPLACED, "keyed pseudonym under the release's own sub-key"),
    Column("speaker_id", _REPLACED, "keyed pseudonym under the release's own sub-key"),
    Column("session_id", _REPLACED, "keyed pseudonym under the release's own sub-key"),
    Column("audio", _KEPT, "the voice itself, written afresh as FLAC without metadata: it identifies its speaker"),
    Column("duration", _KEPT, "seconds of this audio"),
    Column("language", _KEPT, "language of the prompt"),
    Column("text", _KEPT, "the prompt that was read"),
    Column("words.text", _KEPT, "words of the prompt"),
    *(Column(f"words.{name}", _KEPT, "times within this audio") for name in ("start", "end")),
    *(Column(f"words.{name}", _KEPT, _RATED) for name in ("accuracy", "stress", "total")),
    *(Column(f"phones.{name}", _KEPT, "expected phones of the prompt") for name in ("canonical", "word_index")),
    *(Column(f"phones.{name}", _KEPT, "times within this audio") for name in ("start", "end")),
    *(Column(f"phones.{name}", _KEPT, _RATED) for name in ("accuracy", "realised")),
    *(
        Column(f"{parent}.{name}", _KEPT, _RATED)
        for parent in ("scores", "raters.scores")
        for name in ("accuracy", "fluency", "completeness", "prosody", "total")
    ),
    Column("raters.rater", _REPLACED, "keyed pseudonym under the release's own sub-key"),
    *(Column(f"raters.words.{name}", _KEPT, _RATED) for name in ("accuracy", "stress", "total")),
    Column("raters.phones", _KEPT, _RATED),
    Column("speaker.age_band", _GENERALISED, "band of years, suppressed in groups smaller than k"),
    Column("speaker.gender", _GENERALISED, "female, male or other, suppressed in groups smaller than k"),
    Column("speaker.first_language", _GENERALISED, "language without its variety, suppressed in groups smaller than k"),
    Column("speaker.level", _GENERALISED, "A, B or C of the CEFR; not counted in the groups"),
    Column("speaker.region", _GENERALISED, "French NUTS 1 region, suppressed in groups smaller than k"),
    Column("device", _GENERALISED, "kind of device; make, model and owner's name are dropped"),
    *(
        Column(f"quality.{name}", _KEPT, "measured on this audio")
        for name in ("snr_db", "level_dbfs", "clipping", "speech_share", "bandwidth_hz")
    ),
    Column("consent.record", _REPLACED, "keyed pseudonym under the release's own sub-key"),
    Column("consent.purposes", _KEPT, "what the family allowed"),
    Column(
        "consent.expires", _GENERALISED, "earlier day shared by at least k speakers: the exact day may be a birthday"
    ),
    Column("usage", _KEPT, "identifier of the usage policy"),
    Column("source", _KEPT, "name of the collection or corpus"),
)
"""Columns of ``schema.FEATURES``."""

INTAKE = (
    Column("roster.learner_id", _REPLACED, "leaves as speaker_id"),
    Column("roster.name", _REMOVED, "never leaves the intake side"),
    Column("roster.birth_date", _REMOVED, "never leaves; the age band is computed from it"),
    Column("roster.age", _GENERALISED, "leaves as speaker.age_band"),
    Column("roster.gender", _GENERALISED, "leaves as speaker.gender"),
    Column("roster.first_language", _GENERALISED, "leaves as speaker.first_language"),
    Column("roster.level", _GENERALISED, "leaves as speaker.level"),
    Column("roster.region", _GENERALISED, "leaves as speaker.region"),
    Column("roster.school", _REMOVED, "never leaves the intake side"),
    Column("recordings.recording_id", _REPLACED, "enters utterance_id under the key"),
    Column("recordings.learner_id", _REPLACED, "leaves as speaker_id"),
    Column("recordings.session_id", _REPLACED, "leaves as session_id"),
    Column("recordings.path", _REMOVED, "file names may carry names"),
    Column("recordings.recorded_on", _REMOVED, "used for the age band"),
    Column("recordings.language", _KEPT, "leaves as language"),
    Column("recordings.prompts", _KEPT, "leaves as text, one row a prompt"),
    Column("recordings.device", _GENERALISED, "leaves as device"),
    Column("recordings.segmented", _REMOVED, "used to cut the recording"),
    Column("recordings.split", _KEPT, "a corpus's official split decides the split of its rows"),
    Column("recordings.readers", _REPLACED, "leave as speaker_id, the consenting ones only"),
    Column("recordings.enrols", _REMOVED, "used to make the voiceprint, which never leaves the intake side"),
    Column("register.record_id", _REPLACED, "leaves as consent.record"),
    Column("register.learner_id", _REMOVED, "used to find the record"),
    Column("register.birth_date", _REMOVED, "used to know who must sign"),
    Column("register.purposes", _KEPT, "leaves as consent.purposes, those granted only"),
    *(
        Column(f"register.{name}", _REMOVED, "evidence of consent, stays in the register")
        for name in ("notice", "lawful_basis", "controller", "recipients", "retention_until", "signatures", "events")
    ),
    Column("register.schema_version", _REMOVED, "evidence of consent, stays in the register"),
)
"""Columns of the roster, the recordings list and the consent register."""


def leaves(features: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all columns of a ``datasets.Features``, nested ones as ``parent.child``."""
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, Mapping):
            yield from (f"{name}.{child}" for child in leaves(inner))
        else:
            yield name


def check_columns(names: Iterable[str] | Mapping[str, Any]) -> None:
    """Refuse a column that nobody declared.

    Give the release's ``Features`` so that nested columns are checked too; bare names are taken as written, where a
    parent stands for its declared children. Raises ReleaseError that names every undeclared column.
    """
    wanted = set(leaves(names)) if isinstance(names, Mapping) else set(names)
    declared = {column.name for column in RELEASE if column.fate is not Fate.REMOVED}
    if not isinstance(names, Mapping):
        declared |= {name.rsplit(".", depth)[0] for name in declared for depth in range(1, name.count(".") + 1)}
    if unknown := sorted(wanted - declared):
        raise ReleaseError(
            f"Undeclared columns: {', '.join(unknown)}. Nobody said what becomes of them, so they may carry personal "
            "data. Declare each one in collection/pseudonyms/columns.py, or leave it out of the release."
        )


def declaration() -> tuple[Column, ...]:
    """Return every declaration, intake side first: the list a build prints at its end."""
    return INTAKE + RELEASE
