"""Voice disguise: the right poles and pitch move, length and level stay, and the same seed gives the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import pyworld
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter, welch

from collection import voice
from collection.errors import ConfigError
from collection.voice import Disguise, Tier, VoiceConfig
from tests.factories import clipped, noise, silence, tone, vowel

MCADAMS, WORLD = VoiceConfig("mcadams"), VoiceConfig("world")


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("config", [MCADAMS, WORLD], ids=lambda config: config.transform)
@settings(max_examples=12)
@given(length=st.one_of(st.integers(1, 400), st.integers(401, 9_000)), seed=st.binary(max_size=8))
def test_length_and_level_stay_to_the_sample(config: VoiceConfig, length: int, seed: bytes) -> None:
    sound = (vowel(1.0) + noise(1.0))[:length]
    made = voice.transform(sound, config, seed)
    assert made.shape == sound.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max() < 1.0
    assert rms(made) <= rms(sound) * (1 + 1e-5)


@pytest.mark.parametrize("config", [MCADAMS, WORLD], ids=lambda config: config.transform)
def test_a_seed_gives_the_same_bytes_and_another_seed_another_voice(config: VoiceConfig) -> None:
    sound = vowel(0.7)
    first = voice.transform(sound, config, b"one")
    assert rms(first) == pytest.approx(rms(sound), rel=1e-5)
    assert voice.transform(sound, config, b"two").tobytes() != first.tobytes()
    assert voice.transform(sound, config, b"one").tobytes() == first.tobytes()
    assert np.abs(first - sound).max() > 0.05


@pytest.mark.parametrize("config", [MCADAMS, WORLD], ids=lambda config: config.transform)
@pytest.mark.parametrize("sound", [tone(0.3, 1000.0, 1.0), clipped(0.3), noise(0.3, 1e-7), tone(0.2, 5.0)])
def test_hard_sounds_stay_finite_and_in_scale(config: VoiceConfig, sound: np.ndarray) -> None:
    made = voice.transform(sound, config, b"one")
    assert np.isfinite(made).all()
    assert np.abs(made).max() < 1.0


@pytest.mark.parametrize("config", [MCADAMS, WORLD], ids=lambda config: config.transform)
def test_silence_stays_silence(config: VoiceConfig) -> None:
    assert not voice.transform(silence(0.5), config, b"one").any()
    assert voice.transform(silence(0.0), config, b"one").shape == (0,)


def test_none_returns_the_samples_themselves() -> None:
    sound = vowel(0.2)
    assert voice.transform(sound, VoiceConfig(), b"one") is sound


def test_an_exponent_of_one_changes_nothing() -> None:
    sound = vowel(0.5) + noise(0.5)
    same = voice.transform(sound, replace(MCADAMS, mcadams_low=1.0, mcadams_high=1.0), b"one")
    np.testing.assert_allclose(same, sound, atol=1e-6)


def test_mcadams_moves_a_resonance_to_the_angle_computed_by_hand() -> None:
    # A pole pair at 1000 Hz has an angle of 0.3927 radian; 0.3927 ** 0.8 = 0.4734 radian, which is 1205.5 Hz.
    angle, radius = 2 * np.pi * 1000 / 16_000, 0.98
    sound = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], noise(4.0, rms=0.01).astype(np.float64))
    made = voice.mcadams(sound, Disguise(exponent=0.8, pitch=1.0, formants=1.0))
    frequencies, power = welch(made, 16_000, nperseg=1024)
    assert frequencies[np.argmax(power)] == pytest.approx(1205.5, abs=30)


def test_lpc_finds_the_filter_that_made_an_impulse_response() -> None:
    known = [1.0, -0.9, 0.5]
    response = lfilter([1.0], known, np.eye(1, voice.FRAME)[0])
    found = voice.lpc(response[None])
    np.testing.assert_allclose(found[0], known + [0.0] * 18, atol=1e-6)


def test_lpc_of_silence_filters_nothing() -> None:
    np.testing.assert_array_equal(voice.lpc(np.zeros((1, voice.FRAME)))[0], np.eye(1, 21)[0])


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_world_moves_the_pitch_by_what_was_drawn(factor: float) -> None:
    sound = vowel(1.0, pitch=180.0).astype(np.float64)
    made = voice.world(sound, Disguise(exponent=1.0, pitch=factor, formants=1.0))
    before, after = (np.median(track[track > 0]) for track in (pyworld.dio(one, 16_000)[0] for one in (sound, made)))
    assert after / before == pytest.approx(factor, rel=0.02)


def test_a_spectrum_is_stretched_as_computed_by_hand() -> None:
    spectrum = np.array([[0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_allclose(voice.stretch(spectrum, 2.0), [[0.0, 0.5, 1.0, 1.5]])
    np.testing.assert_allclose(voice.stretch(spectrum, 0.5), [[0.0, 2.0, 3.0, 3.0]])
    np.testing.assert_allclose(voice.stretch(spectrum, 1.0), spectrum)


@given(st.binary(max_size=40))
def test_draws_lie_in_their_ranges_and_leave_nobody_their_own_pitch(seed: bytes) -> None:
    drawn = voice.draw(VoiceConfig(pitch_semitones=4.0, formant_share=0.2), seed)
    assert 0.5 <= drawn.exponent <= 0.9
    assert 2 - 1e-9 <= abs(12 * np.log2(drawn.pitch)) <= 4 + 1e-9
    assert 0.1 - 1e-9 <= abs(drawn.formants - 1) <= 0.2 + 1e-9
    assert drawn == voice.draw(VoiceConfig(pitch_semitones=4.0, formant_share=0.2), seed)


def test_draws_fill_their_ranges_in_both_directions() -> None:
    drawn = [voice.draw(VoiceConfig(), bytes([number])) for number in range(200)]
    assert min(one.exponent for one in drawn) < 0.52
    assert max(one.exponent for one in drawn) > 0.88
    for name in ("pitch", "formants"):
        up = sum(getattr(one, name) > 1 for one in drawn)
        assert 70 < up < 130
    assert np.corrcoef([one.pitch for one in drawn], [one.formants for one in drawn])[0, 1] < 0.3


def test_a_speaker_has_another_seed_in_another_release() -> None:
    assert voice.speaker_seed(b"a" * 32, "spk_1") == voice.speaker_seed(b"a" * 32, "spk_1")
    assert len({voice.speaker_seed(key, who) for key in (b"a" * 32, b"b" * 32) for who in ("spk_1", "spk_2")}) == 4


def test_only_a_disguised_release_is_of_tier_two() -> None:
    assert voice.tier(VoiceConfig()) is Tier.PSEUDONYMISED
    assert [str(voice.tier(config)) for config in (MCADAMS, WORLD)] == ["T2", "T2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transform": "robot"}, "none, mcadams, world"),
        ({"mcadams_low": 0.0}, "0 < mcadams_low"),
        ({"mcadams_low": 0.95}, "mcadams_low=0.95"),
        ({"mcadams_high": 2.5}, "mcadams_high=2.5"),
        ({"pitch_semitones": 13.0}, "0 to 12"),
        ({"formant_share": -0.1}, "0 to 0.5"),
    ],
)
def test_settings_that_no_voice_survives_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        voice.check(replace(VoiceConfig(), **changes))


@pytest.mark.parametrize("samples", [np.zeros((2, 9), np.float32), np.array([0, np.nan], np.float32)])
def test_what_is_no_mono_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite mono samples"):
        voice.transform(samples, MCADAMS, b"one")
