"""Pitch: harmonic sounds whose melody is known, and tracks counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories import noise, silence, tone
from training.prosodic.pitch import PitchSettings, follow, measure_pitch, semitones, without_octave_errors

SETTINGS = PitchSettings()


def voice(frequency: np.ndarray) -> np.ndarray:
    """Ten harmonics of a melody (N,) in Hz at 16 kHz, weaker as they rise, as a voice has them."""
    phase = 2 * np.pi * np.cumsum(frequency) / 16_000
    sound = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 11))
    return (0.2 * np.asarray(sound)).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 140.0, 220.0, 400.0])
def test_a_steady_voice_is_followed_and_monotone(hertz: float) -> None:
    found = measure_pitch(follow(voice(np.full(16_000, hertz)), SETTINGS), SETTINGS)
    assert found is not None
    assert (found.median_hz, found.low_hz, found.high_hz) == pytest.approx((hertz, hertz, hertz), rel=0.01)
    assert found.range < 0.3
    assert found.monotone is True
    assert found.voiced == pytest.approx(1.0, abs=0.1)


def test_the_range_of_a_rising_octave() -> None:
    # From 150 to 300 Hz at an even pace in semitones: nine tenths of 12 lie between the 5th and the 95th percentile.
    found = measure_pitch(follow(voice(150 * 2 ** np.linspace(0, 1, 32_000)), SETTINGS), SETTINGS)
    assert found is not None
    assert found.range == pytest.approx(10.8, abs=0.4)
    assert found.median_hz == pytest.approx(150 * 2**0.5, rel=0.02)
    assert found.monotone is False


@pytest.mark.parametrize("size", [0, 1, 100, 1599])
def test_short_sound_has_a_track_and_no_pitch(size: int) -> None:
    track = follow(tone(1, 200)[:size], SETTINGS)
    assert np.isfinite(track).all()
    assert measure_pitch(track, SETTINGS) is None


def test_what_is_not_voiced_has_no_pitch() -> None:
    assert not follow(silence(1), SETTINGS).any()
    heard = follow(noise(1, 0.1), SETTINGS) > 0
    assert heard.mean() < 0.3


def test_little_voiced_speech_is_not_judged() -> None:
    for frames, known, monotone in ((29, False, None), (30, True, None), (59, True, None), (60, True, True)):
        found = measure_pitch(np.r_[np.full(frames, 200.0), np.zeros(50)], SETTINGS)
        assert (found is not None) == known
        assert found is None or (found.monotone, found.voiced) == (monotone, pytest.approx(frames / 100))


def test_percentiles_are_of_voiced_frames_only() -> None:
    track = np.r_[np.zeros(500), np.linspace(100, 200, 101)]
    found = measure_pitch(track, SETTINGS)
    assert found is not None
    assert (found.low_hz, found.median_hz, found.high_hz) == pytest.approx((105, 150, 195))
    assert found.range == pytest.approx(12 * np.log2(195 / 105))


def test_octave_errors_are_dropped_and_a_wide_voice_is_not() -> None:
    track = np.r_[np.full(80, 200.0), np.full(5, 100.0), np.full(5, 400.0), 0.0, 151.0, 149.0, 299.0, 301.0]
    kept = without_octave_errors(track, SETTINGS)
    assert kept[:80].all()
    assert list(kept[80:] > 0) == [False] * 10 + [False, True, False, True, False]
    assert not without_octave_errors(np.zeros(4), SETTINGS).any()


def test_semitones_of_an_octave() -> None:
    assert semitones(np.array([100.0, 0.0, 200.0, 400.0]), 200.0) == pytest.approx([-12, np.nan, 0, 12], nan_ok=True)
