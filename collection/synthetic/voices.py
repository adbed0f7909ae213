"""Synthetic voices: ARPAbet phones to sound and phone times, through the espeak-ng library of ``espeakng_loader``.

espeak-ng keeps global state that no call resets. A ``Synthesiser`` therefore loads the library afresh and unloads it at
the end, so that the same seed and the same calls give the same samples in any process. One at a time may be open.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collection.errors import ParlureError

ESPEAK_RATE = 22_050
"""Hz, the only rate at which espeak-ng's own synthesiser works."""

MNEMONICS = {
    "AA": "A:", "AE": "a", "AH": "V", "AO": "O:", "AW": "aU", "AY": "aI", "B": "b", "CH": "tS", "D": "d", "DH": "D",
    "EH": "E", "ER": "3:", "EY": "eI", "F": "f", "G": "g", "HH": "h", "IH": "I", "IY": "i:", "JH": "dZ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "N", "OW": "oU", "OY": "OI", "P": "p", "R": "r", "S": "s", "SH": "S", "T": "t",
    "TH": "T", "UH": "U", "UW": "u:", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "Z",
}  # fmt: skip
"""espeak-ng's names of the 39 phones in its American voice."""

_UNSTRESSED = {"AH": "@", "ER": "3"}
_STRESS = {"1": "'", "2": ","}
_GLIDES = {";", "r-", "r", "?"}
"""Sounds that espeak-ng slips in between vowels; they belong to no phone of the input."""

_SYNCHRONOUS, _PHONEME_EVENTS, _DONT_EXIT = 2, 0x1, 0x8000
_UTF8, _PHONEME_INPUT = 0x1, 0x100
_RATE, _PITCH, _RANGE = 1, 3, 4
_LIST_END, _PHONEME = 0, 7


@dataclass(frozen=True, slots=True)
class Voice:
    """One person's voice.

    ``variant`` is an espeak-ng variant (``f1`` to ``f5``, ``m1`` to ``m8``), ``pitch`` and ``range`` 0-99, ``rate``
    words a minute (over 100); ``formants`` scales formants and pitch together: 1 an adult, 1.2 a young child.
    """

    variant: str
    pitch: int
    range: int
    rate: int
    formants: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Samples (float32, mono, ``rate`` Hz) and for each phone its start and end in seconds, ``None`` when unknown."""

    samples: NDArray[np.float32]
    rate: int
    times: tuple[tuple[float, float], ...] | None


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("message", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("id", _Identity),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def mnemonic(phone: str) -> str:
    """Return espeak-ng's name of an ARPAbet phone, whose stress digit (0, 1, 2) may be absent."""
    plain = phone.rstrip("012")
    digit = phone[len(plain) :]
    name = _UNSTRESSED.get(plain, MNEMONICS[plain]) if digit == "0" else MNEMONICS[plain]
    return _STRESS.get(digit, "") + name


class Synthesiser:
    """espeak-ng as a context manager; the same seed and calls give the same samples."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._pieces: list[NDArray[np.int16]] = []
        self._phonemes: list[tuple[str, int]] = []
        self._callback = _CALLBACK(self._receive)
        self._library: Any = None

    def __enter__(self) -> Synthesiser:
        try:
            import espeakng_loader
        except ImportError:
            raise ParlureError("synthetic voices need espeak-ng: pip install 'parlure[simulate]'.") from None
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS | _DONT_EXIT)
        if rate != ESPEAK_RATE:
            raise ParlureError(f"espeak-ng did not start (answer {rate}): reinstall espeakng-loader.")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(self._seed))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._library.espeak_Terminate()
        # Without unloading, the next one would start in the state that this one leaves.
        ctypes.CDLL(None).dlclose(ctypes.c_void_p(self._library._handle))
        self._library = None

    def speak(self, voice: Voice, words: Sequence[Sequence[str]]) -> Speech:
        """Speak words given as ARPAbet phones with or without stress digits; no silence before and little after."""
        phones = [mnemonic(phone) for word in words for phone in word]
        text = " ".join("|".join(mnemonic(phone) for phone in word) for word in words if word)
        self._pieces.clear()
        self._phonemes.clear()
        self._set(voice)
        data = f"[[{text}]]".encode() + b"\0"
        size = ctypes.c_size_t(len(data))
        failed = self._library.espeak_Synth(data, size, 0, 1, 0, _UTF8 | _PHONEME_INPUT, None, None)
        if failed or not self._pieces or not self._phonemes:
            raise ParlureError(f"espeak-ng gave no sound for [[{text}]] (answer {failed}).")
        samples = np.concatenate(self._pieces).astype(np.float32) / np.float32(32768)
        starts = self._starts(phones)
        rate = round(ESPEAK_RATE * voice.formants)
        end = next((at for name, at in reversed(self._phonemes) if not name.startswith("_")), 0)
        silence = next((at for name, at in self._phonemes if name.startswith("_") and at > end), len(samples))
        first = self._phonemes[0][1]
        times = None
        if starts is not None:
            bounds = [(start - first) / rate for start in (*starts, silence)]
            times = tuple(pairwise(bounds))
        kept: NDArray[np.float32] = samples[first : silence + rate // 50]
        return Speech(kept, rate, times)

    def read(self, text: str, language: str, pace: int) -> tuple[NDArray[np.float32], int]:
        """Read plain text aloud in espeak-ng's own voice of a language; samples (float32, mono) and their rate in Hz.

        ``pace`` is in words a minute. Raises ``ParlureError`` for a language that espeak-ng does not speak.
        """
        if self._library.espeak_SetVoiceByName(language.encode()):
            raise ParlureError(f"espeak-ng has no voice for the language {language!r}: give a BCP 47 code, such as fr.")
        self._library.espeak_SetParameter(_RATE, pace, 0)
        self._pieces.clear()
        self._phonemes.clear()
        data = text.encode() + b"\0"
        failed = self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, _UTF8, None, None)
        if failed or not self._pieces:
            raise ParlureError(f"espeak-ng gave no sound for a text of {len(text)} letters (answer {failed}).")
        return np.concatenate(self._pieces).astype(np.float32) / np.float32(32768), ESPEAK_RATE

    def _set(self, voice: Voice) -> None:
        if self._library.espeak_SetVoiceByName(f"en-us+{voice.variant}".encode()):
            raise ParlureError(f"espeak-ng has no voice en-us+{voice.variant}; variants are f1 to f5 and m1 to m8.")
        # Formants are raised by playing faster: the pace is lowered first by as much.
        for parameter, value in ((_RATE, voice.rate / voice.formants), (_PITCH, voice.pitch), (_RANGE, voice.range)):
            self._library.espeak_SetParameter(parameter, round(value), 0)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        position = 0
        while events[position].type != _LIST_END:
            event = events[position]
            if event.type == _PHONEME:
                raw = ctypes.string_at(ctypes.addressof(event) + _Event.id.offset, 8)
                self._phonemes.append((raw.split(b"\0")[0].decode("utf-8", "replace"), event.sample))
            position += 1
        return 0

    def _starts(self, phones: Sequence[str]) -> list[int] | None:
        """Return the first sample of each phone; ``None`` when espeak-ng did not say one sound a phone."""
        starts: list[int] = []
        for name, at in self._phonemes:
            spoken = name.lstrip("',")
            if spoken.startswith("_"):
                continue
            expected = phones[len(starts)].lstrip("',") if len(starts) < len(phones) else ""
            if spoken in _GLIDES and spoken != expected:
                continue
            starts.append(at)
        return starts if len(starts) == len(phones) else None
