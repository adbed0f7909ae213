"""What leaves the portal: the kept segments of consenting learners, as an intake folder of the pipeline.

Each segment becomes a recording of one text (``segmented``), cut out as the teacher heard it, so that a release holds
what was seen. Whatever is no longer allowed is removed, and a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from collection import audio, intake, manifest
from collection.building import bystanders
from collection.consent import ConsentRecord, read_register, write_register
from collection.errors import AudioError, IntakeError
from collection.intake import REGISTER, Intake, read_intake, write_intake
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.classes.models import Learner, SchoolClass
from collection.web.consents.answers import pipeline_id, record_of, with_answers
from collection.web.rating.exporting import ratings_of
from collection.web.recordings import sounds, vault
from collection.web.recordings.models import Recording, Segment
from collection.web.recordings.permission import refusals
from collection.withdrawal import tombstones

AUDIO = "audio"
SOURCE = "portal"
"""Name of the source that releases print."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How many segments are in the vault now, of how many learners; files written and removed, sounds that are gone.

    ``rated`` segments carry what experts gave them.
    """

    segments: int
    learners: int
    written: int
    removed: int
    missing: int
    rated: int = 0


def export() -> Exported:
    """Bring ``settings.VAULT`` up to date with consents and decisions of this moment."""
    folder = Path(settings.VAULT)
    (folder / AUDIO).mkdir(mode=0o700, parents=True, exist_ok=True)
    vault.key()
    with vault.vault_lock():
        learners, segments = _allowed()
        recordings, written, missing = [], 0, 0
        for segment in segments:
            path = Path(AUDIO) / _name(segment)
            if not (folder / path).exists():
                try:
                    samples = sounds.stretch(segment)
                    manifest.atomic_write(folder / path, audio.encode_flac(samples), mode=0o600)
                except (AudioError, ValueError):
                    # Deleted meanwhile, or a stretch without sound: it is counted, and the others go on.
                    missing += 1
                    continue
                written += 1
            assert segment.learner_id is not None  # noqa: S101 - asked for
            recordings.append(_recording(segment, path, pipeline_id(learners[segment.learner_id])))
        speaking = {recording.learner_id for recording in recordings}
        heard = {own: learner for learner in learners.values() if (own := pipeline_id(learner)) in speaking}
        people = {own: _learner(own, learner) for own, learner in heard.items()}
        records = [record for learner in heard.values() if (record := record_of(learner)) is not None]
        rated = ratings_of(UUID(recording.recording_id) for recording in recordings)
        _write(folder, Intake(SOURCE, people, tuple(recordings), rated), records)
        _write_bystanders(folder, {one.recording.session.school_class_id for one in segments}, set(heard.values()))
        removed = _remove_others(folder, {recording.path.name for recording in recordings})
    if written or removed:
        with transaction.atomic():
            journal.record("export", "export.write", segments=len(recordings), written=written, removed=removed)
    return Exported(len(recordings), len(people), written, removed, missing, len(rated))


def forget(segments: Iterable[Segment]) -> int:
    """Remove the files of segments from the vault at once; the lists follow with the next ``export``."""
    found = [path for one in segments for path in (Path(settings.VAULT) / AUDIO).glob(f"{one.pk}-*.flac")]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _allowed() -> tuple[dict[UUID, Learner], list[Segment]]:
    """Return the learners who may be released, by id, and their kept segments in a fixed order."""
    kept = Segment.objects.usable()
    whose = with_answers(Learner.objects.filter(segments__in=kept).distinct())
    learners = {learner.pk: learner for learner in whose.select_related("school_class__school", "consent__notice")}
    ordered = kept.select_related("recording__session__school_class").order_by("recording_id", "start", "id")
    return learners, [segment for segment, why in refusals(ordered, learners) if why is None]


def _name(segment: Segment) -> str:
    """Return a file name that changes with what is cut out."""
    what = [segment.recording.sha256, segment.start, segment.end]
    return f"{segment.pk}-{manifest.fingerprint(what)[:12]}.flac"


def _recording(segment: Segment, path: Path, learner_id: str) -> intake.Recording:
    recording: Recording = segment.recording
    return intake.Recording(
        recording_id=str(segment.pk),
        learner_id=learner_id,
        session_id=str(recording.session_id),
        path=path,
        recorded_on=recording.session.held_on,
        language=recording.session.school_class.language,
        prompts=(segment.text,),
        device=recording.device or None,
        segmented=True,
    )


def _learner(learner_id: str, learner: Learner) -> intake.Learner:
    school = learner.school_class.school
    return intake.Learner(
        learner_id,
        name=f"{learner.first_name} {learner.last_name}",
        birth_date=learner.birth_date,
        gender=learner.gender or None,
        first_language=learner.first_language or None,
        level=learner.level or learner.school_class.level or None,
        region=school.region or None,
        school=school.name,
    )


def _write(folder: Path, found: Intake, records: list[ConsentRecord]) -> None:
    """Write the lists, unless they say the same already."""
    try:
        before = read_intake(folder)
        relative = [replace(one, path=one.path.relative_to(folder.resolve())) for one in before.recordings]
        if replace(before, recordings=tuple(relative)) == found and read_register(folder / REGISTER) == {
            record.learner_id: record for record in records
        }:
            return
    except (IntakeError, FileNotFoundError, ValueError):
        pass
    write_register(folder / REGISTER, records)
    write_intake(folder, found)


def _write_bystanders(folder: Path, classes: set[UUID], listed: set[Learner]) -> None:
    """Write what finds the names of classmates and teachers in texts; theirs is no name that leaves the portal."""
    names = {teacher.get_full_name() for teacher in User.objects.filter(classes__in=classes)}
    for learner in Learner.objects.filter(school_class__in=classes):
        if learner not in listed:
            names.add(f"{learner.first_name} {learner.last_name}")
    languages = set(SchoolClass.objects.filter(pk__in=classes).values_list("language", flat=True))
    key = vault.key()
    marks = frozenset(mark for name in sorted(names) for mark in tombstones.name_marks(key, SOURCE, name, languages))
    if marks != bystanders.read(folder):
        bystanders.write(folder, marks)


def _remove_others(folder: Path, names: set[str]) -> int:
    others = [path for path in (folder / AUDIO).iterdir() if path.name not in names]
    for path in others:
        path.unlink()
    return len(others)
