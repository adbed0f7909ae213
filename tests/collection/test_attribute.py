"""Whose voice it is: pure decisions over made-up embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection import attribute
from collection.attribute import AttributionConfig, Nobody, Verdict
from collection.errors import ConfigError
from collection.segment import Interval

ANNA, BEN, STRANGER = np.eye(256, dtype=np.float32)[:3]
PRINTS = np.stack([ANNA, BEN])
MEAN = np.zeros(256, np.float32)
CONFIG = AttributionConfig(threshold=0.5, grown=0.0)


def decided(windows: list[np.ndarray], reader: int = 0, mean: np.ndarray = MEAN) -> Verdict:
    """Judge a reading alone in its recording."""
    (verdict,) = attribute.decide([np.stack(windows)], [reader], PRINTS, mean, CONFIG)
    assert verdict is not None
    return verdict


def test_a_clear_voice_is_its_readers_and_a_strangers_is_nobodys() -> None:
    assert decided([ANNA] * 3).reason is None
    assert decided([STRANGER] * 3).reason is Nobody.VOICE_UNSURE


def test_another_learners_voice_is_not_the_readers() -> None:
    assert decided([BEN] * 3).reason is Nobody.OTHER_VOICE


def test_one_window_of_another_voice_counts_against_the_whole_reading() -> None:
    alone, talked_over = decided([ANNA] * 4), decided([ANNA] * 3 + [STRANGER])
    # Centred, Anna's print is (3, -1, 0) / 4 of length sqrt(10) / 4. Beside a voice that is 0.2 like hers:
    assert alone.evidence == pytest.approx(3 / np.sqrt(10) + 3 / np.sqrt(10) - 0.2)
    whole = 3 / np.sqrt(10) * 3 / np.sqrt(10)
    assert talked_over.evidence == pytest.approx((whole + 0.5 * 0.0) / 1.5 + whole - 0.2)


def test_a_grown_voice_needs_more_and_an_unknown_age_counts_as_grown() -> None:
    reading, config = [np.stack([ANNA] * 2)], AttributionConfig(threshold=0.5, grown=0.1)
    child, grown, other = (
        attribute.decide(reading, [0], PRINTS, MEAN, config, children)[0] for children in ({0}, (), {1})
    )
    assert child is not None
    assert grown is not None
    assert child.evidence == decided([ANNA] * 2).evidence
    assert grown.evidence == pytest.approx(child.evidence - 0.1)
    assert other == grown


def test_a_voice_that_is_heard_on_other_lines_is_not_the_readers() -> None:
    like_anna = attribute.unit(ANNA + STRANGER)[None]
    apart, beside = (
        attribute.decide([like_anna, *others], [0, *[None] * len(others)], PRINTS, MEAN, CONFIG)[0]
        for others in ([], [like_anna])
    )
    assert apart is not None
    assert beside is not None
    assert apart.reason is None
    assert beside.reason is Nobody.VOICE_UNSURE
    assert beside.evidence == pytest.approx(apart.evidence - 1 + 0.2)


def test_a_window_of_a_voice_that_reads_elsewhere_is_an_interruption() -> None:
    mixed = np.stack([ANNA] * 8 + [STRANGER])
    alone, interrupted = (
        attribute.decide([mixed, *others], [0, *[None] * len(others)], PRINTS, MEAN, CONFIG)[0]
        for others in ([], [STRANGER[None]])
    )
    assert alone is not None
    assert alone.reason is None
    assert interrupted is not None
    assert interrupted.reason is Nobody.TALKED_OVER


def test_a_sure_reading_vouches_for_others_on_the_same_lines_and_an_unsure_one_does_not() -> None:
    hoarse = attribute.unit(0.3 * ANNA + STRANGER)[None]
    sure = attribute.unit(ANNA + 0.8 * STRANGER)[None]
    alone, vouched, unvouched = (
        attribute.decide([hoarse, *more], [0] * (1 + len(more)), PRINTS, MEAN, CONFIG)[0]
        for more in ([], [sure], [hoarse])
    )
    assert alone is not None
    assert vouched is not None
    assert vouched.evidence > alone.evidence + 0.3
    assert type(vouched.evidence) is float  # what figures are written as JSON
    assert unvouched == alone


def test_the_readings_of_whoever_is_not_enrolled_are_not_decided() -> None:
    assert attribute.decide([BEN[None]], [None], PRINTS, MEAN, CONFIG) == [None]
    assert attribute.decide([], [], PRINTS, MEAN, CONFIG) == []


def test_what_every_voice_of_the_room_shares_says_nothing() -> None:
    room = 5 * np.eye(256, dtype=np.float32)[9]
    heard = attribute.unit(np.stack([ANNA + room, BEN + room, STRANGER + room]))
    mean = heard.mean(0)
    right, wrong = decided([heard[0]], mean=mean), decided([heard[2]], mean=mean)
    assert right.evidence > 0.5 > wrong.evidence


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10_000))
def test_evidence_never_leaves_its_scale(count: int, learners: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows, prints = (attribute.unit(rng.random((size, 256), np.float32)) for size in (count, learners))
    mean = attribute.recording_mean([windows])
    (verdict,) = attribute.decide([windows], [0], prints, mean, CONFIG)
    assert verdict is not None
    assert -3.0001 <= verdict.evidence <= 2.0001
    assert (verdict.reason is None) <= (verdict.evidence >= CONFIG.threshold)


def test_speech_is_cut_where_the_speaker_changes_and_nowhere_else() -> None:
    starts = [10.0, 10.8, 11.6, 12.4, 13.2, 14.0]
    whole = Interval(10.0, 15.6)
    changed = np.stack([ANNA, ANNA, ANNA, BEN, BEN, BEN])
    pieces = attribute.split(changed, starts, whole, MEAN, 0.05)
    assert [piece.start for piece in pieces] == [10.0, pytest.approx(12.4, abs=0.81)]
    assert pieces[-1].end == 15.6
    assert attribute.split(np.stack([ANNA] * 6), starts, whole, MEAN, 0.05) == [whole]
    assert attribute.split(ANNA[None], [10.0], Interval(10.0, 11.0), MEAN, 0.05) == [Interval(10.0, 11.0)]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError):
        AttributionConfig(grown=-0.1)
    with pytest.raises(ConfigError):
        AttributionConfig(weakest_weight=-1.0)
