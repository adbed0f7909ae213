"""The speaker encoder: the numbers of the package it comes from, whatever the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.classes import voice_encoder
from tests.factories import noise, silence, tone, vowel

PLACES = (126, 61, 237, 44, 168, 62)


def test_embeddings_are_those_of_the_packages_own_code() -> None:
    # Recorded from resemblyzer 0.1.4: VoiceEncoder.embed_utterance after normalize_volume to -30 dBFS, increase only.
    loud, quiet = vowel(2.5, pitch=200.0), vowel(2.5, pitch=200.0, amplitude=0.01)
    expected = [0.30371, 0.22995, 0.22443, 0.20613, 0.19556, 0.18965]
    np.testing.assert_allclose(voice_encoder.embed(loud)[list(PLACES)], expected, atol=1e-4)
    expected = [0.21876, 0.09731, 0.27444, 0.10648, 0.15890, 0.01339]
    np.testing.assert_allclose(voice_encoder.embed(quiet)[list(PLACES)], expected, atol=1e-4)


def test_a_batch_gives_what_each_utterance_gives_alone() -> None:
    sounds = [vowel(3.0, 120.0), noise(0.3, rms=0.1), tone(1.7), silence(1.0)]
    together = voice_encoder.embed_many(sounds)
    assert together.shape == (4, 256)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, [voice_encoder.embed(sound) for sound in sounds], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert voice_encoder.embed_many([]).shape == (0, 256)


def test_how_quiet_a_quiet_voice_is_makes_no_difference() -> None:
    sound = vowel(2.0, amplitude=0.01)
    before = sound.copy()
    np.testing.assert_allclose(voice_encoder.embed(sound), voice_encoder.embed(sound / 8), atol=1e-5)
    np.testing.assert_array_equal(sound, before)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    # A window is 1.6 s, the next begins 0.77 s later and counts when three quarters of it (1.2 s) are sound.
    [(0.1, [0]), (1.6, [0]), (1.96, [0]), (1.98, [0, 77]), (2.73, [0, 77]), (2.75, [0, 77, 154])],
)
def test_windows_of_lengths_counted_by_hand(seconds: float, starts: list[int]) -> None:
    assert voice_encoder.window_starts(round(seconds * 16_000)) == starts


@settings(max_examples=200)
@given(st.integers(1, 500_000))
def test_windows_cover_the_sound_but_for_a_crumb(length: int) -> None:
    starts = voice_encoder.window_starts(length)
    assert starts == list(range(0, 77 * len(starts), 77))
    assert starts[-1] * 160 < length
    assert length - (starts[-1] + 160) * 160 < 1.2 * 16_000


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), np.zeros((2, 9), np.float32), np.array([0, np.nan], np.float32)]
)
def test_what_is_no_mono_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite mono samples"):
        voice_encoder.embed(samples)


@pytest.mark.shared
def test_utterances_of_one_real_speaker_are_alike(shared: Path) -> None:
    folders = sorted((shared / "corpora/speechocean762/WAVE").iterdir())[:4]
    sounds = [soundfile.read(path, dtype="float32")[0] for folder in folders for path in sorted(folder.iterdir())[:3]]
    cosines = voice_encoder.embed_many(sounds) @ voice_encoder.embed_many(sounds).T
    same = np.kron(np.eye(4), np.ones((3, 3))).astype(bool)
    assert cosines[same].mean() > cosines[~same].mean() + 0.1
