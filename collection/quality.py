"""How good a sound is for learning from it: samples in, level, noise, clipping, speech share and bandwidth out.

Pure and vectorised. Levels are dBFS with 0 dB at a full-scale square wave (dBov of ITU-T G.100.1): a full-scale sine
has -3.01 dBFS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from collection.schema import SAMPLE_RATE, Quality

if TYPE_CHECKING:
    from collection.segment import Interval

Samples = npt.NDArray[np.float32]
Powers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FRAME = 320
"""Samples a power is taken over: 20 ms, the frame of the NIST signal-to-noise tool."""

SILENCE_DBFS = -120.0
"""What digital silence is reported as; 16-bit sound cannot go below -98."""

DIGITAL_SILENCE = 1e-10
"""Power (-100 dBFS) under the rounding noise of 16-bit sound: a mute made it, it tells nothing of the room."""

MIN_NOISE_FRAMES = 5
"""100 ms; less is no measurement of noise."""

MIN_CONTRAST_DB = 3.0
"""Between loud and quiet frames; with less, speech and noise cannot be told apart by level."""

SNR_RANGE_DB = (-20.0, 80.0)

CLIPPED = 0.999
"""Amplitude from which a sample counts as clipped; merely loud sound touches it in a few samples of a million."""

WINDOW = 512
"""Samples of a spectrum: bins of 31 Hz."""

MAX_WINDOWS = 4096

EDGE_DB = 50.0
"""The band ends where the spectrum stays this far below its level in 300-3000 Hz."""


class Action(StrEnum):
    """What becomes of a recording."""

    KEEP = "keep"
    FLAG = "flag"
    DROP = "drop"


class Issue(StrEnum):
    """What is wrong with a sound."""

    TOO_QUIET = "too_quiet"
    NOISY = "noisy"
    CLIPPED = "clipped"
    LITTLE_SPEECH = "little_speech"
    NARROW_BAND = "narrow_band"


@dataclass
class QualityPolicy:
    """From which values a sound is flagged for a person, or dropped; set for phones in class. Treat as read-only."""

    flag_level_dbfs: float = -40.0
    """dBFS of the speech; below, the learner sat far from the microphone."""
    drop_level_dbfs: float = -60.0
    """dBFS of the speech; below, 16-bit rounding and codecs eat the consonants."""
    flag_snr_db: float = 10.0
    """dB; below, phone scores are known to drift. An unknown SNR is not held against a sound."""
    drop_snr_db: float = 0.0
    """dB; below, the room is louder than the learner."""
    flag_clipping: float = 0.001
    """Share 0-1 of samples at full scale; above, vowels begin to sound harsh."""
    drop_clipping: float = 0.05
    """Share 0-1; above, spectra are no longer the learner's."""
    flag_speech_share: float = 0.1
    """Share 0-1; below, check that the learner read at all."""
    drop_speech_share: float = 0.01
    """Share 0-1; below, there is no speech to learn from."""
    flag_bandwidth_hz: float = 4_200.0
    """Hz; below, it went through a telephone (3.4 kHz) or 8 kHz sampling: s, f and th are alike."""
    drop_bandwidth_hz: float = 1_500.0
    """Hz; below, vowels cannot be told apart either."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a sound, and every reason: those to drop it first, each group in the order of ``Issue``."""

    action: Action
    reasons: tuple[Issue, ...] = ()


def measure(samples: Samples, speech: Sequence[Interval] | None = None, rate: int = SAMPLE_RATE) -> Quality:
    """Return the quality of a sound (n,) with amplitudes -1 to 1; ``speech`` are its utterances in seconds, if known.

    - ``level_dbfs``: RMS over the frames of speech (20 ms); -120 for digital silence.
    - ``clipping``: share of samples at or above 0.999 of full scale.
    - ``snr_db``: power of the speech frames less the noise, against the noise. Noise is the median power of the frames
      outside ``speech``; where these are under 100 ms, or ``speech`` is not given, of the quietest tenth of the frames
      (the percentile idea of the NIST "stnr" tool). ``None`` where it cannot be known: digital silence, no speech, or
      no pause in which to hear the room.
    - ``speech_share``: share of frames with speech; without ``speech``, of frames well above the quietest ones.
    - ``bandwidth_hz``: the upper edge of the band, see ``bandwidth``.
    """
    if rate != SAMPLE_RATE:
        raise ValueError(f"measure takes {SAMPLE_RATE} Hz, not {rate}: decode with collection.audio")
    powers = frame_powers(samples)
    floor, contrast = _floor(powers)
    active, background = _by_level(powers, floor, contrast) if speech is None else _by_intervals(powers, speech)
    noise: float | None = floor if contrast >= MIN_CONTRAST_DB else None
    if speech is not None and background.sum() >= MIN_NOISE_FRAMES:
        noise = float(np.median(powers[background]))
    loud = float(powers[active].mean()) if active.any() else None
    level = loud if loud is not None else float(powers.mean()) if len(powers) else 0.0
    return Quality(
        snr_db=snr(loud, noise),
        level_dbfs=max(SILENCE_DBFS, _db(level)),
        clipping=clipping(samples),
        speech_share=float(active.mean()) if len(active) else 0.0,
        bandwidth_hz=bandwidth(samples, active),
    )


def judge(quality: Quality, policy: QualityPolicy) -> Verdict:
    """Return the verdict on a sound: dropped if one value is past its drop threshold, else flagged, else kept."""
    values = {
        Issue.TOO_QUIET: _grade(quality.level_dbfs, policy.flag_level_dbfs, policy.drop_level_dbfs),
        Issue.NOISY: _grade(quality.snr_db, policy.flag_snr_db, policy.drop_snr_db),
        Issue.CLIPPED: _grade(-quality.clipping, -policy.flag_clipping, -policy.drop_clipping),
        Issue.LITTLE_SPEECH: _grade(quality.speech_share, policy.flag_speech_share, policy.drop_speech_share),
        Issue.NARROW_BAND: _grade(quality.bandwidth_hz, policy.flag_bandwidth_hz, policy.drop_bandwidth_hz),
    }
    dropping = tuple(issue for issue, grade in values.items() if grade is Action.DROP)
    flagging = tuple(issue for issue, grade in values.items() if grade is Action.FLAG)
    action = Action.DROP if dropping else Action.FLAG if flagging else Action.KEEP
    return Verdict(action, dropping + flagging)


def _grade(value: float | None, flag: float, drop: float) -> Action:
    if value is None or value >= flag:
        return Action.KEEP
    return Action.FLAG if value >= drop else Action.DROP


def frame_powers(samples: Samples) -> Powers:
    """Return the mean power of each whole 20 ms; of a shorter sound, its one power; of none, an empty array."""
    if len(samples) < FRAME:
        return np.array([np.mean(np.square(samples, dtype=np.float64))]) if len(samples) else np.zeros(0)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    powers: Powers = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME
    return powers


def clipping(samples: Samples) -> float:
    """Return the share of samples at or above 0.999 of full scale."""
    if not len(samples):
        return 0.0
    return float((np.count_nonzero(samples >= CLIPPED) + np.count_nonzero(samples <= -CLIPPED)) / len(samples))


def snr(speech_and_noise: float | None, noise: float | None) -> float | None:
    """Return the signal-to-noise ratio in dB from two powers, within -20 and 80; ``None`` where it cannot be known."""
    if speech_and_noise is None or noise is None or noise < DIGITAL_SILENCE:
        return None
    ratio = (speech_and_noise - noise) / noise
    return float(np.clip(_db(ratio), *SNR_RANGE_DB))


def bandwidth(samples: Samples, active: Mask | None = None) -> float:
    """Return the upper edge of the band in Hz: beyond it the spectrum stays 50 dB below its level in 300-3000 Hz.

    Each frequency is judged by its loudest twentieth of frames, because the highest sounds of speech (s, f) are rare.
    Sound from a telephone or from 8 kHz sampling ends at 3.4 to 4 kHz; 0 for digital silence.
    """
    starts = np.arange(0, max(1, len(samples) - WINDOW + 1), FRAME)
    if active is not None and active[: len(starts)].any():
        starts = starts[active[: len(starts)]]
    # Some thousand windows spread over the sound tell as much as all of three hours.
    starts = starts[:: -(-len(starts) // MAX_WINDOWS)]
    padded = samples if len(samples) >= WINDOW else np.pad(samples, (0, WINDOW - len(samples)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts] * np.hanning(WINDOW)
    powers = np.square(np.abs(np.fft.rfft(windows / np.sqrt(WINDOW), axis=1)))
    peaks = np.percentile(powers, 95, axis=0)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    reference = peaks[(frequencies >= 300) & (frequencies <= 3000)].mean()
    if reference < DIGITAL_SILENCE:
        reference = peaks.max()
    above = np.flatnonzero((peaks > reference * 10 ** (-EDGE_DB / 10)) & (peaks > 0))
    return float(frequencies[above[-1]]) if len(above) else 0.0


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-30)))


def _floor(powers: Powers) -> tuple[float, float]:
    """Return the median power of the quietest tenth of frames, and the contrast in dB of the loudest to it."""
    if not len(powers):
        return 0.0, 0.0
    ordered = np.sort(powers)
    floor = float(np.median(ordered[: max(MIN_NOISE_FRAMES, len(ordered) // 10)]))
    return floor, _db(float(np.percentile(ordered, 95))) - _db(max(floor, DIGITAL_SILENCE))


def _by_level(powers: Powers, floor: float, contrast: float) -> tuple[Mask, Mask]:
    """Return (speech, no speech) frames: speech is a third of the contrast in dB above the floor, 3 dB at least."""
    audible = powers >= DIGITAL_SILENCE
    if contrast < MIN_CONTRAST_DB:
        return audible, np.zeros_like(audible)
    active = powers >= max(floor, DIGITAL_SILENCE) * 10 ** (max(MIN_CONTRAST_DB, contrast / 3) / 10)
    return active, ~active


def _by_intervals(powers: Powers, speech: Sequence[Interval]) -> tuple[Mask, Mask]:
    """Return (speech, no speech) frames: frames an interval covers by half or more, and frames it does not touch."""
    edges = np.zeros((2, len(powers) + 1), np.int64)
    frame_seconds = FRAME / SAMPLE_RATE
    for interval in speech:
        first, last = interval.start / frame_seconds, interval.end / frame_seconds
        for row, (begin, end) in enumerate(((round(first), round(last)), (int(first), int(np.ceil(last))))):
            edges[row, min(max(begin, 0), len(powers))] += 1
            edges[row, min(max(end, 0), len(powers))] -= 1
    covered, touched = np.cumsum(edges, axis=1)[:, :-1] > 0
    return covered, ~touched
