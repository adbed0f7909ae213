"""Tiny random encoders, as configurations and as folders in the layout of the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor, WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from training.config import Head, ModelConfig
from training.learning.build import build_model
from training.network.model import PhoneModel

WHISPER: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "num_mel_bins": 80,
    "vocab_size": 10,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


def tiny_wave(family: str, **settings: Any) -> dict[str, Any]:
    """Return the configuration of a tiny encoder with the geometry of the real ones (320 samples a frame)."""
    base = {
        "model_type": family,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "conv_dim": [32] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
        "layerdrop": 0.0,
    }
    model_type = base.pop("model_type")
    return dict(AutoConfig.for_model(model_type, **{**base, **settings}).to_dict())


def extractor(config: dict[str, Any]) -> dict[str, Any]:
    """Return the feature extractor's settings that go with a wave encoder."""
    masked = config.get("feat_extract_norm", "layer") == "layer"
    return dict(Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=masked).to_dict())


def wave_folder(folder: Path, family: str = "wav2vec2", **settings: Any) -> Path:
    """Write a random encoder in the layout of the Hub and return its folder."""
    config = tiny_wave(family, **settings)
    AutoModel.from_config(AutoConfig.for_model(**config)).save_pretrained(folder)
    masked = config.get("feat_extract_norm", "layer") == "layer"
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=masked).save_pretrained(folder)
    return folder


def whisper_folder(folder: Path, positions: int = 1500) -> Path:
    """Write a random Whisper encoder in the layout of the Hub and return its folder."""
    config = WhisperConfig(**WHISPER, max_source_positions=positions)
    WhisperEncoder(config).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def phone_model(symbols: tuple[str, ...] = ("AA", "IY", "S", "M"), head: Head = Head.linear) -> PhoneModel:
    """Return a tiny random phone model in evaluation mode."""
    config = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True)
    choice = ModelConfig(name="tiny", encoder=config, extractor=extractor(config), head=head, head_size=16)
    return build_model(choice, symbols, "en-US").eval()
