"""How well a stretch of English fits a prompt, by PocketSphinx's packaged model: a scorer that needs no training.

Forced alignment of the prompt against a free loop of phones (Huggins-Daines et al., 2006). It serves quiet rooms; a
checkpoint of ``training.train`` tells prompts apart far better (``training.prompt_scorer``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collection.phones import PhoneError, transcribe
from collection.reading_order import Scorer

Samples = npt.NDArray[np.float32]

CENTRE = -0.9
"""Log-likelihood ratio a frame between readings of a prompt and other speech."""
_SHIFT = 1024
"""PocketSphinx keeps log scores divided by this."""
_FRAME = 160


def scorer(model: str | None = None) -> Scorer:
    """Return the scorer; ``model`` is not used, the package brings its own."""
    return score


def score(samples: Samples, prompts: Sequence[str], language: str) -> list[float]:
    """Return for each prompt the log-likelihood ratio a frame against free phones, above ``CENTRE``.

    ``samples`` (n,) at 16 kHz. A prompt that cannot be aligned, or in a language other than English, gets ``-inf``.
    """
    found = [-math.inf] * len(prompts)
    if language.split("-")[0] != "en" or not len(samples):
        return found
    sound = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    free = _log_score(_loop(), sound)
    if free is None:
        return found
    aligner = _aligner()
    for at, prompt in enumerate(prompts):
        if _prepare(aligner, prompt, language):
            forced = _log_score(aligner, sound)
            if forced is not None:
                found[at] = _SHIFT * (forced - free) / (len(samples) / _FRAME) - CENTRE
    return found


def _prepare(aligner: Any, prompt: str, language: str) -> bool:
    """Set the text to align, teaching the decoder words that its dictionary lacks."""
    try:
        words = transcribe(prompt, language)
    except PhoneError:
        return False
    for word in words:
        if aligner.lookup_word(word.text.lower()) is None:
            aligner.add_word(word.text.lower(), " ".join(word.canonical), True)
    if words:
        aligner.set_align_text(" ".join(word.text.lower() for word in words))
    return bool(words)


def _log_score(decoder: Any, sound: bytes) -> float | None:
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return math.log(heard.score) if heard is not None and heard.score > 0 else None


@cache
def _aligner() -> Any:
    from pocketsphinx import Decoder  # type: ignore[import-untyped]

    return Decoder(lm=None, loglevel="FATAL")


@cache
def _loop() -> Any:
    from pocketsphinx import Decoder, get_model_path

    phones = get_model_path("en-us/en-us-phone.lm.bin")
    return Decoder(lm=None, allphone=phones, lw=2.0, beam=1e-10, pbeam=1e-10, loglevel="FATAL")
