"""The intake side of the pipeline that the portal keeps: its key, and the voiceprints of consenting learners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from django.conf import settings
from filelock import BaseFileLock

from collection import manifest
from collection.building.pipeline import segmenter
from collection.classes import voice_encoder, voiceprints
from collection.consent import today
from collection.errors import KeyFileError, VoiceprintError
from collection.keys import Key, create_key, read_key
from collection.schema import SAMPLE_RATE
from collection.segment import Samples, SegmentConfig, cut
from collection.web.classes.models import Learner
from collection.web.consents.answers import POLICY, pipeline_id, record_of

TOO_SHORT = "enrolment_too_short"
OF_ANOTHER = "enrolment_of_another"


def vault_lock() -> BaseFileLock:
    """Return the lock under which the vault is written: by an enrolment, an export or a withdrawal."""
    return manifest.lock(Path(settings.PORTAL) / "vault")


def key() -> Key:
    """Return the portal's key; one is made when nothing was ever made with one.

    Raises KeyFileError when it is missing and there is data that it would open: a new key would not.
    """
    path = Path(settings.KEY_FILE)
    if path.exists():
        return read_key(path)
    made_with_it = [
        folder for folder in (Path(settings.VAULT) / voiceprints.FOLDER, settings.RELEASES) if folder.exists()
    ]
    if made_with_it:
        raise KeyFileError(
            f"No key at {path}, and {made_with_it[0]} was made with it: bring the key back from its safe copy."
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return create_key(path)
    except KeyFileError:
        # Another process was faster.
        return read_key(path)


def enrol(learner: Learner, samples: Samples) -> str | None:
    """Make the voiceprint of a learner from their voice alone; return the reason when it cannot be made."""
    speech = [cut(samples, part) for part in segmenter(SegmentConfig()).intervals(samples)]
    spoken = np.concatenate(speech) if speech else samples[:0]
    vault, own = Path(settings.VAULT), pipeline_id(learner)
    opened = key()
    # Consent is asked under the lock of withdrawals: whose voiceprint was just destroyed gets no new one.
    with vault_lock():
        try:
            record = voiceprints.consenting(vault, opened, own, record_of(learner), today(), POLICY)
        except VoiceprintError:
            return "learner_without_consent"
        if len(spoken) / SAMPLE_RATE < voiceprints.LEAST_SECONDS:
            return TOO_SHORT
        vault.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            voiceprints.enrol(vault, opened, own, spoken, record, voice_encoder.embed_many)
        except VoiceprintError:
            return OF_ANOTHER
    return None


def voiceprint(learner: Learner) -> voiceprints.Voiceprint | None:
    """Return the voiceprint made under the consent that the learner has today; ``None`` when there is none."""
    record = record_of(learner)
    if record is None or not Path(settings.KEY_FILE).exists():
        return None
    made = voiceprints.read(Path(settings.VAULT), key(), pipeline_id(learner))
    return made if made is not None and made.record_id == record.record_id else None
