"""Encoders: frame counts, padding and the families, against the libraries' own models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from tests.training.models import WHISPER, extractor, tiny_wave, whisper_folder
from training.errors import EncoderError
from training.network.encoder import Frontend, SpeechEncoder, load_config, load_extractor_config

NOISE = np.random.default_rng(0).standard_normal(40_000).astype(np.float32) * 0.1


@pytest.mark.parametrize("samples", [400, 401, 719, 720, 16_000, 23_457])
@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm", "data2vec-audio"])
def test_frames_of_the_wave_families_are_those_the_model_gives(family: str, samples: int) -> None:
    config = tiny_wave(family)
    encoder = SpeechEncoder.from_config(config).eval()
    frontend = Frontend(config, extractor(config))
    inputs, lengths = frontend([NOISE[:samples]])
    with torch.inference_mode():
        states = encoder(inputs, lengths)
    assert len(states) == config["num_hidden_layers"] + 1
    assert states[-1].shape == (1, frontend.frames(samples), encoder.width)
    assert encoder.state_lengths(lengths).tolist() == [frontend.frames(samples)]


def test_400_samples_give_one_frame_and_one_second_gives_49() -> None:
    """Hand-computed from the kernels 10,3,3,3,3,2,2 and strides 5,2,2,2,2,2,2."""
    config = tiny_wave("wav2vec2")
    frontend = Frontend(config, extractor(config))
    assert [frontend.frames(n) for n in (0, 399, 400, 16_000)] == [0, 0, 1, 49]


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_the_mask_is_passed_to_layer_norm_extractors_only(norm: str) -> None:
    config = tiny_wave("wav2vec2", feat_extract_norm=norm)
    encoder = SpeechEncoder.from_config(config)
    seen = {}
    encoder.model.register_forward_pre_hook(lambda module, args, kwargs: seen.update(kwargs), with_kwargs=True)
    encoder(*Frontend(config, extractor(config))([NOISE[:8000], NOISE[:4000]]))
    if norm == "group":
        assert seen["attention_mask"] is None
    else:
        assert seen["attention_mask"].sum(1).tolist() == [8000, 4000]


def test_a_waveform_is_normalised_by_itself_whatever_its_batch() -> None:
    config = tiny_wave("wav2vec2", feat_extract_norm="group")
    frontend = Frontend(config, extractor(config))
    alone, _ = frontend([NOISE[:4000]])
    batch, lengths = frontend([NOISE[:8000] * 5 + 1, NOISE[:4000]])
    assert torch.equal(batch[1, :4000], alone[0])
    assert not batch[1, 4000:].any()
    assert lengths.tolist() == [8000, 4000]


def test_short_whisper_windows_equal_the_librarys_encoder_where_it_can_hear_all(tmp_path: Path) -> None:
    """With positions for exactly this sound, the library's own forward pass is the truth."""
    samples = 16_000
    folder = whisper_folder(tmp_path, positions=50)
    encoder = SpeechEncoder.load(str(folder)).eval()
    library = WhisperEncoder.from_pretrained(folder).eval()
    features = WhisperFeatureExtractor.from_pretrained(folder)(
        NOISE[:samples], sampling_rate=16_000, padding="longest", truncation=False, return_tensors="pt"
    ).input_features
    frontend = Frontend(encoder.config.to_dict(), load_extractor_config(str(folder)))
    with torch.inference_mode():
        ours = encoder(*frontend([NOISE[:samples]]))[-1]
        theirs = library(features).last_hidden_state
    assert ours.shape == (1, 50, WHISPER["d_model"])
    torch.testing.assert_close(ours, theirs)


def test_whisper_hears_no_longer_than_its_positions(tmp_path: Path) -> None:
    folder = whisper_folder(tmp_path, positions=50)
    encoder = SpeechEncoder.load(str(folder))
    frontend = Frontend(encoder.config.to_dict(), load_extractor_config(str(folder)))
    with pytest.raises(EncoderError, match="at most 1 s"):
        encoder(*frontend([NOISE[:20_000]]))


def test_an_unknown_name_says_what_may_be_given(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="Hub name"):
        load_config(str(tmp_path / "absent"))


def test_an_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(EncoderError, match="wav2vec2, hubert, wavlm, data2vec-audio, whisper"):
        SpeechEncoder.from_config({"model_type": "bert"})
