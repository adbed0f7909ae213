"""What PocketSphinx hears of a synthetic voice, through a reading list."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from collection.errors import ConfigError
from collection.hearing import sphinx
from collection.hearing.listening import spell
from collection.hearing.reading_order import OrderConfig, follow
from collection.phones import transcribe
from collection.segment import Interval
from collection.synthetic.voices import Synthesiser, Voice

PROMPTS = ("see the big black cat", "we all go home on Monday", "the sun is up today", "a dog ran away from us")


def test_a_clear_voice_is_followed_through_a_list() -> None:
    pieces, sound, now = [], [np.zeros(16_000, np.float32)], 1.0
    with Synthesiser() as synthesiser:
        for prompt in (PROMPTS[0], PROMPTS[2], PROMPTS[3]):
            speech = synthesiser.speak(
                Voice("m3", 50, 40, 140, 1.0), [word.canonical for word in transcribe(prompt, "en-US")]
            )
            spoken = 0.1 * soxr.resample(speech.samples, speech.rate, 16_000).astype(np.float32)
            pieces.append(Interval(now, now + len(spoken) / 16_000))
            sound += [spoken, np.zeros(32_000, np.float32)]
            now += len(spoken) / 16_000 + 2.0
    samples = np.concatenate(sound)
    heard = sphinx.listener()(samples, pieces, "en-US")
    assert np.exp(heard.log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    found = follow(heard, spell(PROMPTS, "en-US"), pieces, OrderConfig())
    # It mishears so much that one of three may be lost; none is found where it was not read.
    places = dict(zip((0, 2, 3), pieces, strict=True))
    assert len(found) >= 2
    assert {each.prompt: each.interval for each in found}.items() <= places.items()


def test_another_language_is_refused_and_nothing_is_nothing() -> None:
    with pytest.raises(ConfigError, match="not fr"):
        sphinx.listen(np.zeros(10, np.float32), [], "fr-FR")
    assert len(sphinx.listen(np.zeros(10, np.float32), [], "en-GB").log_probs) == 0
