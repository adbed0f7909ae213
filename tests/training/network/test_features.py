"""Inputs without the library are the library's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from tests.training.models import WHISPER, tiny_wave
from training.errors import EncoderError
from training.network.encoder import Frontend
from training.network.features import Features

MEL = Frontend({"model_type": "whisper", **WHISPER}, WhisperFeatureExtractor().to_dict())
WAVES = [Frontend(tiny_wave("wav2vec2"), Wav2Vec2FeatureExtractor(do_normalize=on).to_dict()) for on in (True, False)]


@pytest.mark.parametrize("frontend", [MEL, *WAVES], ids=["mel", "normalised", "plain"])
@settings(max_examples=15)
@given(
    sizes=st.lists(st.integers(400, 20_000), min_size=1, max_size=3),
    level=st.sampled_from([0.0, 1e-6, 0.1, 1.0]),
    seed=st.integers(0, 99),
)
def test_equal_to_the_library(frontend: Frontend, sizes: list[int], level: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    sounds = [(level * random.standard_normal(size)).astype(np.float32) for size in sizes]
    for sound in sounds:
        sound[len(sound) // 2 :] *= 1e-6  # far below the loudest, where the floor is
    expected, lengths = frontend(sounds)
    found, ours = Features.of(frontend)(sounds)
    assert ours.tolist() == lengths.tolist()
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-6 if frontend is MEL else 0)


def test_what_is_longer_than_the_encoder_hears_is_refused() -> None:
    features = Features.of(MEL, positions=150)
    assert features([np.zeros(48_000, np.float32)])[0].shape == (1, 80, 300)
    with pytest.raises(EncoderError, match="at most 3 s"):
        features([np.zeros(48_160, np.float32)])
