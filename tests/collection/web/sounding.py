"""Sounds that learners send, and the steps of the tus protocol by the test client."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import numpy as np
import soxr
from django.test import Client
from django.urls import reverse
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from collection.phones import transcribe
from collection.synthetic.voices import Synthesiser, Voice
from collection.web.classes.models import Learner, ReadingSession
from collection.web.recordings.tasks import listen
from tests.factories import RATE, encoded, noise, silence

PAUSE = 2.0
"""Seconds between two texts, as the page asks for."""
TEXTS = ("Good morning.", "The cat sat on the mat.", "See you all tomorrow at school.")
"""What is read, the first two as the session of a place has it."""
LONG = "the quick brown fox jumps over the lazy dog while seven wild geese fly north over the quiet lake in autumn"
VOICES = (Voice("f2", 70, 40, 150, 1.2), Voice("m3", 35, 40, 150, 0.9), Voice("f4", 50, 40, 150, 1.0))


@cache
def _spoken(text: str, voice: int) -> np.ndarray:
    with Synthesiser() as synthesiser:
        speech = synthesiser.speak(VOICES[voice], [word.canonical for word in transcribe(text, "en")])
    return soxr.resample(speech.samples, speech.rate, RATE).astype(np.float32)


def spoken(text: str = TEXTS[0], voice: int = 0, peak: float = 0.5) -> np.ndarray:
    """Return a synthetic voice that reads a text: samples at 16 kHz."""
    samples = _spoken(text, voice)
    return samples * np.float32(peak / np.abs(samples).max())


def reading(texts: int = 2, voice: int = 0) -> np.ndarray:
    """Return the first of ``TEXTS`` one after the other, with a pause before, between and after, in a quiet room."""
    return paused([spoken(text, voice) for text in TEXTS[:texts]])


def paused(parts: list[np.ndarray]) -> np.ndarray:
    """Return sounds with pauses around each, in a quiet room."""
    whole = np.concatenate([silence(PAUSE), *(piece for part in parts for piece in (part, silence(PAUSE)))])
    return (whole + noise(len(whole) / RATE + 1, rms=0.0003, seed=5)[: len(whole)]).astype(np.float32)


def wav(texts: int = 2, voice: int = 0) -> bytes:
    """Return the file of a reading."""
    return encoded(reading(texts, voice))


def alone(voice: int = 0) -> bytes:
    """Return the file of a voice alone, long enough to be known by it."""
    return encoded(paused([spoken(LONG, voice), spoken(LONG, voice)]))


def told(**values: str) -> str:
    """Return an Upload-Metadata header."""
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items() if value)


def begin(
    client: Client,
    session: ReadingSession,
    learner: Learner | None,
    length: int,
    /,
    version: str = "1.0.0",
    **more: str,
) -> Any:
    """Ask to send a file of ``length`` bytes."""
    values = {"learner": str(learner.pk) if learner else "", "filetype": "audio/wav", **more}
    return client.post(
        reverse("upload-create", kwargs={"session_id": session.pk}),
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": version, "Upload-Length": str(length), "Upload-Metadata": told(**values)},
    )


def patch(client: Client, where: str, data: bytes, offset: int, **headers: str) -> Any:
    """Send some bytes for a place."""
    return client.patch(
        where,
        data,
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers},
    )


def head(client: Client, where: str) -> Any:
    """Ask how much has come."""
    return client.head(where, headers={"Tus-Resumable": "1.0.0"})


def send(client: Client, session: ReadingSession, learner: Learner | None, data: bytes, **more: str) -> Any:
    """Send a whole file; return the last answer."""
    answer = begin(client, session, learner, len(data), **more)
    return patch(client, answer["Location"], data, 0) if answer.status_code == 201 else answer


def work() -> list[str]:
    """Do the background work that waits, as a worker does; return what each task says."""
    said = []
    for waiting in DBTaskResult.objects.filter(status=TaskResultStatus.READY, task_path=listen.module_path):
        waiting.claim("test")
        said.append(listen.func(*waiting.args_kwargs["args"]))
        waiting.set_successful(said[-1])
    return said
