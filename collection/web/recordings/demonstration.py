"""Made-up readings for the demonstration, sent as any upload is: the worker hears them, and some are not kept.

espeak-ng's own voice of the language reads; without it (extra ``simulate``) there is nothing to send.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import soundfile
from django.utils import timezone

from collection.errors import ParlureError
from collection.segment import Samples
from collection.synthetic.voices import Synthesiser
from collection.web.accounts.models import User
from collection.web.classes.models import Learner, ReadingSession
from collection.web.recordings import uploads
from collection.web.recordings.models import Upload

PAUSE = 2.0
"""Seconds of quiet between two texts, as the page asks for."""
PACE = 130
"""Words a minute."""
LOUDNESS = (1.0, 1.0, 0.06, 30.0, 1.0)
"""How loud each text is read, 1 is well: one far from the microphone, one far too loud."""


def record(session: ReadingSession, teacher: User, learners: Sequence[Learner]) -> int:
    """Send a reading of each learner: the first is bad in two places, the last lacks its end.

    Return how many were sent.
    """
    texts = session.prompts
    try:
        with Synthesiser() as voice:
            read = [voice.read(text, session.school_class.language, PACE) for text in texts]
    except ParlureError:
        return 0
    for number, learner in enumerate(learners):
        spoken = read[:-1] if number == len(learners) - 1 else read
        loudness = LOUDNESS if number == 0 else (1.0,) * len(spoken)
        parts = [peak * samples for (samples, _), peak in zip(spoken, np.resize(loudness, len(spoken)), strict=True)]
        _send(session, teacher, learner, _file(parts, read[0][1], number))
    return len(learners)


def _file(parts: Sequence[Samples], rate: int, seed: int) -> bytes:
    """Return a FLAC file of parts with pauses around each, in a quiet room."""
    pause = np.zeros(round(PAUSE * rate), np.float32)
    whole = np.concatenate([pause, *(piece for part in parts for piece in (part / 2, pause))])
    room = 0.0003 * np.random.default_rng(seed).standard_normal(len(whole))
    file = io.BytesIO()
    soundfile.write(file, np.clip(whole + room, -1, 1), rate, format="FLAC")
    return file.getvalue()


def _send(session: ReadingSession, teacher: User, learner: Learner, sound: bytes) -> None:
    upload = Upload(
        session=session,
        learner=learner,
        length=len(sound),
        device="computer",
        sent_by=teacher,
        expires_at=timezone.now() + timedelta(days=1),
    )
    uploads.create(upload)
    uploads.append(upload, 0, [sound])
    uploads.finish(upload)
