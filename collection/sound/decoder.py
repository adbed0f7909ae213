"""The decoding process: turns untrusted sound files into samples, one forked and limited child a file.

Started by ``collection.sound.sandbox`` as ``python -m collection.sound.decoder FD``; no command for people. It imports
the codec libraries once; then, for each request (JSON and two descriptors over the socket ``FD``: the sound file and
the pipe for the samples), it forks a child that gives up what it can (memory, time, every new file or socket), decodes
in blocks, and writes frames to the pipe: kind (``S`` samples, ``D`` done, ``R`` refused), length, body. How the child
ended goes back over the socket. Imports stay few: this process holds nothing but the file it was handed.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import av
import av.subtitles.stream  # PyAV imports it when it opens a file: too late, once nothing can be opened
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from collection.sound.containers import RefusedError, inspect

Block = npt.NDArray[np.float32]
Emit = Callable[[bytes, bytes | memoryview], None]

BLOCK_FRAMES = 1 << 17
FRAME_HEADER = struct.Struct("<cI")
UNKNOWN_LENGTH = 2**62

FORMATS = {"wav": {"WAV", "WAVEX"}, "flac": {"FLAC"}, "ogg": {"OGG"}, "mp3": {"MP3", "MPEG"}}
"""What libsndfile must recognise, by container."""

CODECS = {
    "wav": {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"},
    "flac": {"PCM_S8", "PCM_16", "PCM_24"},
    "ogg": {"OPUS", "VORBIS"},
    "mp3": {"MPEG_LAYER_III"},
    "m4a": {"aac"},
    "webm": {"opus"},
}
"""The only codecs that are decoded, by container, in the words of libsndfile and of FFmpeg."""

DEMUXERS = {"m4a": "mov", "webm": "matroska"}
"""FFmpeg's readers are named, never guessed by FFmpeg."""


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A sound read from front to back: soundfile seeks after each block it reads, slow and in Opus inexact."""

    def seekable(self) -> bool:
        """Answer no, so that soundfile leaves the position alone."""
        return False


class Sink:
    """Checks blocks of samples, mixes them to mono, resamples and emits them; counts what was really decoded."""

    def __init__(self, limits: dict[str, Any], emit: Emit) -> None:
        self.limits = limits
        self.emit = emit
        self.frames = 0
        self.channels = 0
        self.rate = 0
        self._resampler: soxr.ResampleStream | None = None

    def open(self, rate: int, channels: int) -> None:
        """Accept a rate in Hz and a number of channels, or refuse them."""
        low, high, most = self.limits["min_rate"], self.limits["max_rate"], self.limits["max_channels"]
        if not low <= rate <= high:
            raise RefusedError("audio_rate_out_of_range", f"its rate is {rate} Hz, {low} to {high} are accepted")
        if not 1 <= channels <= most:
            raise RefusedError("audio_too_many_channels", f"it has {channels} channels, at most {most} are accepted")
        self.rate, self.channels = rate, channels
        target = self.limits["target_rate"]
        if rate != target:
            self._resampler = soxr.ResampleStream(rate, target, 1, dtype="float32", quality="HQ")

    def write(self, block: Block) -> None:
        """Take a block of shape (frames, channels)."""
        self.frames += len(block)
        if self.frames > self.limits["max_seconds"] * self.rate:
            raise RefusedError("audio_too_long", f"it is longer than {self.limits['max_seconds']:g} s")
        peak = float(np.abs(block).max(initial=0.0))
        if not np.isfinite(peak):
            raise RefusedError("audio_not_finite", f"it has a NaN or infinite sample before {self.seconds:.2f} s")
        if peak > self.limits["max_peak"]:
            raise RefusedError("audio_out_of_scale", f"a sample reaches {peak:g} times full scale")
        mono = block[:, 0] if self.channels == 1 else block.mean(axis=1, dtype=np.float32)
        self._send(mono if self._resampler is None else self._resampler.resample_chunk(np.ascontiguousarray(mono)))

    def close(self) -> None:
        """Flush the resampler; refuse a sound without samples."""
        if not self.frames:
            raise RefusedError("audio_no_samples", "its header is in order, but no sample follows")
        if self._resampler is not None:
            self._send(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    @property
    def seconds(self) -> float:
        """Length of what was decoded so far."""
        return self.frames / self.rate if self.rate else 0.0

    def _send(self, mono: Block) -> None:
        if len(mono):
            self.emit(b"S", np.ascontiguousarray(mono, dtype="<f4").data.cast("B"))


def decode(descriptor: int, limits: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Decode an open file, emitting float32 mono blocks; return its container, codec, rate and channels."""
    sink = Sink(limits, emit)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        container = inspect(file, os.fstat(descriptor).st_size)
        codec = _with_ffmpeg(file, container, sink) if container in DEMUXERS else _with_sndfile(file, container, sink)
    sink.close()
    return {"container": container, "codec": codec, "rate": sink.rate, "channels": sink.channels}


def _with_sndfile(file: BinaryIO, container: str, sink: Sink) -> str:
    try:
        sound = _Forward(file)
    except soundfile.LibsndfileError as error:
        raise RefusedError("audio_corrupt", f"libsndfile cannot open it ({error.error_string})") from None
    if sound.format not in FORMATS[container]:
        raise RefusedError("audio_container_not_allowed", f"it begins as {container}, libsndfile reads {sound.format}")
    codec = str(sound.subtype)
    if codec not in CODECS[container]:
        raise RefusedError("audio_codec_not_allowed", f"its codec is {codec}")
    sink.open(sound.samplerate, sound.channels)
    announced = sound.frames
    try:
        while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            sink.write(block)
    except soundfile.LibsndfileError as error:
        # A decoder that swallowed the whole file and still wants more met a cut, in all likelihood.
        reason = "audio_corrupt" if file.read(1) else "audio_truncated"
        raise RefusedError(reason, f"decoding stopped after {sink.seconds:.2f} s ({error.error_string})") from None
    if sink.frames < announced < UNKNOWN_LENGTH:
        seconds = announced / sink.rate
        raise RefusedError("audio_truncated", f"its header announces {seconds:.2f} s, {sink.seconds:.2f} s are there")
    return codec.lower()


def _with_ffmpeg(file: BinaryIO, container: str, sink: Sink) -> str:
    try:
        with av.open(file, format=DEMUXERS[container], metadata_errors="ignore") as media:
            stream = _only_audio(media)
            codec = str(stream.codec_context.name)
            if codec not in CODECS[container]:
                raise RefusedError("audio_codec_not_allowed", f"its codec is {codec}")
            sink.open(stream.codec_context.sample_rate, stream.codec_context.channels)
            stream.codec_context.thread_count = 1
            for block in _frames(media, stream, sink):
                sink.write(block)
            announced = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError as error:
        raise RefusedError("audio_corrupt", f"decoding stopped at {sink.seconds:.2f} s ({error.strerror})") from None
    if announced is not None and sink.frames and container == "m4a":
        # Encoder delay and edit lists move the end by some frames of 1024 samples.
        difference = sink.seconds - announced
        if abs(difference) > max(0.5, 0.02 * announced):
            reason = "audio_truncated" if difference < 0 else "audio_header_lies"
            raise RefusedError(reason, f"its header announces {announced:.2f} s, {sink.seconds:.2f} s are there")
    return codec


def _only_audio(media: Any) -> Any:
    """Return the one audio stream; a cover picture may lie beside it (it is not decoded), a video may not."""
    for stream in media.streams:
        if stream.type == "video" and not stream.disposition & av.stream.Disposition.attached_pic:
            raise RefusedError("audio_has_video", "it holds a video")
    if not media.streams.audio:
        raise RefusedError("audio_not_a_sound_file", "it holds no sound")
    if len(media.streams.audio) > 1:
        raise RefusedError("audio_several_streams", f"it holds {len(media.streams.audio)} sound tracks")
    return media.streams.audio[0]


def _frames(media: Any, stream: Any, sink: Sink) -> Iterator[Block]:
    """Yield blocks (frames, channels), gathered to about ``BLOCK_FRAMES``; refuse a rate or layout that changes."""
    planar = av.AudioResampler(format="fltp")
    held: list[Block] = []
    count = 0
    for frame in media.decode(stream):
        if frame.sample_rate != sink.rate or frame.layout.nb_channels != sink.channels:
            found = f"{frame.sample_rate} Hz, {frame.layout.nb_channels} channels"
            raise RefusedError(
                "audio_header_lies", f"its header gives {sink.rate} Hz, {sink.channels} channels; its sound has {found}"
            )
        pieces = [frame] if frame.format.name == "fltp" else planar.resample(frame)
        for piece in pieces:
            held.append(piece.to_ndarray().T.astype(np.float32, copy=False))
            count += piece.samples
        if count >= BLOCK_FRAMES:
            yield np.concatenate(held)
            held, count = [], 0
    if held:
        yield np.concatenate(held)


def _confine(limits: dict[str, Any]) -> None:
    """Give up memory beyond the limit, time, and every new file, socket or process."""
    with suppress(OSError, ValueError):
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
            used = int(statm.read().split()[0]) * resource.getpagesize()
        space = used + int(limits["memory_mib"] * 2**20)
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
    seconds = max(1, int(limits["cpu_seconds"]))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    # Without a free descriptor nothing can be opened or connected; what is open stays open.
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(kind, (0, 0))


def _child(request: dict[str, Any], sound: int, pipe: int) -> None:
    with os.fdopen(pipe, "wb") as out:

        def emit(kind: bytes, body: bytes | memoryview) -> None:
            out.write(FRAME_HEADER.pack(kind, len(body)))
            out.write(body)

        try:
            _confine(request)
            emit(b"D", json.dumps(decode(sound, request, emit)).encode())
        except RefusedError as error:
            emit(b"R", json.dumps([error.reason, error.detail]).encode())
        except MemoryError:
            emit(b"R", json.dumps(["audio_decoder_memory", f"it needs over {request['memory_mib']:g} MiB"]).encode())
        except Exception as error:  # whatever a codec library raises on a hostile file belongs to that file
            emit(
                b"R", json.dumps(["audio_decoder_crashed", f"the decoder met {type(error).__name__}: {error}"]).encode()
            )


def _serve_one(control: socket.socket, request: dict[str, Any], sound: int, pipe: int) -> dict[str, Any]:
    """Decode one file in a child; return how the child ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            control.close()
            _child(request, sound, pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(sound)
    os.close(pipe)
    late = False

    def stop(*_: object) -> None:
        nonlocal late
        late = True
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, request["wall_seconds"])
    _, status = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return {"late": late, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}


def main() -> None:
    """Serve decoding requests until the other side of the socket closes."""
    av.logging.set_level(av.logging.PANIC)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        control.sendall(b"ready")
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 65_536, 2)
            if not message:
                return
            sound, pipe = descriptors
            control.sendall(json.dumps(_serve_one(control, json.loads(message), sound, pipe)).encode())


if __name__ == "__main__":
    main()
