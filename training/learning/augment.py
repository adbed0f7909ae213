"""Changes to the sound of training utterances, pure: waveform and random generator in, waveform out."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.random import Generator
from scipy import signal

from collection.schema import SAMPLE_RATE
from training.config import AugmentConfig


def changes_sound(config: AugmentConfig) -> bool:
    """Return whether any augmentation of the waveform is on."""
    return bool(config.speed) or config.noise_probability > 0 or any(config.gain_db) or config.codec_probability > 0


def augment(waveform: np.ndarray, config: AugmentConfig, random: Generator) -> np.ndarray:
    """Return an altered copy of a float32 waveform at 16 kHz; the number of samples changes with speed only."""
    if config.speed:
        waveform = change_speed(waveform, float(random.choice(config.speed)))
    if random.random() < config.codec_probability:
        waveform = telephone(waveform)
    if random.random() < config.noise_probability:
        low, high = config.noise_snr_db
        waveform = add_noise(waveform, float(random.uniform(low, high)), random)
    if any(config.gain_db):
        low, high = config.gain_db
        waveform = waveform * np.float32(10 ** (random.uniform(low, high) / 20))
    return np.asarray(np.clip(waveform, -1.0, 1.0), dtype=np.float32)


def change_speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Return the waveform played ``factor`` times as fast, pitch included (Ko et al. 2015)."""
    if factor == 1.0:
        return waveform
    return np.asarray(soxr.resample(waveform, SAMPLE_RATE * factor, SAMPLE_RATE), dtype=np.float32)


def add_noise(waveform: np.ndarray, snr_db: float, random: Generator) -> np.ndarray:
    """Return the waveform with coloured noise (slope of 0 to -6 dB an octave, drawn) at an SNR in dB."""
    spectrum = np.fft.rfft(random.standard_normal(len(waveform)))
    slope = random.uniform(0.0, 1.0)
    spectrum *= np.arange(1, len(spectrum) + 1) ** -slope
    noise = np.fft.irfft(spectrum, len(waveform))
    power, noise_power = float(np.mean(waveform**2)), float(np.mean(noise**2))
    if power == 0 or noise_power == 0:
        return waveform
    scale = np.sqrt(power / noise_power / 10 ** (snr_db / 10))
    return np.asarray(waveform + scale * noise, dtype=np.float32)


def telephone(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as an 8 kHz telephone line carries it: 300-3400 Hz, 8-bit mu-law (ITU-T G.711's curve)."""
    band = signal.butter(4, [300, 3400], btype="bandpass", fs=SAMPLE_RATE, output="sos")
    narrow = np.clip(signal.sosfilt(band, waveform), -1, 1)
    compressed = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    coded = np.round(compressed * 127) / 127
    return np.asarray(np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255, dtype=np.float32)
