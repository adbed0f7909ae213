"""Enrol consenting learners: their voice alone, about 10 s, becomes an encrypted voiceprint in the intake vault.

    python -m collection.enrol intake=class key=$HOME/parlure.key

Reads the recordings of the intake that are marked ``enrols``; only those of learners with live consent are opened. One
that cannot be used is told by its pseudonym and the others go on; exit code 1 when there was one. A voiceprint made
under the learner's present consent record is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from omegaconf import MISSING

from collection import audio
from collection.audio import AudioLimits
from collection.building.admission import birth_dates_disagree, held_when_recorded
from collection.classes import voice_encoder, voiceprints
from collection.cli import console, existing, progress, run_verb
from collection.consent import ConsentPolicy, ConsentRecord, asked_on, read_register
from collection.errors import AudioError, IntakeError, VoiceprintError
from collection.intake import REGISTER, Learner, Recording, read_intake
from collection.keys import Key, read_key
from collection.schema import Purpose
from collection.segment import SegmentConfig, Segmenter, cut
from collection.withdrawal import tombstones


@dataclass
class EnrolConfig:
    """Configuration of the verb."""

    intake: str = MISSING
    """Intake folder; voiceprints are kept in it, encrypted."""
    key: str = MISSING
    """Key file (python -m collection.keys): the voiceprints open with it only."""
    on: str | None = None
    """ISO date on which consents are judged, when it is later than today."""
    audio: AudioLimits = field(default_factory=AudioLimits)
    """What sound files are accepted."""
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    """How speech is found in an enrolment."""
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    """What the controller asks of a consent."""


def enrol(config: EnrolConfig) -> dict[str, str | None]:
    """Enrol every learner who has an enrolment recording; return pseudonyms with the reason of each failure.

    Whoever no longer consents loses an older voiceprint.

    Raises IntakeError when nothing is marked ``enrols``, KeyFileError when the vault has another key.
    """
    folder, key_path = existing(config.intake, "Intake folder"), Path(config.key).expanduser()
    key = read_key(key_path)
    # An old backup may have brought back whoever has withdrawn: nobody makes their voiceprint again.
    ledger = tombstones.beside(key_path)
    intake, _ = tombstones.without(read_intake(folder), key, tombstones.read_verified(ledger, key))
    voiceprints.check_key(folder, key)
    recordings = [recording for recording in intake.recordings if recording.enrols]
    if not recordings:
        raise IntakeError(f'no recording in {folder} enrols anybody: mark one a learner with "enrols": true.')
    on, segmenter = asked_on(config.on), Segmenter(config.segment)
    outcomes: dict[str, str | None] = {}
    with progress() as bar:
        for recording in bar.track(recordings, description="Learners enrol"):
            learner_id = recording.learner_id
            learner = intake.learners.get(learner_id, Learner(learner_id))
            name = voiceprints.path_of(folder, key, learner_id).stem
            try:
                # Who withdraws meanwhile waits for one enrolment, and is asked for again before the next.
                with tombstones.lock(ledger):
                    gone = tombstones.read_verified(ledger, key).subjects
                    if tombstones.subject(key, intake.source, learner_id) in gone:
                        raise VoiceprintError(f"{name} is not enrolled: the learner has withdrawn.")
                    record = _consenting(config, folder, key, recording, learner, on)
                    made = voiceprints.read(folder, key, learner_id)
                    if made is None or made.record_id != record.record_id:
                        samples = audio.decode(recording.path, config.audio).samples
                        pieces = [cut(samples, part) for part in segmenter.intervals(samples)]
                        speech = np.concatenate(pieces) if pieces else samples[:0]
                        voiceprints.enrol(folder, key, learner_id, speech, record, voice_encoder.embed_many)
                outcomes[name] = None
            except (AudioError, VoiceprintError) as error:
                outcomes[name] = str(error)
    return outcomes


def _consenting(
    config: EnrolConfig, folder: Path, key: Key, recording: Recording, learner: Learner, on: date
) -> ConsentRecord:
    """Return the consent record under which a learner is enrolled, as the register stands now.

    Raises VoiceprintError when there is no consent, today or on the day of the recording, or when it cannot be told
    whose consent it takes. A voiceprint of somebody who no longer consents is erased: it can be made again.
    """
    found = read_register(folder / REGISTER).get(learner.learner_id)
    name = voiceprints.path_of(folder, key, learner.learner_id).stem
    try:
        record = voiceprints.consenting(folder, key, learner.learner_id, found, on, config.consent)
        if birth_dates_disagree(record, learner):
            raise VoiceprintError(f"{name} is not enrolled: register and roster name two birth dates. Correct one.")
    except VoiceprintError:
        voiceprints.erase(folder, key, learner.learner_id)
        raise
    if not any(held_when_recorded(record, recording, (purpose,), config.consent) for purpose in Purpose):
        raise VoiceprintError(
            f"{name} is not enrolled: there was no consent yet on the day it was recorded, or that day is not known. "
            "Give recorded_on, or record about 10 s again."
        )
    return record


def _verb(config: EnrolConfig) -> None:
    outcomes = enrol(config)
    failed = {name: reason for name, reason in outcomes.items() if reason is not None}
    console.print(f"{len(outcomes) - len(failed)} learners are enrolled, {len(failed)} are not.")
    for name, reason in failed.items():
        console.print(f"{name}: {reason}", soft_wrap=True, markup=False, highlight=False)
    if failed:
        raise VoiceprintError(f"{len(failed)} of {len(outcomes)} enrolments could not be used; the others are kept.")


def main() -> None:
    """Run the verb."""
    run_verb("enrol", EnrolConfig, _verb)


if __name__ == "__main__":
    main()
