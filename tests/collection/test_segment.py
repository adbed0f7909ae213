"""Where people speak: exactness against Silero's own loop, and what merging, splitting and padding promise."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from collection.audio import decode
from collection.errors import ConfigError
from collection.segment import (
    FRAME,
    FRAME_SECONDS,
    Interval,
    SegmentConfig,
    Segmenter,
    check,
    merge,
    pad,
    runs,
    split,
    utterances,
)
from tests.factories import RATE, noise, silence, tone, vowel


@pytest.fixture(scope="module")
def segmenter() -> Iterator[Segmenter]:
    before = torch.get_num_threads()
    yield Segmenter()
    assert torch.get_num_threads() == before


def frame_by_frame(samples: np.ndarray) -> np.ndarray:
    """Silero's own loop, 512 samples a call."""
    from silero_vad import load_silero_vad

    with torch.inference_mode():
        return load_silero_vad().audio_forward(torch.from_numpy(samples), RATE)[0].numpy()


def test_probabilities_are_those_of_the_frame_by_frame_model(segmenter: Segmenter) -> None:
    # More than a block, whose end at 32.8 s falls into speech, and no whole number of frames.
    parts = [noise(3, 0.0005), vowel(2), noise(20, 0.002, seed=1), vowel(3, 110), silence(4), vowel(4, 200), tone(1.01)]
    sound = np.concatenate(parts)
    mine = segmenter.probabilities(sound)
    theirs = frame_by_frame(sound)
    assert mine.dtype == np.float32 and len(mine) == -(-len(sound) // FRAME)
    assert theirs.max() > 0.8 and theirs.min() < 0.1
    np.testing.assert_allclose(mine, theirs, atol=2e-5)


def test_no_state_is_carried_from_one_recording_to_the_next(segmenter: Segmenter) -> None:
    first = segmenter.probabilities(vowel(2))
    segmenter.probabilities(noise(3, 0.1))
    np.testing.assert_array_equal(segmenter.probabilities(vowel(2)), first)


@pytest.mark.parametrize("sound", [silence(3), noise(3, 0.01), tone(3), silence(0), silence(0.001)])
def test_what_is_no_speech_gives_no_utterance(segmenter: Segmenter, sound: np.ndarray) -> None:
    assert segmenter.intervals(sound) == []


def test_speech_is_found_where_it_is(segmenter: Segmenter) -> None:
    found = segmenter.intervals(np.concatenate([noise(1, 0.0005), vowel(0.8), noise(2, 0.0005)]))
    assert len(found) == 1
    assert 0.6 < found[0].start < 1.1 and 1.6 < found[0].end < 2.5


FRAMES_2S = round(2 / FRAME_SECONDS)


def probabilities(*pieces: tuple[float, int]) -> np.ndarray:
    """(probability, frames) pieces one after the other."""
    return np.concatenate([np.full(count, value, np.float32) for value, count in pieces])


def test_hysteresis_by_hand() -> None:
    config = SegmentConfig(threshold=0.5, release=0.3, min_silence=4 * FRAME_SECONDS, min_speech=3 * FRAME_SECONDS)
    given_frames = probabilities(
        (0.1, 5),
        (0.4, 2),  # above release, but no run has begun
        (0.9, 6),  # frames 7-12
        (0.4, 3),  # 13-15 keep it alive
        (0.1, 3),  # a silence of 3 closes
        (0.6, 2),  # 19-20
        (0.1, 4),  # a silence of 4 ends
        (0.9, 2),  # 25-26: too short
        (0.1, 9),
        (0.9, 3),  # 36-38, to the end
    )
    assert runs(given_frames, config) == [(7, 21), (36, 39)]


def test_split_cuts_where_speech_is_least_likely() -> None:
    scores = probabilities((0.9, 14), (0.4, 1), (0.2, 1), (0.9, 14))
    assert split((0, 30), scores, 30) == [(0, 30)]
    # 0.4 + 0.2 on both sides of 15 is the least doubt between 10 and 20; what is left fits.
    assert split((0, 30), scores, 20) == [(0, 15), (15, 30)]
    # Nothing to choose from: as few parts as possible.
    assert split((0, 30), probabilities((0.9, 30)), 10) == [(0, 10), (10, 20), (20, 30)]


def test_merge_joins_close_neighbours_within_the_maximum() -> None:
    found = [(0, 10), (12, 20), (25, 30), (31, 60)]
    assert merge(found, 0, 100) == found
    assert merge(found, 3, 100) == [(0, 20), (25, 60)]
    assert merge(found, 6, 100) == [(0, 60)]
    assert merge(found, 6, 30) == [(0, 30), (31, 60)]


def test_padding_by_hand() -> None:
    # 0.1 s are 1600 samples; between 20000 and 22000 each side gets 1000.
    padded = pad([(1000, 20_000), (22_000, 40_000)], 0.1, 40_800)
    assert padded == [Interval(0, 21_000 / RATE), Interval(21_000 / RATE, 40_800 / RATE)]


settings_of = st.builds(
    SegmentConfig,
    threshold=st.just(0.5),
    release=st.sampled_from([0.1, 0.35, 0.5]),
    min_silence=st.floats(0, 0.6),
    min_speech=st.floats(0, 0.5),
    merge_gap=st.floats(0, 1),
    padding=st.floats(0, 0.4),
    max_utterance=st.floats(1, 6),
)
scores_of = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), st.integers(1, 60)), max_size=12)


@given(pieces=scores_of, tail=st.integers(1, FRAME), config=settings_of)
def test_utterances_keep_their_promises(pieces: list[tuple[float, int]], tail: int, config: SegmentConfig) -> None:
    scores = probabilities(*pieces) if pieces else np.zeros(0, np.float32)
    length = max(0, (len(scores) - 1) * FRAME + tail) if len(scores) else 0
    found = utterances(scores, length, config)
    assert found == sorted(found)
    for left, right in pairwise(found):
        assert left.end <= right.start
    for interval in found:
        assert 0 <= interval.start < interval.end <= length / RATE
        assert interval.duration <= config.max_utterance + 1e-9
    covered = np.zeros(length, bool)
    for interval in found:
        covered[round(interval.start * RATE) : round(interval.end * RATE)] = True
    for start, end in runs(scores, config):
        assert covered[start * FRAME : min(end * FRAME, length)].all(), "speech was lost"
    # A frame of sure speech outside every run is only ever part of a run that is too short.
    kept = np.zeros(len(scores), bool)
    for start, end in runs(scores, config):
        kept[start:end] = True
    if config.min_speech <= FRAME_SECONDS:
        assert kept[scores >= config.threshold].all()


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 1.0},
        {"release": 0.6},
        {"release": 0.0},
        {"padding": -0.1},
        {"min_speech": -1},
        {"max_utterance": 0.4},
    ],
)
def test_settings_that_contradict_each_other_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        check(SegmentConfig(**change))  # type: ignore[arg-type]


@pytest.mark.shared
def test_real_utterances_are_found_between_silences(shared: Path, segmenter: Segmenter) -> None:
    paths = sorted((shared / "corpora/speechocean762/WAVE").rglob("*.opus"))[:200:25]
    readings = [decode(path).samples for path in paths]
    gap = noise(1.5, 0.0005)
    spans, parts, at = [], [gap], len(gap)
    for reading in readings:
        spans.append((at / RATE, (at + len(reading)) / RATE))
        parts += [reading, gap]
        at += len(reading) + len(gap)
    config = SegmentConfig(min_silence=1.0)
    segmenter.config = config
    found = segmenter.intervals(np.concatenate(parts))
    assert len(found) == len(spans)
    for interval, (start, end) in zip(found, spans, strict=True):
        assert start - 0.25 <= interval.start < interval.end <= end + 0.25
        assert interval.duration > 0.4 * (end - start)
