"""The client's side of the decoding process: one process of ``collection.sound.decoder`` for each process that decodes.

It starts at the first request, is replaced when it died, belongs to nobody else after a fork (a pool worker starts its
own), and ends with its owner. Threads of one process take turns.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from fcntl import fcntl
from pathlib import Path
from typing import Any, BinaryIO

import collection
from collection.sound.containers import RefusedError

FRAME_HEADER = struct.Struct("<cI")
FRAME_MAX = 1 << 24
"""Bytes; a longer frame comes from a decoder that was taken over."""

PIPE_BYTES = 1 << 20
SET_PIPE_SIZE = 1031
"""Linux ``F_SETPIPE_SZ``: a wide pipe means fewer turns between the two processes."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
"""The decoder sees no other variable of the environment: tokens and keys live there."""


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What the decoder sent: little-endian float32 samples and its facts about the file."""

    samples: bytearray
    facts: dict[str, Any]


class _Decoder:
    """One running decoding process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        package_root = str(Path(collection.__file__).resolve().parents[1])
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"PYTHONPATH": package_root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with theirs:
            # -P: the current folder is no place to import from. A session of its own: Ctrl-C is for the owner.
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "collection.sound.decoder", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.socket = ours
        if self.socket.recv(16) != b"ready":
            self.stop()
            raise RuntimeError(
                "The sound decoder did not start. Run `python -c 'import av, soundfile, soxr'` to see what is missing."
            )

    def request(self, sound: int, limits: dict[str, Any]) -> Raw:
        """Send one open file; return what came back, or raise ``RefusedError``."""
        reading, writing = os.pipe()
        with suppress(OSError):
            fcntl(writing, SET_PIPE_SIZE, PIPE_BYTES)
        with os.fdopen(reading, "rb") as pipe:
            try:
                socket.send_fds(self.socket, [json.dumps(limits).encode()], [sound, writing])
            finally:
                os.close(writing)
            samples, end = _receive(pipe, limits)
        answer = self.socket.recv(4096)
        if not answer:
            raise RefusedError("audio_decoder_crashed", "the decoding process was killed")
        how = json.loads(answer)
        if how["late"]:
            raise RefusedError("audio_decoder_timeout", f"decoding took over {limits['wall_seconds']:g} s")
        if how["signal"]:
            raise _death(int(how["signal"]), limits)
        if end is None:
            raise RefusedError("audio_decoder_crashed", "the decoder stopped without an answer")
        kind, body = end
        if kind == b"R":
            reason, detail = body
            raise RefusedError(str(reason), str(detail)[:300])
        return Raw(samples, dict(body))

    def stop(self) -> None:
        """End the process and wait for it."""
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """Let go in a forked copy of the owner: the process is not ours to end."""
        self.socket.close()
        self.process.returncode = 0


def _receive(pipe: BinaryIO, limits: dict[str, Any]) -> tuple[bytearray, tuple[bytes, Any] | None]:
    """Read frames to the end; the last word is ``None`` when the decoder ended without one."""
    samples = bytearray()
    most = int(limits["max_seconds"] * limits["target_rate"] * 4) + PIPE_BYTES
    while len(header := pipe.read(FRAME_HEADER.size)) == FRAME_HEADER.size:
        kind, size = FRAME_HEADER.unpack(header)
        if size > FRAME_MAX or len(samples) + size > most:
            return samples, None
        body = pipe.read(size)
        if len(body) < size:
            return samples, None
        if kind != b"S":
            return samples, (kind, json.loads(body))
        samples += body
    return samples, None


def _death(signal_number: int, limits: dict[str, Any]) -> RefusedError:
    if signal_number == signal.SIGXCPU:
        return RefusedError("audio_decoder_timeout", f"decoding took over {limits['cpu_seconds']:g} s of processor")
    if signal_number == signal.SIGKILL:
        return RefusedError("audio_decoder_memory", "the system ended the decoder, as it does when memory runs out")
    return RefusedError("audio_decoder_crashed", f"the decoder died of signal {signal_number}")


_lock = threading.Lock()
_decoder: _Decoder | None = None
_hooked = False


def run(sound: int, limits: dict[str, Any]) -> Raw:
    """Decode the open file ``sound`` in this process's decoding process; raise ``RefusedError`` where it cannot."""
    with _lock:
        for attempt in (1, 2):
            decoder = _running()
            try:
                return decoder.request(sound, limits)
            except (BrokenPipeError, ConnectionResetError):
                # It died while idle: the file is not to blame, a fresh process gets it.
                close()
                if attempt == 2:
                    raise RefusedError("audio_decoder_crashed", "the decoding process was killed twice") from None
            except RefusedError:
                if decoder.process.poll() is not None:
                    close()
                raise
            except BaseException:
                # Stopped half-way (Ctrl-C): its next answer would belong to this file.
                close()
                raise
    raise AssertionError


def _running() -> _Decoder:
    global _decoder, _hooked
    if _decoder is not None and _decoder.process.poll() is not None:
        close()
    if _decoder is None:
        if not _hooked:
            os.register_at_fork(after_in_child=_after_fork)
            atexit.register(close)
            _hooked = True
        _decoder = _Decoder()
    return _decoder


def close() -> None:
    """Stop this process's decoding process, if one runs; the next file starts another."""
    global _decoder
    if _decoder is not None:
        decoder, _decoder = _decoder, None
        decoder.stop()


def _after_fork() -> None:
    global _decoder, _lock
    _lock = threading.Lock()
    if _decoder is not None:
        decoder, _decoder = _decoder, None
        decoder.forget()
