"""Train a pronunciation model: ``python -m training.train data=… model=wav2vec2_base out=…``.

``stage=ctc`` fine-tunes a speech encoder for phones; ``stage=score start=<its folder>`` puts a scorer on top, and
``stage=joint start=<either folder>`` lets both learn together. Several GPUs: ``torchrun --nproc-per-node 4 -m
training.train …``. A killed run goes on from where it was when the same command is given again; a finished run does
nothing. Sweeps: ``-m seed=0,1,2 out='runs/seed-${seed}'``.
"""

from __future__ import annotations

from pathlib import Path

from collection import cli
from training.config import Stage, TrainConfig
from training.learning import ctc_stage, joint_stage, score_stage

STAGES = {Stage.ctc: ctc_stage.train, Stage.score: score_stage.train, Stage.joint: joint_stage.train}


def train(config: TrainConfig) -> Path:
    """Train as configured and return the folder of the finished model."""
    return STAGES[config.stage](config)


def main() -> None:
    """Entry point of the verb."""
    cli.run_verb("train", TrainConfig, train, "configs.train")


if __name__ == "__main__":
    main()
