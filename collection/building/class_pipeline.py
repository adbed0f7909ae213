"""From a class recording to the rows of several learners: those who consent, are enrolled and were heard to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from collection import audio
from collection.building.admission import Admission, held_when_recorded
from collection.building.pipeline import NO_CONSENT, Context, RecordingResult, Task, rows_of, segmenter
from collection.classes import class_recording, voice_encoder, voiceprints
from collection.classes.class_recording import Enrolled
from collection.consent import ConsentPolicy, ConsentRecord, age_on, may_use
from collection.errors import AudioError
from collection.hearing import listening
from collection.intake import Recording
from collection.keys import Key
from collection.schema import ConsentGrant, Purpose

NO_GRANT = ConsentGrant(None, (), None)
"""What a class recording as a whole allows: nothing."""


def who_is_enrolled(
    recording: Recording,
    admission: Admission,
    register: Mapping[str, ConsentRecord],
    purposes: Sequence[Purpose],
    policy: ConsentPolicy,
    vault: Path,
    key: Key,
) -> tuple[dict[str, Enrolled], Counter[str]]:
    """Return the admitted learners of a class recording with their voiceprints, and the readings of the others.

    A learner who consented after the recording, or has no voiceprint under the consent record of today, is counted by
    reason; with nobody left, the recording is dropped whole. Raises KeyFileError when the vault has another key.
    """
    enrolled: dict[str, Enrolled] = {}
    missing: Counter[str] = Counter()
    for learner_id, count in recording.readings.items():
        if learner_id not in admission.grants:
            continue
        record = register.get(learner_id)
        made = voiceprints.read(vault, key, learner_id)
        if not held_when_recorded(record, recording, purposes, policy):
            missing[class_recording.RECORDED_BEFORE_CONSENT] += count
        elif record is None or made is None or made.record_id != record.record_id:
            missing[class_recording.NO_VOICEPRINT] += count
        else:
            day, born = recording.recorded_on, record.birth_date
            child = day is not None and born is not None and age_on(born, day) < class_recording.GROWN
            enrolled[learner_id] = Enrolled(admission.grants[learner_id], made.vector, child)
    if not enrolled and (silent := missing.pop(class_recording.NO_VOICEPRINT, 0)):
        missing[class_recording.NO_ENROLLED_VOICE] += silent
    return enrolled, missing


def process_class(task: Task, context: Context) -> RecordingResult:
    """Return the rows of a class recording: of each consenting, enrolled learner what they are heard to read."""
    recording = task.recording
    enrolled = {
        learner: each
        for learner, each in task.enrolled.items()
        if all(may_use(each.grant, purpose, context.on) for purpose in context.purposes)
    }
    asked = recording.readings
    drops = Counter({NO_CONSENT: sum(asked[learner] for learner in task.enrolled if learner not in enrolled)})
    theirs = {index for index, reader in enumerate(recording.readers) if reader in enrolled}
    if not theirs:
        return RecordingResult((), +drops, Counter(), {})
    try:
        samples = audio.decode(recording.path, context.limits).samples
    except AudioError as error:
        return RecordingResult((), +drops + Counter({error.reason: len(theirs)}), Counter(), {})
    heard = class_recording.listen(
        samples,
        segmenter(context.segment).intervals(samples),
        recording.prompts,
        recording.readers,
        recording.language,
        {learner: each.vector for learner, each in enrolled.items()},
        voice_encoder.embed_many,
        listening.load(context.classes.listener, context.classes.model),
        context.classes,
        {learner for learner, each in enrolled.items() if each.child},
    )
    drops[class_recording.NOT_HEARD] += len(theirs) - len(heard)
    drops.update(each.reason for each in heard if each.reason)
    result = RecordingResult((), +drops, Counter(), {})
    for learner, each in enrolled.items():
        believed = [
            (one.prompt, one.interval)
            for one in heard
            if one.reason is None and recording.readers[one.prompt] == learner
        ]
        own = replace(task, recording=replace(recording, learner_id=learner, readers=()), grant=each.grant)
        kept = rows_of(own, samples, believed, context)
        result = replace(
            result, rows=result.rows + kept.rows, drops=result.drops + kept.drops, flags=result.flags + kept.flags
        )
    listen = {
        context.naming.utterance(recording.recording_id, one.prompt): one.reason
        for one in heard
        if one.reason in class_recording.TO_REVIEW
    }
    return replace(result, review=listen)
