"""Schedules, buckets and the error rate of the validation split, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import EvalPrediction

from training.learning.collate import BucketSampler
from training.learning.trainer import WHOLE, best_paths, collapse, last_whole_checkpoint, phone_error_rate, tri_stage


def test_tri_stage_climbs_holds_and_falls() -> None:
    rates = [tri_stage(step, 100, start=0.2, warmup=0.25, hold=0.25, final=0.01) for step in range(101)]
    assert rates[:20] == [0.0] * 20
    assert rates[20] == pytest.approx(1 / 21)
    assert rates[39] == pytest.approx(20 / 21)
    assert rates[40:60] == [1.0] * 20
    assert rates[80] == pytest.approx(0.1)
    assert rates[100] == pytest.approx(0.01)


@given(
    seconds=st.lists(st.floats(0.2, 20), min_size=1, max_size=70),
    size=st.integers(1, 9),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_an_epoch_draws_every_utterance_once_with_its_epochs_number(
    seconds: list[float], size: int, seed: int, epoch: int
) -> None:
    sampler = BucketSampler(seconds, size, seed)
    sampler.set_epoch(epoch)
    draws = list(sampler)
    assert sorted(draws) == list(range(epoch * len(seconds), (epoch + 1) * len(seconds)))
    again = BucketSampler(seconds, size, seed)
    again.set_epoch(epoch)
    assert list(again) == draws


def test_a_batch_holds_durations_that_are_alike() -> None:
    seconds = list(np.random.default_rng(0).uniform(1, 20, 320))
    sampler = BucketSampler(seconds, 16, seed=0)
    drawn = np.asarray(seconds)[list(sampler)].reshape(-1, 16)
    padding = 1 - drawn.sum() / (drawn.max(1) * 16).sum()
    assert padding < 0.1
    sampler.set_epoch(1)
    assert [draw - 320 for draw in sampler] != list(BucketSampler(seconds, 16, seed=0))


def test_collapse_merges_repeats_and_drops_blanks_and_padding() -> None:
    assert collapse(np.array([0, 3, 3, 0, 3, 2, 2, -100, -100])) == [3, 3, 2]
    assert collapse(np.array([], dtype=int)) == []


def test_best_paths_are_blank_after_the_last_real_frame() -> None:
    logits = torch.eye(3)[torch.tensor([[1, 2, 1, 2]])]
    assert best_paths((logits, torch.tensor([2])), torch.empty(0)).tolist() == [[1, 2, 0, 0]]


def test_phone_error_rate_counts_insertions() -> None:
    """References 1 2 3 and 2; hypotheses 1 3 (one deletion) and 2 1 2 (two insertions): 3 edits over 4 phones."""
    paths = np.array([[1, 1, 0, 3, 0], [2, 1, 2, 0, 0]])
    labels = np.array([[1, 2, 3], [2, -100, -100]])
    assert phone_error_rate(EvalPrediction(predictions=paths, label_ids=labels)) == {"per": 0.75}


def test_a_checkpoint_without_its_mark_is_removed_and_the_one_before_is_used(tmp_path: Path) -> None:
    for step in (10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-10" / WHOLE).touch()
    assert last_whole_checkpoint(tmp_path, clean=True) == str(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-20").exists()
    assert last_whole_checkpoint(tmp_path / "absent", clean=True) is None
