"""Small sounds made in memory: tones, silence, noise, vowels, and sound files of every kind, good and bad."""

from __future__ import annotations

import io
import struct
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

RATE = 16_000
ACCENTED_NAME = "Élève où ça – Ñandú 日本.wav"


def tone(seconds: float = 1.0, frequency: float = 440.0, amplitude: float = 0.5, rate: int = RATE) -> Samples:
    """A sine."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def silence(seconds: float = 1.0, rate: int = RATE) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * rate), np.float32)


def noise(seconds: float = 1.0, rms: float = 0.01, rate: int = RATE, seed: int = 0) -> Samples:
    """White Gaussian noise."""
    return (rms * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def clipped(seconds: float = 1.0, amplitude: float = 2.0, rate: int = RATE) -> Samples:
    """A sine of twice full scale, cut at full scale: two thirds of its samples lie at the limit."""
    return np.clip(tone(seconds, 100.0, amplitude, rate), -1, 1)


def vowel(seconds: float = 1.0, pitch: float = 140.0, amplitude: float = 0.3, rate: int = RATE) -> Samples:
    """Speech to a voice detector: harmonics under three formants, opened and closed four times a second."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * pitch * (time + 0.004 * np.sin(2 * np.pi * 2.5 * time))
    sound = np.zeros(len(time))
    for harmonic in range(1, int(3800 / pitch)):
        frequency = harmonic * pitch
        gain = sum(peak / (1 + ((frequency - at) / 90) ** 2) for at, peak in ((650, 1.0), (1150, 0.5), (2600, 0.25)))
        sound += gain * np.sin(harmonic * phase)
    sound *= 0.55 - 0.45 * np.cos(2 * np.pi * 4 * time)
    return (amplitude * sound / max(1e-9, np.abs(sound).max(initial=0.0))).astype(np.float32)


def encoded(samples: Samples, kind: str = "WAV", codec: str = "PCM_16", rate: int = RATE, **tags: str) -> bytes:
    """A file by libsndfile: WAV, FLAC, OGG (VORBIS, OPUS), MP3 (MPEG_LAYER_III); ``tags`` such as title, artist."""
    buffer = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(buffer, "w", rate, channels, codec, format=kind) as file:
        for name, value in tags.items():
            setattr(file, name, value)
        file.write(samples)
    return buffer.getvalue()


def muxed(
    samples: Samples,
    kind: str = "mp4",
    codec: str = "aac",
    rate: int = 48_000,
    tracks: int = 1,
    video: bool = False,
    options: dict[str, str] | None = None,
    **tags: str,
) -> bytes:
    """A file by FFmpeg: mp4 with aac, webm with libopus, matroska, adts; several tracks or a video on demand."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind, options=options or {}) as media:
        media.metadata.update(tags)
        streams: list[Any] = [media.add_stream(codec, rate=rate, layout="mono") for _ in range(tracks)]
        if video:
            picture = media.add_stream("mpeg4" if kind == "mp4" else "libvpx", rate=25)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            for index in range(25):
                frame.pts = index
                media.mux(picture.encode(frame.reformat(format="yuv420p")))
            media.mux(picture.encode(None))
        for stream in streams:
            size = stream.codec_context.frame_size or 960
            layout = stream.codec_context.format.name
            for start in range(0, len(samples), size):
                piece = samples[start : start + size].reshape(1, -1)
                sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout="mono")
                sound.sample_rate, sound.pts = rate, start
                for ready in av.AudioResampler(format=layout, layout="mono", rate=rate).resample(sound):
                    media.mux(stream.encode(ready))
            media.mux(stream.encode(None))
    return buffer.getvalue()


def wav(
    body: bytes,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    announced: int | None = None,
    byte_rate: int | None = None,
    block: int | None = None,
    after: bytes = b"",
) -> bytes:
    """A WAV file field by field, so that it can lie: ``announced`` bytes of sound, ``after`` what follows them."""
    block = channels * bits // 8 if block is None else block
    byte_rate = rate * block if byte_rate is None else byte_rate
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, byte_rate & 0xFFFFFFFF, block, bits)
    data = struct.pack("<4sI", b"data", len(body) if announced is None else announced) + body + after
    return struct.pack("<4sI4s", b"RIFF", (4 + len(header) + len(data)) & 0xFFFFFFFF, b"WAVE") + header + data


def pcm16(samples: Samples) -> bytes:
    """Samples as 16-bit little-endian bytes."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
