"""What a listener gives: phone posteriors of the speech in a recording, whatever hears them.

``collection.hearing.sphinx`` is one that needs no training, ``training.listener`` one made of a checkpoint. This side
knows them by name only, since nothing here depends on training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name

import numpy as np
import numpy.typing as npt

from collection.errors import ConfigError
from collection.phones import PhoneError, transcribe
from collection.schema import Seconds
from collection.segment import Interval

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """What is heard in the speech of a recording: natural log probabilities (T, V) of frames that begin at ``starts``.

    Column 0 is the blank of CTC, column i the phone ``symbols[i - 1]``; ``starts`` (T,) are seconds of the recording,
    and a frame lasts ``step`` seconds.
    """

    log_probs: npt.NDArray[np.float32] = field(repr=False)
    starts: npt.NDArray[np.float64] = field(repr=False)
    step: Seconds
    symbols: tuple[str, ...]
    least_margin: float
    """Odds a phone by which a prompt must beat what else may have been said, for so reliable a listener; closer calls
    are left to a person."""

    def columns(self, phones: Sequence[str]) -> list[int]:
        """Return the columns of phones; none when there are no phones, or one that the listener does not know."""
        known = {symbol: at for at, symbol in enumerate(self.symbols, start=1)}
        return [known[phone] for phone in phones] if all(phone in known for phone in phones) else []


Listener = Callable[[Samples, Sequence[Interval], str], Posteriors]
"""Samples (n,) at 16 kHz, the intervals of speech in them and their BCP 47 language in. Raises ``ConfigError`` for a
language it does not know."""


def load(listener: str, model: str | None) -> Listener:
    """Return the listener that ``module:function`` makes of ``model``; raises ``ConfigError`` when there is none."""
    try:
        made: Listener = resolve_name(listener)(model)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"listener={listener} cannot be loaded ({error}): name it module:function.") from None
    return made


def spell(texts: Sequence[str], language: str) -> list[tuple[str, ...]]:
    """Return the canonical phones of each text; none where a word has no pronunciation."""
    return [_spell(text, language) for text in texts]


def _spell(text: str, language: str) -> tuple[str, ...]:
    try:
        return tuple(phone for word in transcribe(text, language) for phone in word.canonical)
    except PhoneError:
        return ()
