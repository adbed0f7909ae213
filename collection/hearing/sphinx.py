"""What PocketSphinx's packaged model of English hears in a recording: a listener that needs no training.

It serves quiet rooms and fluent readers: of learners in a classroom it mishears most phones. A checkpoint of
``training.train`` follows a list far better (``training.listener``; ``docs/benchmarks.md`` has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from collection.errors import ConfigError
from collection.hearing.listening import Listener, Posteriors, Samples
from collection.phones import ARPABET
from collection.segment import Interval, cut

_SYMBOLS = ARPABET.symbols
_FRAME_SECONDS = 0.01
_HEARD, _ALIKE, _OTHER, _INSERTED = 0.35, 0.25, 0.15, 0.25
"""Where one phone is heard, how likely that one was read, one of its manner, any other, or none."""
_LEAST_MARGIN = 0.4
"""Below it, one reading in twenty is of another prompt (two simulated class hours, 20 dB)."""
_DELETED = 0.2
"""How likely some phone was read where none is heard."""
_MANNERS = (
    "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW",
    "P T K B D G",
    "F V TH DH S Z SH ZH HH CH JH",
    "M N NG",
    "L R W Y",
)


def listener(model: str | None = None) -> Listener:
    """Return the listener; ``model`` is not used, the package brings its own."""
    return listen


def listen(samples: Samples, intervals: Sequence[Interval], language: str) -> Posteriors:
    """Return what is heard as posteriors: a frame for each phone, and one of silence after it."""
    if language.split("-")[0] != "en":
        raise ConfigError(
            f"PocketSphinx's packaged model knows English, not {language}: give another classes.listener."
        )
    rows: list[np.ndarray] = []
    starts: list[float] = []
    for interval in intervals:
        rows.append(_silence())
        starts.append(interval.start)
        for phone, start in _heard(cut(samples, interval)):
            rows += [_row(phone), _silence()]
            starts += [interval.start + start, interval.start + start + _FRAME_SECONDS]
    table = np.log(np.stack(rows)) if rows else np.zeros((0, 1 + len(_SYMBOLS)), np.float32)
    return Posteriors(table, np.array(starts), _FRAME_SECONDS, _SYMBOLS, _LEAST_MARGIN)


def _heard(samples: Samples) -> Iterator[tuple[str, float]]:
    """Yield each phone that is heard, with the seconds at which it begins."""
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    for part in decoder.seg():
        if part.word in _SYMBOLS:
            yield part.word, part.start_frame * _FRAME_SECONDS


@cache
def _row(phone: str) -> np.ndarray:
    manner = next(names for names in map(str.split, _MANNERS) if phone in names)
    others = len(_SYMBOLS) - len(manner)
    row = [_INSERTED] + [_ALIKE / (len(manner) - 1) if each in manner else _OTHER / others for each in _SYMBOLS]
    row[1 + _SYMBOLS.index(phone)] = _HEARD
    return np.array(row, dtype=np.float32)


@cache
def _silence() -> np.ndarray:
    return np.array([1 - _DELETED] + [_DELETED / len(_SYMBOLS)] * len(_SYMBOLS), dtype=np.float32)


@cache
def _decoder() -> Any:
    from pocketsphinx import Decoder, get_model_path  # type: ignore[import-untyped]

    phones = get_model_path("en-us/en-us-phone.lm.bin")
    return Decoder(lm=None, allphone=phones, lw=2.0, beam=1e-10, pbeam=1e-10, loglevel="FATAL")
