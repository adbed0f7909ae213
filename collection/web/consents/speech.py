"""The notice read aloud: espeak-ng where it is installed, or a sound file that somebody sent."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from threading import Lock

import numpy as np
import soundfile
from numpy.typing import NDArray

from collection import audio
from collection.synthetic.voices import Synthesiser

MAX_BYTES = 20 * 2**20
"""Bytes of a sound file that somebody sends."""
MAX_SECONDS = 1200.0
RATE = 16_000
"""Hz of what the pipeline decodes."""
PACE = 150
"""Words a minute: slower than espeak-ng's 175, because many listen in a language that is not theirs."""
_one_at_a_time = Lock()
"""espeak-ng keeps its state in the process."""
_MARKS = re.compile(r"^#+ |^- |\*\*", re.MULTILINE)


def plain(body: str) -> str:
    """Return a text without its marks; headings and points of a list end like sentences."""
    lines = (_MARKS.sub("", line).strip() for line in body.split("\n"))
    return "\n".join(line if line[-1] in ".?!:;," else f"{line}." for line in lines if line)


def read_aloud(text: str, language: str) -> bytes:
    """Return a text read by espeak-ng as an MP3 file (22.05 kHz, mono).

    Raises ``ParlureError`` where espeak-ng is not installed or has no voice for the language.
    """
    with _one_at_a_time, Synthesiser() as voice:
        samples, rate = voice.read(text, language, PACE)
    return _mp3(samples, rate)


def accepted(sound: bytes) -> bytes:
    """Return a file that somebody sent as an MP3 of our own making; raises ``SoundError`` for what is no sound."""
    with tempfile.NamedTemporaryFile(suffix=".upload") as file:
        file.write(sound)
        file.flush()
        decoded = audio.decode(Path(file.name), audio.AudioLimits(max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS))
    return _mp3(decoded.samples, RATE)


def _mp3(samples: NDArray[np.float32], rate: int) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate, 1, format="MP3") as sound:
        for start in range(0, len(samples), rate):
            sound.write(samples[start : start + rate])
    return file.getvalue()
