"""Sound files as phones, tablets and schools deliver them, in several formats, and some that cannot be used.

For the synthetic class only: everything that enters a release is encoded by ``collection.audio``.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import cast

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

WORK_RATE = 22_050
"""Hz of the samples handed in."""


class FileFormat(StrEnum):
    """Container, codec, rate and channels under one name."""

    WAV = "wav"
    FLAC = "flac"
    VORBIS = "ogg"
    OPUS = "opus"
    MP3 = "mp3"
    AAC = "m4a"
    WEBM = "webm"


class Fault(StrEnum):
    """Ways in which a file cannot be used."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    TEXT_RENAMED = "text_renamed"
    TOO_SHORT = "too_short"
    SILENCE = "silence"


_SOUNDFILE = {
    FileFormat.WAV: (44_100, 2, "WAV", "PCM_16"),
    FileFormat.FLAC: (22_050, 1, "FLAC", "PCM_16"),
    FileFormat.VORBIS: (44_100, 1, "OGG", "VORBIS"),
    FileFormat.OPUS: (48_000, 1, "OGG", "OPUS"),
    FileFormat.MP3: (44_100, 1, "MP3", "MPEG_LAYER_III"),
}
_PYAV = {FileFormat.AAC: ("mp4", "aac", 44_100), FileFormat.WEBM: ("webm", "libopus", 48_000)}
_BLOCK = 1 << 15


def write(path: Path, samples: NDArray[np.float32], file_format: FileFormat, title: str) -> None:
    """Write mono samples (float32 at ``WORK_RATE``) in a format, with ``title`` in its metadata as recorders do.

    WAV and FLAC are the same bytes for the same input; the other containers carry serial numbers of their own.
    """
    if file_format in _PYAV:
        _write_pyav(path, samples, file_format, title)
        return
    rate, channels, container, codec = _SOUNDFILE[file_format]
    data = soxr.resample(samples, WORK_RATE, rate)
    if channels == 2:
        # The second microphone of a recorder hears the same a little later and softer.
        data = np.stack([data, 0.8 * np.concatenate([np.zeros(20, data.dtype), data[:-20]])], axis=1)
    with soundfile.SoundFile(path, "w", rate, channels, codec, format=container) as file:
        if title:
            file.title = title
        for start in range(0, len(data), _BLOCK):
            file.write(data[start : start + _BLOCK])


def _write_pyav(path: Path, samples: NDArray[np.float32], file_format: FileFormat, title: str) -> None:
    container_name, codec, rate = _PYAV[file_format]
    data = soxr.resample(samples, WORK_RATE, rate)
    whole = np.clip(np.round(data * 32767), -32768, 32767).astype(np.int16)
    with av.open(str(path), "w", format=container_name) as container:
        container.metadata["title"] = title
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate, layout="mono"))
        for start in range(0, len(whole), _BLOCK):
            frame = av.AudioFrame.from_ndarray(whole[None, start : start + _BLOCK], format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_bad(path: Path, fault: Fault, samples: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Write a file that cannot be used; ``samples`` is the speech that it would have held."""
    if fault is Fault.EMPTY:
        path.write_bytes(b"")
    elif fault is Fault.TEXT_RENAMED:
        path.write_text("These are the minutes of a meeting, saved under the wrong name.\n" * 20, encoding="utf-8")
    elif fault is Fault.TOO_SHORT:
        write(path, samples[: WORK_RATE // 20], FileFormat.WAV, "")
    elif fault is Fault.SILENCE:
        write(path, rng.normal(0, 1e-5, 6 * WORK_RATE).astype(np.float32), FileFormat.WAV, "")
    else:
        write(path, samples, FileFormat.FLAC, "")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
