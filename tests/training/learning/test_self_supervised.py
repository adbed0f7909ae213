"""What is hidden and what it is told from: real frames of one utterance, the same for the same draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerState

from tests.releases import say
from tests.training.models import extractor, tiny_wave
from training.errors import EncoderError
from training.learning.pretrain_config import SelfSupervisedConfig
from training.learning.self_supervised import Anneal, MaskCollator, SelfSupervised
from training.network.encoder import Frontend

CODES = {"num_codevectors_per_group": 8, "codevector_dim": 16, "proj_codevector_dim": 16}
WAVE = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True, **CODES)
FRONTEND = Frontend(WAVE, extractor(WAVE))
CONFIG = SelfSupervisedConfig(negatives=7)


def examples(*draws: int) -> list[dict[str, Any]]:
    """Return noise of a length that the draw decides; draw 0 has ten frames, as many as one stretch."""
    random = np.random.default_rng(0)
    return [{"waveform": random.standard_normal(400 + 320 * (9 + 6 * draw)), "draw": draw} for draw in draws]


def test_only_real_frames_are_hidden_and_told_from_other_hidden_ones() -> None:
    batch = MaskCollator(FRONTEND, CONFIG, seed=0)(examples(0, 3, 9))
    hidden, others = batch["hidden"], batch["others"]
    assert hidden.shape == (3, 64)
    assert others.shape == (3, 64, 7)
    assert hidden.sum(1).min() >= 10
    for row, frames in enumerate((10, 28, 64)):
        assert not hidden[row, frames:].any()
        places = set(hidden[row].nonzero()[:, 0].tolist())
        for frame in places:
            chosen = (others[row, frame] - 64 * row).tolist()
            assert set(chosen) <= places - {frame}


def test_the_same_draws_hide_the_same_and_leave_the_global_generator_alone() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    collate = MaskCollator(FRONTEND, CONFIG, seed=1)
    first = collate(examples(2, 9))
    assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]
    np.random.random(3)
    again = collate(examples(2, 9))
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = MaskCollator(FRONTEND, CONFIG, seed=2)(examples(2, 9))
    assert not torch.equal(first["hidden"], other["hidden"])


def test_the_loss_is_a_mean_over_hidden_frames() -> None:
    """With all similarities made alike, one of eight frames is told at chance: log 8, or less where codewords agree."""
    torch.manual_seed(0)
    model = SelfSupervised.build(WAVE, SelfSupervisedConfig(negatives=7, diversity_weight=0.0), None).eval()
    model.model.config.contrastive_logits_temperature = 100.0
    with torch.inference_mode():
        loss = float(model(**MaskCollator(FRONTEND, CONFIG, seed=0)(examples(3, 9)))["loss"])
    assert 0 < loss <= np.log(8) + 0.05


def test_it_learns_to_tell_the_hidden_frames_of_one_batch() -> None:
    torch.manual_seed(0)
    config = SelfSupervisedConfig(negatives=10, mask_length=2, mask_time=0.4, diversity_weight=0.1)
    sounds = [{"waveform": say(["AA", "S", "IY", "M"] * 2, seed=n), "draw": n} for n in range(2)]
    batch = MaskCollator(FRONTEND, config, seed=0)(sounds)
    model = SelfSupervised.build(WAVE, config, None).train()
    learns = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = model(**batch)["loss"]
        loss.backward()
        learns.step()
        learns.zero_grad()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_the_temperature_falls_with_the_step_to_its_end() -> None:
    model = SelfSupervised.build(WAVE, CONFIG, None)
    anneal = Anneal(model, SelfSupervisedConfig(temperature=2.0, temperature_decay=0.5, temperature_end=0.4))
    found = []
    for step in (0, 1, 2, 3):
        anneal.on_step_begin(None, TrainerState(global_step=step), None)
        found.append(model.model.quantizer.temperature)
    assert found == [2.0, 1.0, 0.5, 0.4]


def test_other_families_have_no_codebooks() -> None:
    with pytest.raises(EncoderError, match=r"'hubert'.*method=distil"):
        SelfSupervised.build(tiny_wave("hubert"), CONFIG, None)
