"""The model a run starts from: an encoder, pretrained or random, and a fresh head over a release's inventory."""

from __future__ import annotations

from training.config import ModelConfig, OptimConfig
from training.network.encoder import SpeechEncoder, WaveEncoder, load_config, load_extractor_config
from training.network.model import PhoneModel, PhoneModelConfig


def build_model(config: ModelConfig, symbols: tuple[str, ...], language: str) -> PhoneModel:
    """Return the encoder that ``config`` names with a fresh head over ``symbols``."""
    if config.encoder is not None:
        described, extractor = dict(config.encoder), dict(config.extractor or {})
        encoder = None
    else:
        described, extractor = load_config(config.name).to_dict(), load_extractor_config(config.name)
        encoder = SpeechEncoder.load(config.name) if config.pretrained else None
    described.pop("_name_or_path", None)
    if described["model_type"] != "whisper":
        described |= {
            "apply_spec_augment": True,
            "mask_time_prob": config.encoder_mask_time,
            "mask_feature_prob": config.encoder_mask_width,
            "layerdrop": 0.0,
        }
    head = {key: getattr(config, key) for key in ("head_size", "head_layers", "dropout", "mask_time", "mask_width")}
    typed = PhoneModelConfig(
        encoder=described,
        feature_extractor=extractor,
        inventory=symbols,
        language=language,
        layers=config.layers,
        head=config.head.value,
        **head,
    )
    if encoder is not None:
        for key in ("apply_spec_augment", "mask_time_prob", "mask_feature_prob"):
            setattr(encoder.config, key, described.get(key))
    return PhoneModel(typed, encoder)


def freeze(model: PhoneModel, config: OptimConfig) -> None:
    """Stop from learning what the configuration keeps as pretrained."""
    if config.freeze_encoder:
        model.freeze_encoder()
    elif config.freeze_extractor and isinstance(model.encoder, WaveEncoder):
        model.encoder.freeze_extractor()
