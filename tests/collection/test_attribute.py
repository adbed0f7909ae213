"""Whose voice it is: pure decisions over made-up embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection import attribute
from collection.attribute import AttributionConfig, Nobody
from collection.errors import ConfigError
from collection.segment import Interval

ANNA, BEN, STRANGER = np.eye(256, dtype=np.float32)[:3]
PRINTS = np.stack([ANNA, BEN])
MEAN = np.zeros(256, np.float32)
CONFIG = AttributionConfig(threshold=0.5)


def test_a_clear_voice_is_its_readers_and_a_strangers_is_nobodys() -> None:
    assert attribute.decide(np.stack([ANNA] * 3), PRINTS, 0, MEAN, CONFIG).reason is None
    assert attribute.decide(np.stack([STRANGER] * 3), PRINTS, 0, MEAN, CONFIG).reason is Nobody.VOICE_UNSURE


def test_another_learners_voice_is_not_the_readers() -> None:
    assert attribute.decide(np.stack([BEN] * 3), PRINTS, 0, MEAN, CONFIG).reason is Nobody.OTHER_VOICE


def test_one_window_of_another_voice_counts_against_the_whole_reading() -> None:
    alone = attribute.decide(np.stack([ANNA] * 4), PRINTS, 0, MEAN, CONFIG)
    talked_over = attribute.decide(np.stack([ANNA] * 3 + [STRANGER]), PRINTS, 0, MEAN, CONFIG)
    # Centred, Anna's print is (3, -1, 0) / 4 of length sqrt(10) / 4.
    assert alone.evidence == pytest.approx(3 / np.sqrt(10))
    whole = 3 / np.sqrt(10) * 3 / np.sqrt(10)
    assert talked_over.evidence == pytest.approx((whole + 0.5 * 0.0) / 1.5)


def test_what_every_voice_of_the_room_shares_says_nothing() -> None:
    room = 5 * np.eye(256, dtype=np.float32)[9]
    heard = attribute.unit(np.stack([ANNA + room, BEN + room, STRANGER + room]))
    mean = heard.mean(0)
    right = attribute.decide(heard[:1], PRINTS, 0, mean, CONFIG)
    wrong = attribute.decide(heard[2:], PRINTS, 0, mean, CONFIG)
    assert right.evidence > 0.5 > wrong.evidence


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10_000))
def test_evidence_never_leaves_its_scale(count: int, learners: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows, prints = (attribute.unit(rng.random((size, 256), np.float32)) for size in (count, learners))
    mean = attribute.recording_mean([windows])
    verdict = attribute.decide(windows, prints, 0, mean, CONFIG)
    assert -1.0001 <= verdict.evidence <= 1.0001
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
        AttributionConfig(weakest_weight=-1.0)
