"""The melody of a reading: samples in, fundamental frequency and its range out.

The track is WORLD's (DIO with StoneMask; Morise et al., 2009 and 2016). Range is told in semitones around the speaker's
own median, so that a child and a man can be compared.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collection.schema import SAMPLE_RATE, Seconds

STEP: Seconds = 0.01
"""Seconds from one value of a track to the next."""

SEMITONES = 12.0
"""In an octave."""

_LEAST = 1600
"""Samples that WORLD needs to follow a pitch; shorter sound is filled up with silence."""

Track = npt.NDArray[np.float64]


@dataclass
class PitchSettings:
    """How pitch is followed, and when a voice counts as flat. Chosen on training speakers (``docs/lab.md``)."""

    lowest_hz: float = 60.0
    """Hz; the deepest voices of men end a little above."""
    highest_hz: float = 600.0
    """Hz; young children rarely go beyond."""
    coarse: int = 4
    """Times that the sound is thinned out before the search; 1 is slowest."""
    low_quartile: float = 0.75
    """Pitches below this multiple of the lower quartile are taken for errors of the octave (De Looze & Hirst, 2008)."""
    high_quartile: float = 1.5
    """Pitches above this multiple of the upper quartile are taken for errors of the octave."""
    least_voiced: Seconds = 0.3
    """s; with less voiced speech nothing is said of a reader's pitch."""
    least_judged: Seconds = 0.6
    """s; with less voiced speech nobody is called monotone."""
    monotone: float = 3.0
    """Semitones between the 5th and the 95th percentile; a reading with less is monotone."""


@dataclass(frozen=True, slots=True)
class Pitch:
    """The pitch of a reading: median and the 5th and 95th percentiles, ``range`` between these in semitones.

    ``voiced`` is the voiced speech measured, in seconds; ``monotone`` is ``None`` where there is too little of it.
    """

    median_hz: float
    low_hz: float
    high_hz: float
    range: float
    voiced: Seconds
    monotone: bool | None


def follow(samples: npt.NDArray[np.floating], settings: PitchSettings) -> Track:
    """Return the fundamental frequency (F,) in Hz of samples (N,) at each 10 ms from 0 on, 0 where none is heard."""
    with warnings.catch_warnings():
        # It reads its own version through a part of setuptools that is going away.
        warnings.simplefilter("ignore", UserWarning)
        import pyworld
    sound = np.pad(np.asarray(samples, np.float64), (0, max(0, _LEAST - len(samples))))
    rough, times = pyworld.dio(
        sound, SAMPLE_RATE, f0_floor=settings.lowest_hz, f0_ceil=settings.highest_hz,
        frame_period=STEP * 1000, speed=settings.coarse,
    )  # fmt: skip
    track = np.asarray(pyworld.stonemask(sound, rough, times, SAMPLE_RATE), np.float64)
    return np.where(np.isfinite(track), track, 0.0)


def without_octave_errors(track: Track, settings: PitchSettings) -> Track:
    """Return the track (F,) with 0 for values too far from the quartiles of the voiced ones to be the speaker's."""
    voiced = track[track > 0]
    if not len(voiced):
        return track
    low, high = np.percentile(voiced, [25, 75])
    kept = (track >= settings.low_quartile * low) & (track <= settings.high_quartile * high)
    return np.where(kept, track, 0.0)


def measure_pitch(track: Track, settings: PitchSettings) -> Pitch | None:
    """Return the pitch of a track (F,) in Hz, 0 unvoiced; ``None`` with too little voiced speech."""
    heard = track[track > 0]
    voiced = len(heard) * STEP
    if not len(heard) or voiced < settings.least_voiced:
        return None
    low, median, high = (float(value) for value in np.percentile(heard, [5, 50, 95]))
    width = float(SEMITONES * np.log2(high / low))
    monotone = width < settings.monotone if voiced >= settings.least_judged else None
    return Pitch(median, low, high, width, voiced, monotone)


def semitones(track: Track, reference_hz: float) -> Track:
    """Return the track (F,) in semitones above a frequency, NaN where nothing is voiced."""
    voiced = track > 0
    return np.where(voiced, SEMITONES * np.log2(np.where(voiced, track, 1.0) / reference_hz), np.nan)
