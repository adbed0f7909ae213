"""Sound quality against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import firwin, oaconvolve

from collection.quality import Action, Issue, QualityPolicy, Verdict, bandwidth, judge, measure, snr
from collection.schema import Quality
from collection.segment import Interval, SegmentConfig, Segmenter
from tests.factories import RATE, clipped, noise, silence, tone, vowel


@pytest.mark.parametrize("amplitude", [1.0, 0.5, 0.1, 0.01])
def test_level_of_a_sine(amplitude: float) -> None:
    # RMS of a sine is its amplitude over the square root of two: 0.5 gives -9.03 dBFS.
    expected = 20 * np.log10(amplitude / np.sqrt(2))
    assert measure(tone(amplitude=amplitude)).level_dbfs == pytest.approx(expected, abs=0.01)


def test_level_is_that_of_the_speech_not_of_the_pauses() -> None:
    sound = np.concatenate([silence(3), tone(1, amplitude=0.5), silence(4)])
    for speech in (None, [Interval(3.0, 4.0)]):
        quality = measure(sound, speech)
        assert quality.level_dbfs == pytest.approx(-9.03, abs=0.05)
        assert quality.speech_share == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize(
    ("wanted", "known"),
    # Under 5 dB pauses are not told by level alone: there intervals are needed.
    [(0.0, True), (5.0, True), (10.0, True), (20.0, True), (40.0, True), (5.0, False), (20.0, False), (40.0, False)],
)
def test_snr_of_a_sine_in_noise(wanted: float, known: bool) -> None:
    # A sine of amplitude 0.2 has power 0.02.
    rms = np.sqrt(0.02 / 10 ** (wanted / 10))
    sound = np.concatenate([silence(1), tone(2, amplitude=0.2), silence(1)]) + noise(4, rms)
    quality = measure(sound.astype(np.float32), [Interval(1.0, 3.0)] if known else None)
    assert quality.snr_db == pytest.approx(wanted, abs=1.5)
    assert quality.speech_share == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("sound", "speech"),
    [
        (silence(2), None),
        (silence(2), []),
        (np.concatenate([silence(1), tone(1)]), None),  # the pause is digital silence: a gate, no room
        (np.concatenate([silence(1), tone(1)]), [Interval(1, 2)]),
        (tone(2), None),  # no pause
        (tone(2), [Interval(0, 2)]),
        (noise(2), []),  # no speech
        (np.zeros(0, np.float32), None),
        (np.zeros(0, np.float32), [Interval(0, 1)]),
        (tone(0.005), None),
    ],
)
def test_snr_is_unknown_rather_than_invented(sound: np.ndarray, speech: list[Interval] | None) -> None:
    assert measure(sound, speech).snr_db is None


def test_snr_formula_and_its_bounds() -> None:
    assert snr(11.0, 1.0) == pytest.approx(10.0)
    assert snr(1.0, 1.0) == -20.0
    assert snr(1.0, 1e-10) == 80.0
    assert snr(1.0, 9e-11) is None and snr(None, 1.0) is None and snr(1.0, None) is None


def test_clipping_share_by_hand() -> None:
    # 2 sin(x) reaches 0.999 from 29.97 to 150.03 degrees: samples 14 to 66 of the 80 of a half-wave.
    assert measure(clipped()).clipping == pytest.approx(53 / 80)
    assert measure(tone(amplitude=0.99)).clipping == 0.0
    sound = silence(1)
    sound[:16] = 1.0
    sound[100:116] = -1.0
    assert measure(sound).clipping == pytest.approx(32 / RATE)


@pytest.mark.parametrize("edge", [1500, 3400, 5000, 7000])
def test_bandwidth_of_lowpassed_noise(edge: int) -> None:
    taps = firwin(801, edge, fs=RATE, window=("kaiser", 8.0))
    sound = oaconvolve(noise(3, 0.1), taps, mode="same").astype(np.float32)
    assert bandwidth(sound) == pytest.approx(edge, rel=0.10)


def test_bandwidth_of_all_and_of_nothing() -> None:
    assert bandwidth(noise(1, 0.1)) > 7800
    assert bandwidth(silence(1)) == 0.0
    assert bandwidth(tone(1, 5000)) == pytest.approx(5000, rel=0.05)
    assert bandwidth(np.zeros(0, np.float32)) == 0.0


def test_a_rare_hiss_counts_for_the_band() -> None:
    """A tenth of the time is s: the band is still wide."""
    sound = np.concatenate([vowel(1.8), noise(0.2, 0.02)])
    assert bandwidth(vowel(1.8)) < 4300
    assert bandwidth(sound) > 7500


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz, not 8000"):
        measure(tone(rate=8000), rate=8000)


GOOD = Quality(snr_db=30.0, level_dbfs=-22.0, clipping=0.0, speech_share=0.7, bandwidth_hz=7800.0)


@pytest.mark.parametrize(
    ("change", "action", "reasons"),
    [
        ({}, Action.KEEP, ()),
        ({"snr_db": None}, Action.KEEP, ()),
        ({"snr_db": 9.9}, Action.FLAG, (Issue.NOISY,)),
        ({"snr_db": 10.0}, Action.KEEP, ()),
        ({"snr_db": -0.1}, Action.DROP, (Issue.NOISY,)),
        ({"level_dbfs": -41.0}, Action.FLAG, (Issue.TOO_QUIET,)),
        ({"level_dbfs": -61.0}, Action.DROP, (Issue.TOO_QUIET,)),
        ({"clipping": 0.01}, Action.FLAG, (Issue.CLIPPED,)),
        ({"clipping": 0.06}, Action.DROP, (Issue.CLIPPED,)),
        ({"speech_share": 0.05}, Action.FLAG, (Issue.LITTLE_SPEECH,)),
        ({"speech_share": 0.0}, Action.DROP, (Issue.LITTLE_SPEECH,)),
        ({"bandwidth_hz": 3400.0}, Action.FLAG, (Issue.NARROW_BAND,)),
        ({"bandwidth_hz": 3400.0, "clipping": 0.06}, Action.DROP, (Issue.CLIPPED, Issue.NARROW_BAND)),
        ({"snr_db": 5.0, "speech_share": 0.0}, Action.DROP, (Issue.LITTLE_SPEECH, Issue.NOISY)),
    ],
)
def test_verdicts_by_hand(change: dict[str, float | None], action: Action, reasons: tuple[Issue, ...]) -> None:
    assert judge(replace(GOOD, **change), QualityPolicy()) == Verdict(action, reasons)  # type: ignore[arg-type]


def test_silence_is_dropped_and_thresholds_are_the_policys() -> None:
    assert judge(measure(silence(2)), QualityPolicy()).action is Action.DROP
    assert judge(GOOD, QualityPolicy(flag_snr_db=31.0)).reasons == (Issue.NOISY,)


@given(
    seconds=st.floats(0, 0.3),
    amplitude=st.floats(0, 4),
    spans=st.none() | st.lists(st.tuples(st.floats(-1, 2), st.floats(0, 2)), max_size=4),
)
def test_any_sound_has_finite_values_in_range(
    seconds: float, amplitude: float, spans: list[tuple[float, float]] | None
) -> None:
    speech = None if spans is None else [Interval(start, start + length) for start, length in spans]
    quality = measure(tone(seconds, amplitude=amplitude), speech)
    assert -120.0 <= quality.level_dbfs < 15 and 0 <= quality.clipping <= 1 and 0 <= quality.speech_share <= 1
    assert 0 <= quality.bandwidth_hz <= RATE / 2
    assert quality.snr_db is None or -20 <= quality.snr_db <= 80


@pytest.mark.shared
def test_real_learners_are_mostly_kept(shared: Path) -> None:
    from collection.audio import decode

    paths = sorted((shared / "corpora/speechocean762/WAVE").rglob("*.opus"))[::250]
    segmenter = Segmenter(SegmentConfig(padding=0.05))
    actions = []
    for path in paths:
        samples = decode(path).samples
        quality = measure(samples, segmenter.intervals(samples))
        assert -50 < quality.level_dbfs < -5 and 0.2 < quality.speech_share <= 1 and quality.bandwidth_hz > 6000
        actions.append(judge(quality, QualityPolicy()).action)
    assert actions.count(Action.KEEP) >= 0.8 * len(actions)
