"""What a pretraining run can be told; what it shares with fine-tuning stands in ``training.config``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omegaconf import MISSING

from training.config import RunConfig


class Method(StrEnum):
    """What an encoder learns from sound alone."""

    distil = "distil"
    self_supervised = "self_supervised"


class Match(StrEnum):
    """How far a student's prediction is from the teacher's state."""

    l1_cosine = "l1_cosine"
    mse = "mse"


@dataclass
class StudentConfig:
    """The encoder that learns."""

    name: str = MISSING
    """Hub name or local folder of the encoder; with ``encoder`` below, only what it is called."""
    pretrained: bool = True
    """True goes on from the weights under ``name``; False starts from random ones of the same configuration."""
    encoder: dict[str, Any] | None = None
    """A whole encoder configuration in place of ``name``: random weights."""
    extractor: dict[str, Any] | None = None
    """The feature extractor's settings that go with ``encoder``."""


@dataclass
class DistilConfig:
    """Learning a teacher's states (Chang et al. 2022, DistilHuBERT, arXiv 2110.01900)."""

    teacher_layers: list[int] = field(default_factory=lambda: [-1])
    """Teacher states to learn; 0 is the input of the first layer, -1 the last layer's output."""
    student_layers: list[int] = field(default_factory=lambda: [-1])
    """The student state that predicts each of them, through a linear layer of its own that is not kept."""
    match: Match = Match.l1_cosine
    """``l1_cosine``: mean absolute difference, less ``cosine_weight`` times the log-sigmoid of the cosine similarity;
    ``mse``: mean squared difference."""
    cosine_weight: float = 1.0
    """Weight of the direction of a state beside its values; 0 leaves the values alone."""


@dataclass
class SelfSupervisedConfig:
    """Telling hidden stretches of speech from others (Baevski et al. 2020, wav2vec 2.0, arXiv 2006.11477)."""

    mask_time: float = 0.65
    """Share of frames hidden, overlaps counted twice: 0.65 hides about half."""
    mask_length: int = 10
    """Frames (20 ms each) of one hidden stretch; shorter utterances are left out and counted."""
    negatives: int = 100
    """Other hidden frames of the same utterance among which the right one must be told."""
    diversity_weight: float = 0.1
    """Weight of using all codewords alike."""
    temperature: float = 2.0
    """Temperature of the choice of codewords at the first step."""
    temperature_decay: float = 0.999995
    """Factor by which it falls each step."""
    temperature_end: float = 0.5
    """Temperature below which it does not fall."""


@dataclass
class PretrainConfig(RunConfig):
    """One pretraining run: ``python -m training.pretrain data=… method=… student=… out=…``."""

    data: Any = MISSING
    """Folder of a release made by ``collection.build``, or a list of such folders; only their sound is read."""
    method: Method = Method.distil
    """``distil`` learns the states of a teacher, ``self_supervised`` needs none (and far more speech)."""
    teacher: str | None = None
    """Hub name or local folder of the encoder to learn from (``distil``)."""
    student: StudentConfig = field(default_factory=StudentConfig)
    distil: DistilConfig = field(default_factory=DistilConfig)
    self_supervised: SelfSupervisedConfig = field(default_factory=SelfSupervisedConfig)
