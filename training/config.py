"""What a training run can be told, with unit and effect; YAML in ``configs/`` stores only differences from these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omegaconf import MISSING


class Head(StrEnum):
    """Layers between the encoder's states and the phone logits."""

    linear = "linear"
    lstm = "lstm"
    tdnnf = "tdnnf"


class Stage(StrEnum):
    """What a run learns."""

    ctc = "ctc"
    score = "score"
    joint = "joint"


class Targets(StrEnum):
    """What the CTC stage learns in place of a phone that was mispronounced when nobody wrote down what was said."""

    kept = "kept"
    """The canonical phone, as if it had been said."""
    dropped = "dropped"
    """Nothing: the phone leaves the target."""
    wildcard = "wildcard"
    """Any phone: every one of them fits there (``training.alignment.ctc``)."""


class Precision(StrEnum):
    """Arithmetic of the forward pass; losses are always float32."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


@dataclass
class SelectConfig:
    """What of the release is learned from."""

    train_split: str = "train"
    """Split to learn from."""
    validation_split: str = "validation"
    """Split of other speakers that chooses the best epoch; empty: none, the last epoch is kept."""
    superseded: bool = False
    """Learn from a release although speakers have withdrawn from it; their rows are left out and counted even so."""
    purpose: str = "training"
    """Purpose that every row's consent must cover today beside training; other rows are dropped and counted."""
    on: str | None = None
    """ISO date on which consent is asked, never before today; default today."""
    max_seconds: float = 20.0
    """Longer utterances are left out and counted (memory; Whisper hears 30 s at most)."""
    min_seconds: float = 0.2
    """Shorter utterances are left out and counted."""
    limit: int | None = None
    """Use only the first so many utterances of each split, for a quick look."""
    folds: int = 0
    """Parts alike in age into which the training speakers are cut; 0 learns from all of them."""
    fold: int = 0
    """The part whose speakers are left out, 0 to ``folds`` - 1, so that they may be judged as strangers."""


@dataclass
class ModelConfig:
    """The encoder and the head on top of it."""

    name: str = MISSING
    """Hub name or local folder of the encoder."""
    pretrained: bool = True
    """False starts from random weights of the encoder's configuration (tests, pretraining studies)."""
    encoder: dict[str, Any] | None = None
    """A whole encoder configuration in place of ``name`` (tiny random encoders)."""
    extractor: dict[str, Any] | None = None
    """The feature extractor's settings that go with ``encoder``."""
    layers: list[int] = field(default_factory=lambda: [-1])
    """Encoder states the head reads, concatenated; 0 is the input of the first layer, -1 the last layer's output."""
    head: Head = Head.linear
    """``linear`` for an encoder that learns; ``lstm`` and ``tdnnf`` (quicker) add context on top of a frozen one."""
    head_size: int = 256
    """Units of the head: a direction of the LSTM, width of the other layers."""
    head_layers: int = 2
    """Layers between the states and the last one."""
    dropout: float = 0.1
    """Share of head activations dropped while training."""
    mask_time: float = 0.0
    """SpecAugment on the head's input: share of frames hidden."""
    mask_width: float = 0.0
    """SpecAugment on the head's input: largest share of dimensions hidden."""
    encoder_mask_time: float = 0.05
    """wav2vec2's own masking of its input frames while it learns: share of frames."""
    encoder_mask_width: float = 0.0
    """The same over feature dimensions."""


@dataclass
class AugmentConfig:
    """Changes made to the sound of training utterances; each draw depends on (seed, epoch, utterance) alone."""

    speed: list[float] = field(default_factory=list)
    """Factors of speed, one drawn an utterance (0.9 is slower and lower); empty: none."""
    noise_probability: float = 0.0
    """Share of utterances that get coloured noise."""
    noise_snr_db: list[float] = field(default_factory=lambda: [5.0, 30.0])
    """Lowest and highest signal-to-noise ratio of that noise, dB."""
    gain_db: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Lowest and highest change of level, dB."""
    codec_probability: float = 0.0
    """Share of utterances passed through a telephone-like channel: 300-3400 Hz and 8-bit mu-law."""


@dataclass
class OptimConfig:
    """How it is learned."""

    epochs: float = 10.0
    """Passes over the training split."""
    max_steps: int = -1
    """Stops after so many optimiser steps when positive, whatever ``epochs`` says."""
    batch_size: int = 16
    """Utterances a step and device."""
    accumulate: int = 1
    """Steps whose gradients are added before the weights move."""
    encoder_rate: float = 3e-5
    """Peak learning rate of the encoder."""
    head_rate: float = 1e-3
    """Peak learning rate of the head."""
    warmup: float = 0.1
    """Share of the steps in which rates climb to their peak (first stage of three)."""
    hold: float = 0.4
    """Share of the steps at peak (second stage); the rest decays to ``final_scale``."""
    final_scale: float = 0.02
    """Rates at the end as a share of the peak."""
    weight_decay: float = 0.01
    """AdamW weight decay (not on biases and norms)."""
    clip: float = 5.0
    """Largest gradient norm."""
    freeze_encoder: bool = False
    """True: only the head learns, from encoder states that are computed once and stored."""
    stored_copies: int = 3
    """Frozen encoder and augmentation: altered copies of each utterance whose states are stored, used in turn; 0 stores
    nothing and alters anew in every epoch, which costs a pass of the encoder each."""
    freeze_extractor: bool = True
    """True: the convolutions that see the waveform stay as pretrained."""
    encoder_starts: float = 0.0
    """Share of the steps before the encoder begins to learn (the head first finds its footing)."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    precision: Precision = Precision.auto
    """``auto`` is bf16 on a GPU that has it, else fp32."""


@dataclass
class ScoreConfig:
    """The scorer, learned on top of a phone recogniser in ``stage=score``."""

    folds: int = 4
    """Parts of the training speakers: each is heard by a recogniser that learned without it, because a recogniser's
    posteriors are sharper on the speakers it has learned from than they will be on new ones; 0 saves the time."""
    state_layers: list[int] | None = None
    """Encoder states the scorer hears, weighted as it learns; default all; none ([]) leaves it GOP and durations."""
    members: int = 1
    """Scorers that learn from seeds ``seed``, ``seed`` + 1, …; their scores are averaged."""
    size: int = 96
    """Width of the transformer over phones."""
    layers: int = 3
    """Its layers."""
    heads: int = 4
    """Its attention heads."""
    projection: int = 64
    """Dimensions to which the encoder's states are brought down."""
    dropout: float = 0.2
    """Share of activations dropped while learning."""
    states_dropout: float = 0.4
    """Share of the encoder states' dimensions dropped while learning."""
    epochs: int = 8
    """Passes over the training utterances."""
    batch_size: int = 16
    """Utterances a step."""
    rate: float = 1e-3
    """Peak learning rate; it climbs for 5 % of the steps, then falls along a cosine."""
    weight_decay: float = 0.05
    """AdamW weight decay."""
    bad_weight: float = 0.1
    """Weight of telling mispronounced phones from others, beside the squared error of phone accuracy."""
    word_weight: float = 0.1
    """Weight of the words' scores."""
    utterance_weight: float = 0.1
    """Weight of the utterances' scores."""
    joint_weight: float = 1.0
    """``stage=joint``: weight of all scores beside the CTC loss a phone."""


@dataclass
class RunConfig:
    """What every run that learns can be told."""

    out: str = MISSING
    """Folder of the run: checkpoints while it goes, ``model/`` and ``manifest.json`` when it is done."""
    select: SelectConfig = field(default_factory=SelectConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    seed: int = 0
    """Seed of weights, order, dropout and augmentation."""
    workers: int = 0
    """Data loading processes a device."""
    threads: int = 0
    """CPU threads of torch; 0 leaves torch's choice."""
    save_every: str = "epoch"
    """``epoch``, or a number of steps, between checkpoints a killed run resumes from."""
    report_to: list[str] = field(default_factory=lambda: ["tensorboard"])
    """Experiment trackers: tensorboard (local files), mlflow, wandb; empty for none."""


@dataclass
class TrainConfig(RunConfig):
    """One training run: ``python -m training.train data=… model=… out=…``."""

    data: str = MISSING
    """Folder of a release made by ``collection.build``."""
    stage: Stage = Stage.ctc
    """``ctc``: a phone recogniser; ``score``: a scorer on top of one, which is learned first without ``start``;
    ``joint``: both go on learning together from ``start``."""
    start: str | None = None
    """``stage=score``: folder of the phone recogniser, learned from the same split of the same release.
    ``stage=joint``: of a phone recogniser or a model with a scorer, which takes the place of ``model``."""
    cache: str | None = None
    """Folder for copies of sound and encoder states, shared by runs on one release and removed by whoever gave it; by
    default inside ``out``, removed at the end."""
    targets: Targets = Targets.kept
    """What is learned for a phone that was scored as mispronounced and of which nobody knows what was said instead;
    the validation split keeps the canonical phone, so that error rates can be compared."""
    model: ModelConfig = field(default_factory=ModelConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
