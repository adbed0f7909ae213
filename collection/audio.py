"""The only place that decodes or encodes sound: untrusted files in, 16 kHz mono samples and clean FLAC out.

A file is told by its content, never by its name; containers and codecs outside the allow-list are refused; decoding
happens in a limited process of its own (``docs/adr/0003``). Every refusal is a ``SoundError`` with a stable ``reason``.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from collection.schema import SAMPLE_RATE, Seconds
from collection.sound import sandbox
from collection.sound.containers import RefusedError
from collection.sound.refusals import REASONS, CorruptError, DecoderCrashedError, SoundError

__all__ = ["REASONS", "AudioLimits", "Sound", "SoundError", "decode", "decode_flac", "decode_flac_part", "encode_flac"]

Samples = npt.NDArray[np.float32]

FULL_SCALE = 32_768
"""Steps of 16-bit sound that make an amplitude of 1.0."""
_PART = 2**20


@dataclass
class AudioLimits:
    """What a sound file may be and may cost. Treat as read-only."""

    max_bytes: int = 2 * 2**30
    """Bytes of the file; refused before anything is read. Three hours of 16-bit stereo at 48 kHz are 1.9 GiB."""
    max_seconds: float = 3 * 3600.0 + 300.0
    """Seconds, counted on decoded samples whatever the header says: three hours and a margin."""
    max_channels: int = 8
    """Channels; they are averaged to one."""
    min_rate: int = 8_000
    """Hz; slower sound misses what phones differ by. Raise it to refuse telephone sound."""
    max_rate: int = 192_000
    """Hz."""
    max_peak: float = 8.0
    """Times full scale that a sample of a float file may reach; beyond, the file was written on another scale."""
    memory_mib: float = 512.0
    """MiB the decoder may take for one file beyond its libraries; it works in blocks and needs about 20."""
    cpu_seconds: float = 120.0
    """Seconds of processor for one file, whole seconds, at least 1; three hours of sound need about 30."""
    wall_seconds: float = 300.0
    """Seconds by the clock for one file; raise it for slow network drives."""
    follow_links: bool = False
    """Read what a symbolic link points to. A link may lead out of the intake folder: on only for a folder of yours."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A decoded file: ``samples`` float32 of shape (n,) at 16 kHz; the rest says what the file was."""

    samples: Samples
    container: str
    codec: str
    original_rate: int
    channels: int

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE


def decode(path: Path | str, limits: AudioLimits | None = None) -> Sound:
    """Return the sound of a file as float32 mono at 16 kHz (channels averaged, resampled by soxr HQ).

    Any failure of the file is a ``SoundError`` that names the file, the fault and the remedy; nothing else is raised
    for a bad file, and nothing hangs. Peak memory here is the decoded signal (64 kB a second) and an eighth more.
    """
    limits = limits or AudioLimits()
    path = Path(path)
    try:
        descriptor = _open(path, limits)
        try:
            raw = sandbox.run(descriptor, asdict(limits) | {"target_rate": SAMPLE_RATE})
        finally:
            os.close(descriptor)
        samples = np.frombuffer(raw.samples, dtype="<f4")
        # The decoder checked this, but the decoder is what a hostile file would have taken over.
        if len(samples) and not np.isfinite([samples.min(), samples.max()]).all():
            raise RefusedError("audio_not_finite", "a decoded sample is NaN or infinite")
    except RefusedError as refusal:
        kind = REASONS.get(refusal.reason, DecoderCrashedError)
        raise kind(f"{path.name!r}: {refusal.detail}. {kind.advice}") from None
    facts = raw.facts
    return Sound(samples, str(facts["container"]), str(facts["codec"]), int(facts["rate"]), int(facts["channels"]))


def _open(path: Path, limits: AudioLimits) -> int:
    """Open a regular file for reading; never waits on a pipe, never touches a device."""
    follow = limits.follow_links
    try:
        _check_kind(path.stat(follow_symlinks=follow).st_mode)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise RefusedError("audio_missing_file", "there is no such file") from None
    except (OSError, ValueError) as error:
        raise RefusedError("audio_unreadable_file", f"it cannot be opened ({error})") from None
    try:
        found = os.fstat(descriptor)
        _check_kind(found.st_mode)
        if found.st_size == 0:
            raise RefusedError("audio_empty_file", "the file is empty, 0 bytes")
        if found.st_size > limits.max_bytes:
            raise RefusedError(
                "audio_too_large", f"it has {found.st_size} bytes, at most {limits.max_bytes} are accepted"
            )
    except RefusedError:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise RefusedError("audio_is_a_link", "it is a symbolic link")
    if stat.S_ISDIR(mode):
        raise RefusedError("audio_not_a_file", "it is a folder")
    if not stat.S_ISREG(mode):
        raise RefusedError("audio_not_a_file", "it is a pipe, a device or a socket")


def encode_flac(samples: Samples) -> bytes:
    """Return a FLAC file (16-bit, 16 kHz, mono, no metadata): the same bytes for the same samples of shape (n,).

    Samples beyond full scale are cut to it. Raises ``ValueError`` for another shape, none or NaN: faults of ours.
    """
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"encode_flac takes finite mono samples; these have shape {samples.shape} or hold NaN")
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as sound:
        # In parts: three hours of samples take their own room and no more.
        for start in range(0, len(samples), _PART):
            steps = np.rint(samples[start : start + _PART].astype(np.float32) * FULL_SCALE)
            sound.write(np.clip(steps, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16))
    return buffer.getvalue()


def encode_mp3(samples: Samples) -> bytes:
    """Return an MP3 file (16 kHz, mono, no metadata) of samples (n,), small and playable in any browser: for listening.

    Raises ``ValueError`` as ``encode_flac`` does.
    """
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"encode_mp3 takes finite mono samples; these have shape {samples.shape} or hold NaN")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return buffer.getvalue()


def decode_flac(data: bytes) -> Samples:
    """Return the float32 samples (n,) of a FLAC file that ``encode_flac`` made; fast, in this process.

    For rows of our own releases only: an outside file goes through ``decode``. Raises ``CorruptError`` otherwise.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            if (sound.format, sound.samplerate, sound.channels) == ("FLAC", SAMPLE_RATE, 1):
                samples: Samples = sound.read(dtype="float32")
                if len(samples) == sound.frames:
                    return samples
    except soundfile.LibsndfileError:
        pass
    raise CorruptError(
        "A row's sound is not FLAC, 16 kHz, mono and whole as a release holds it: build the release again."
    )


def decode_flac_part(file: BinaryIO, start: Seconds, end: Seconds) -> Samples:
    """Return the float32 samples (n,) from ``start`` to ``end`` of a FLAC file of ours; the rest is not decoded.

    A part that reaches beyond the sound is cut to it. Raises ``CorruptError`` for what ``encode_flac`` did not make.
    """
    try:
        with soundfile.SoundFile(file) as sound:
            if (sound.format, sound.samplerate, sound.channels) == ("FLAC", SAMPLE_RATE, 1):
                first, last = (min(max(0, round(at * SAMPLE_RATE)), sound.frames) for at in (start, end))
                sound.seek(first)
                samples: Samples = sound.read(max(0, last - first), dtype="float32")
                return samples
    except soundfile.LibsndfileError:
        pass
    raise CorruptError("A kept sound is not FLAC, 16 kHz, mono and whole as it was written: send the file again.")
