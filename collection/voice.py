"""Voice disguise: an utterance sounds like somebody else, and stays as long and as loud as it was.

A disguise is no anonymity: whoever knows the transform still finds speakers by their voice, and phones change with it.
``python -m eval.privacy`` measures both. docs/adr/0013-voice-disguise.md says what each transform is good for.

How a speaker is disguised is drawn under the release's sub-key and stored nowhere: the same in all of a release, and
another in the next.
"""

from __future__ import annotations

import hmac
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import scipy

from collection.errors import ConfigError
from collection.schema import SAMPLE_RATE

Samples = npt.NDArray[np.float32]
Signal = npt.NDArray[np.float64]

FRAME = 320
"""Samples of an LPC frame (20 ms); frames overlap by half."""
LPC_ORDER = 20
_PEAK = 0.999
"""Highest sample of disguised sound, times full scale."""
_LEAST_WORLD = 1600
"""Samples that WORLD needs to follow a pitch; shorter sound is filled up with silence."""


class Transform(StrEnum):
    """How voices are disguised."""

    NONE = "none"
    MCADAMS = "mcadams"
    WORLD = "world"


class Tier(StrEnum):
    """How far sound may travel: T0, the vault's recordings, is never a release."""

    PSEUDONYMISED = "T1"
    DISGUISED = "T2"


@dataclass
class VoiceConfig:
    """How voices are disguised in a release. Treat as read-only."""

    transform: str = str(Transform.NONE)
    """none; mcadams (moves the formants); world (moves pitch and formants, and synthesises the voice anew)."""
    mcadams_low: float = 0.5
    """Lower end of the exponent a speaker draws, above 0; further from 1 disguises more and damages vowels more."""
    mcadams_high: float = 0.9
    """Upper end of the exponent; 1 changes nothing."""
    pitch_semitones: float = 4.0
    """Semitones by which world moves the pitch at most; each speaker draws half of it to all of it, up or down."""
    formant_share: float = 0.15
    """Share by which world stretches the spectrum at most; each speaker draws half of it to all of it, up or down."""


@dataclass(frozen=True, slots=True)
class Disguise:
    """What a speaker drew; each transform reads its own part. Secret: it helps to undo the transform."""

    exponent: float
    """Of the angles of the LPC poles, in radians."""
    pitch: float
    """Factor on the fundamental frequency."""
    formants: float
    """Factor on the frequencies of the spectral envelope."""


def check(config: VoiceConfig) -> None:
    """Raise ``ConfigError`` for a transform that does not exist or ranges that no voice survives."""
    if config.transform not in list(Transform):
        raise ConfigError(f"voice.transform={config.transform} is unknown. Choose one of: {', '.join(Transform)}.")
    if not 0 < config.mcadams_low <= config.mcadams_high <= 2:
        raise ConfigError(
            "0 < mcadams_low <= mcadams_high <= 2 is needed: "
            f"mcadams_low={config.mcadams_low}, mcadams_high={config.mcadams_high}"
        )
    if not 0 <= config.pitch_semitones <= 12:
        raise ConfigError(f"voice.pitch_semitones={config.pitch_semitones}: give 0 to 12.")
    if not 0 <= config.formant_share <= 0.5:
        raise ConfigError(f"voice.formant_share={config.formant_share}: give 0 to 0.5.")


def tier(config: VoiceConfig) -> Tier:
    """Return the tier of a release with these settings."""
    return Tier.PSEUDONYMISED if config.transform == Transform.NONE else Tier.DISGUISED


def speaker_seed(subkey: bytes, speaker_id: str) -> bytes:
    """Return the secret of a speaker's disguise in the release of this sub-key; ``speaker_id`` is the pseudonym."""
    return hmac.digest(subkey, f"voice\0{speaker_id}".encode(), sha256)


def draw(config: VoiceConfig, seed: bytes) -> Disguise:
    """Return what a seed stands for under these settings: uniform in each range, the same for the same seed."""
    exponent = config.mcadams_low + (config.mcadams_high - config.mcadams_low) * _uniform(seed, "exponent")
    pitch = config.pitch_semitones * _away(seed, "pitch")
    return Disguise(exponent, 2 ** (pitch / 12), 1 + config.formant_share * _away(seed, "formants"))


def transform(samples: Samples, config: VoiceConfig, seed: bytes) -> Samples:
    """Return disguised samples (n,): float32, mono, 16 kHz, the same length and RMS, the same bytes for the same seed.

    A peak beyond full scale lowers the whole. ``none`` returns the samples themselves. Raises ``ValueError`` for
    another shape or NaN.
    """
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError(f"transform takes finite mono samples; these have shape {samples.shape} or hold NaN")
    check(config)
    change = _TRANSFORMS.get(Transform(config.transform))
    if change is None or not samples.any():
        return samples
    original = samples.astype(np.float64)
    return _levelled(change(original, draw(config, seed)), original)


def mcadams(samples: Signal, disguise: Disguise) -> Signal:
    """Return samples (n,) with the angle of every complex LPC pole raised to the exponent (Patino et al., 2021).

    An angle of one radian (2.5 kHz) stays; an exponent below 1 moves the formants under it up and those above it down.
    """
    window = np.sqrt(scipy.signal.get_window("hann", FRAME))
    hop = FRAME // 2
    count = len(samples) // hop + 2
    padded = np.zeros((count + 1) * hop)
    padded[hop : hop + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::hop] * window  # (F, 320)
    before = lpc(frames)
    after = _moved(before, disguise.exponent)
    result = np.zeros_like(padded)
    for index, (frame, old, new) in enumerate(zip(frames, before, after, strict=True)):
        residual = scipy.signal.lfilter(old, [1.0], frame)
        result[index * hop : index * hop + FRAME] += window * scipy.signal.lfilter([1.0], new, residual)
    return result[hop : hop + len(samples)]


def lpc(frames: Signal) -> Signal:
    """Return prediction-error filters (F, 21), first coefficient 1, of windowed frames (F, 320).

    The autocorrelation method, whose inverse filters are stable (Makhoul, 1975).
    """
    spectra = np.fft.rfft(frames, 2 * FRAME)
    lags = np.fft.irfft(np.abs(spectra) ** 2)[:, : LPC_ORDER + 1]  # (F, 21)
    # White noise 90 dB below the frame keeps silence and pure tones solvable, and their poles off the unit circle.
    lags[:, 0] = lags[:, 0] * (1 + 1e-9) + 1e-12
    order = np.arange(LPC_ORDER)
    toeplitz = lags[:, np.abs(order[:, None] - order)]  # (F, 20, 20)
    predictors = np.linalg.solve(toeplitz, lags[:, 1:, None])[..., 0]
    return np.concatenate([np.ones((len(frames), 1)), -predictors], axis=1)


def _moved(filters: Signal, exponent: float) -> Signal:
    """Return filters (F, 21) with the angles of their complex roots raised to ``exponent``; radii stay."""
    companions = np.zeros((len(filters), LPC_ORDER, LPC_ORDER))
    companions[:, 0] = -filters[:, 1:]
    companions[:, np.arange(1, LPC_ORDER), np.arange(LPC_ORDER - 1)] = 1.0
    roots = np.linalg.eigvals(companions).astype(np.complex128)  # (F, 20)
    angles = np.angle(roots)
    moved = np.minimum(np.abs(angles) ** exponent, np.pi) * np.sign(angles)
    turned = np.where(roots.imag != 0, np.abs(roots) * np.exp(1j * moved), roots)
    result = np.zeros(filters.shape, dtype=np.complex128)
    result[:, 0] = 1.0
    for root in turned.T:
        result[:, 1:] -= root[:, None] * result[:, :-1]
    return np.ascontiguousarray(result.real)


def world(samples: Signal, disguise: Disguise) -> Signal:
    """Return samples (n,) synthesised anew by WORLD (Morise et al., 2016): another pitch, a stretched spectrum."""
    with warnings.catch_warnings():
        # It reads its own version through a part of setuptools that is going away.
        warnings.simplefilter("ignore", UserWarning)
        import pyworld
    sound = np.pad(samples, (0, max(0, _LEAST_WORLD - len(samples))))
    rough, times = pyworld.dio(sound, SAMPLE_RATE)
    pitch = pyworld.stonemask(sound, rough, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(sound, pitch, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(sound, pitch, times, SAMPLE_RATE)
    made = pyworld.synthesize(
        pitch * disguise.pitch,
        np.exp(stretch(np.log(envelope), disguise.formants)),
        stretch(aperiodicity, disguise.formants),
        SAMPLE_RATE,
    )
    return np.asarray(made[: len(samples)], dtype=np.float64)


def stretch(spectra: Signal, factor: float) -> Signal:
    """Return spectra (F, bins) whose value at a frequency is the old one at frequency / factor, the last one beyond."""
    last = spectra.shape[1] - 1
    source = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(source.astype(np.intp), last - 1)
    share = source - below
    return np.ascontiguousarray(spectra[:, below] * (1 - share) + spectra[:, below + 1] * share)


_TRANSFORMS: dict[Transform, Callable[[Signal, Disguise], Signal]] = {
    Transform.MCADAMS: mcadams,
    Transform.WORLD: world,
}


def _levelled(changed: Signal, original: Signal) -> Samples:
    """Return the changed signal at the RMS of the original, lower where its peak would leave full scale."""
    level = math.sqrt(float(np.mean(changed**2)))
    peak = float(np.abs(changed).max())
    gain = min(math.sqrt(float(np.mean(original**2))) / level, _PEAK / peak) if level > 0 else 0.0
    return np.asarray(changed * gain, dtype=np.float32)


def _uniform(seed: bytes, what: str) -> float:
    """Return a number from 0 up to, but not including, 1."""
    return int.from_bytes(hmac.digest(seed, what.encode(), sha256)[:6]) / 2**48


def _away(seed: bytes, what: str) -> float:
    """Return a number whose distance from 0 is 0.5 to 1: a draw near 0 would leave a speaker their own voice."""
    number = 2 * _uniform(seed, what) - 1
    return math.copysign(0.5 + abs(number) / 2, number)
