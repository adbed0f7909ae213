"""Work in the background: every recording is heard once, whoever is killed on the way.

A recording is worked on under a lock that its process holds, and that a killed process loses. Its segments, its state
and the line in the journal are written in one transaction, so it was heard or it was not.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django_tasks import task
from filelock import BaseFileLock, Timeout

from collection import manifest
from collection.classes.class_recording import GROWN, NO_ENROLLED_VOICE, NO_VOICEPRINT, ClassConfig
from collection.consent import age_on
from collection.errors import AudioError, ConfigError
from collection.prompts import Doubt
from collection.schema import SAMPLE_RATE
from collection.segment import Samples
from collection.web.audit import journal
from collection.web.recordings import hearing, sounds, vault
from collection.web.recordings.hearing import Heard
from collection.web.recordings.models import Fate, Recording, Segment, State
from collection.web.recordings.permission import readers, refusal

log = logging.getLogger(__name__)

WORKER = "worker"
"""Who the journal names for what happens in the background."""
HEARD, BUSY, SETTLED = "heard", "somebody else is at it", "no such recording, or heard already"
FAILED = "listening_failed"
_SET_ASIDE = "audio_decoder_"
"""Reasons of files that are kept for a look, since it may have been our fault."""


def lock_of(recording_id: str) -> BaseFileLock:
    """Return the lock under which a recording is heard; it falls with its process."""
    folder = Path(settings.PORTAL) / "work"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return manifest.lock(folder / str(recording_id))


@task()
def listen(recording_id: str) -> str:
    """Hear a recording that nobody has heard yet; doing it again changes nothing."""
    try:
        with lock_of(recording_id).acquire(blocking=False):
            found = Recording.objects.select_related("session__school_class", "learner")
            recording = found.filter(pk=recording_id, state__in=(State.WAITING, State.WORKING)).first()
            if recording is None:
                return SETTLED
            Recording.objects.filter(pk=recording.pk).update(state=State.WORKING)
            try:
                _listen(recording)
            except Exception:
                # Our fault, not the file's: it waits for the next start of a worker.
                Recording.objects.filter(pk=recording.pk).update(state=State.WAITING, reason=FAILED)
                raise
            return HEARD
    except Timeout:
        return BUSY


def _listen(recording: Recording) -> None:
    reason = refusal(recording.session, recording.learner)
    if reason is not None:
        _refuse(recording, reason)
        return
    try:
        samples = sounds.decoded(recording)
    except AudioError as error:
        _refuse(recording, error.reason)
        return
    heard = _heard(recording, samples)
    recording.size = sounds.keep(recording, samples)
    recording.seconds = len(samples) / SAMPLE_RATE
    recording.peaks = hearing.peaks(samples)
    _settle(recording, heard)


def _heard(recording: Recording, samples: Samples) -> Heard:
    """Return what is heard, whichever way the recording was made."""
    session, language = recording.session, recording.session.school_class.language
    if recording.enrols and recording.learner is not None:
        return Heard(reason=vault.enrol(recording.learner, samples) or "")
    turns = list(session.turns.all())
    texts = [(turn.position, turn.text) for turn in turns]
    if recording.learner is not None:
        learner_id = str(recording.learner.pk)
        if recording.position is None:
            return hearing.one_learner(samples, texts, language, learner_id)
        text = dict(texts).get(recording.position)
        if text is None:
            return Heard(reason=Doubt.NO_PROMPTS.value)
        return hearing.one_text(samples, recording.position, text, language, learner_id)
    agreeing = {str(one.pk): one for one in readers(session) if refusal(session, one) is None}
    made = {learner_id: vault.voiceprint(learner) for learner_id, learner in agreeing.items()}
    prints = {learner_id: each.vector for learner_id, each in made.items() if each is not None}
    reading = [str(turn.reader_id) if turn.reader_id else None for turn in turns]
    try:
        config = ClassConfig(listener=settings.CLASS_LISTENER, model=settings.CLASS_LISTENER_MODEL)
        young = {
            learner_id
            for learner_id, learner in agreeing.items()
            if learner.birth_date and age_on(learner.birth_date, session.held_on) < GROWN
        }
        heard = hearing.whole_class(samples, texts, reading, language, prints, config, young) if prints else Heard()
    except ConfigError:
        return Heard(reason="class_language_unknown")
    unknown = [turn.position for turn in turns if str(turn.reader_id) in agreeing.keys() - prints.keys()]
    if unknown:
        heard.unheard[NO_VOICEPRINT] = unknown
    if not prints:
        heard.reason = NO_ENROLLED_VOICE
    return heard


def _refuse(recording: Recording, reason: str) -> None:
    """Settle a recording of which nothing can be kept; its bytes go too."""
    recording.state = State.REFUSED
    if not reason.startswith(_SET_ASIDE):
        recording.size = 0
    _settle(recording, Heard(reason=reason))


def _settle(recording: Recording, heard: Heard) -> None:
    """Write what was heard, all of it or nothing, then destroy the file that was sent."""
    refused = recording.state == State.REFUSED
    sent = recording.sound.name
    with transaction.atomic():
        now = Recording.objects.select_for_update().filter(pk=recording.pk).first()
        if now is None:
            # Deleted while it was heard.
            sounds.destroy(recording)
            return
        if now.state in (State.DONE, State.REFUSED):
            return
        recording.state = State.REFUSED if refused else State.DONE
        recording.reason, recording.unheard = heard.reason, heard.unheard
        if refused:
            recording.sound.name = sent if recording.size else ""
        else:
            recording.sound.name = sounds.kept_path(recording)
        recording.save()
        recording.segments.all().delete()
        for segment in heard.segments:
            segment.recording = recording
        Segment.objects.bulk_create(heard.segments)
        fates = Counter(segment.fate for segment in heard.segments)
        counts = {fate.value: fates[fate] for fate in Fate}
        journal.record(WORKER, "recording.hear", recording, reason=heard.reason, **counts)
    if sent and sent != recording.sound.name:
        default_storage.delete(sent)
