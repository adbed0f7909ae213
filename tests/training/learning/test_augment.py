"""Augmentation: what each change does to a known sound."""

from __future__ import annotations

import numpy as np
import pytest

from training.config import AugmentConfig
from training.learning.augment import add_noise, augment, change_speed, changes_sound, telephone

RATE = 16_000
SINE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def peak_hz(sound: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_changes_length_and_pitch_by_the_factor(factor: float) -> None:
    changed = change_speed(SINE, factor)
    assert len(changed) == pytest.approx(RATE / factor, abs=2)
    assert peak_hz(changed) == pytest.approx(440 * factor, abs=2)


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_power_asked_for(snr_db: float) -> None:
    noise = add_noise(SINE, snr_db, np.random.default_rng(0)) - SINE
    measured = 10 * np.log10(np.mean(SINE**2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=0.01)


def test_silence_stays_silence() -> None:
    assert not add_noise(np.zeros(100, dtype=np.float32), 10, np.random.default_rng(0)).any()


def test_a_telephone_carries_speech_and_not_the_rest() -> None:
    def level(hz: float) -> float:
        sound = (0.5 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)).astype(np.float32)
        return float(np.std(telephone(sound)[2000:]))

    assert level(1000) > 0.3
    assert level(100) < 0.05
    assert level(6000) < 0.05


def test_everything_off_changes_nothing() -> None:
    assert not changes_sound(AugmentConfig())
    assert np.array_equal(augment(SINE, AugmentConfig(), np.random.default_rng(0)), SINE)


def test_the_same_draw_gives_the_same_sound() -> None:
    config = AugmentConfig(speed=[0.9, 1.1], noise_probability=0.5, gain_db=[-6, 6], codec_probability=0.5)
    first, second, other = (augment(SINE, config, np.random.default_rng([0, 1, n])) for n in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.abs(first).max() <= 1
