"""Recogniser and scorer together on tones: what the gradient reaches, and runs that end the same after a cut."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from collection import manifest
from collection.release import Release
from tests.training.learning.test_score_stage import configured, finished, release
from tests.training.models import phone_model
from training import lineage
from training.config import OptimConfig, ScoreConfig, Stage
from training.errors import ModelError
from training.learning import joint_stage
from training.learning.collate import Collator
from training.learning.joint import Joint
from training.learning.score_data import Rated
from training.learning.score_fit import NAN, Labels
from training.learning.score_stage import shape_of
from training.network.model import PhoneModel
from training.network.scorer import Scorer
from training.train import train

__all__ = ["finished", "release"]

SCORE = ScoreConfig(folds=0, size=16, heads=2, projection=8, members=2)
SOUNDS = [np.random.default_rng(seed).normal(0, 0.1, 12_000).astype(np.float32) for seed in (0, 1)]


def rated(phones: list[float]) -> Rated:
    words = torch.full((1, 3), NAN)
    return Rated([1, 3, 2], [0, 0, 0], Labels(torch.tensor(phones), words, torch.full((5,), NAN)))


def joint() -> Joint:
    torch.manual_seed(0)
    model = phone_model()
    shape = shape_of(SCORE, model, ())
    model.scorer, model.config.scorer = Scorer(shape), shape.to_dict()
    return Joint(model, SCORE).eval()


def batch(model: Joint, ratings: list[Rated | None]) -> dict[str, object]:
    sound = [{"waveform": sound, "labels": [1, 3, 2]} for sound in SOUNDS]
    return {**Collator(model.frontend)(sound), "rated": ratings, "waveforms": SOUNDS}


def test_human_scores_move_scorer_head_and_encoder() -> None:
    model = joint()
    model.config = replace(SCORE, joint_weight=5.0)
    given = batch(model, [rated([2.0, 0.0, NAN]), None])
    alone = model(**{**given, "rated": [None, None]})["loss"]
    loss = model(**given)["loss"]
    assert loss > alone
    (loss - alone).backward()
    moved = {name for name, each in model.named_parameters() if each.grad is not None and bool(each.grad.any())}
    assert {"phones.head.classify.weight", "phones.scorer.members.1.phone.weight"} <= moved
    assert any(name.startswith("phones.encoder.") for name in moved)
    # Nobody scored the words.
    assert not any(".word." in name for name in moved)


def test_the_features_are_those_of_an_assessment() -> None:
    model = joint()
    given = batch(model, [rated([2.0, 0.0, 1.0])] * 2)
    states = model.states(given["inputs"], given["lengths"])
    assert model.layers == [0, 1, 2]
    frames = model.phones.encoder.state_lengths(given["lengths"])
    logits = model.phones(inputs=given["inputs"], lengths=given["lengths"]).logits
    found, known = model.features(logits, states.unflatten(-1, (3, -1)), frames, given["rated"], SOUNDS)
    assert len(known) == 2
    heard = model.phones.hear(SOUNDS, model.asked)
    for one, sound, each in zip(found, SOUNDS, heard, strict=True):
        (wanted,) = model.features(
            each.log_probs[None], torch.stack(each.states, 1)[None], torch.tensor([37]), known[:1], [sound]
        )[0]
        torch.testing.assert_close(one.measures, wanted.measures, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one.states, wanted.states, atol=1e-4, rtol=1e-3)


class Cut(Exception):
    """Stands for whatever ends a run."""


def test_a_joint_run_that_was_cut_ends_the_same_and_a_second_does_nothing(
    finished: tuple[Path, Path], release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, _ = finished
    optim = OptimConfig(max_steps=6, batch_size=4, freeze_encoder=True)
    config = configured(
        release, tmp_path / "run", stage=Stage.joint, start=str(scored / "model"), optim=optim, save_every="2"
    )
    before, after = load_file(scored / "model" / "model.safetensors"), tmp_path / "run" / "model" / "model.safetensors"
    train(config)
    learned = load_file(after)
    assert learned.keys() == before.keys()
    moved = {name for name in learned if not torch.equal(learned[name], before[name])}
    assert {"head.classify.weight", "scorer.members.0.phone.weight", "scorer.scale"} <= moved
    assert not any(name.startswith("encoder.") for name in moved)
    facts = manifest.read(tmp_path / "run")
    assert facts is not None
    assert facts["validation"].keys() == {"phone_pcc", "phone_mse", "mean_mse"}
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["manifest.json", "model", "run.json"]
    assert "spk_9" in lineage.read(tmp_path / "run" / "model").releases[0].speakers
    written = (tmp_path / "run" / "manifest.json").stat().st_mtime_ns
    train(config)
    assert (tmp_path / "run" / "manifest.json").stat().st_mtime_ns == written

    class CutAt(TrainerCallback):
        def on_step_begin(self, args: object, state: object, control: object, **kwargs: object) -> None:
            if state.global_step == 5:  # type: ignore[attr-defined]
                raise Cut

    build = joint_stage._trainer

    def cut(*args: object) -> object:
        trainer = build(*args)  # type: ignore[arg-type]
        trainer.add_callback(CutAt())
        return trainer

    again = replace(config, out=str(tmp_path / "again"))
    with monkeypatch.context() as patched, pytest.raises(Cut):
        patched.setattr(joint_stage, "_trainer", cut)
        train(again)
    assert list((tmp_path / "again").glob("checkpoints/*/checkpoint-4"))
    train(again)
    resumed = load_file(tmp_path / "again" / "model" / "model.safetensors")
    assert all(torch.equal(resumed[name], learned[name]) for name in learned)


def test_a_scorer_is_begun_on_a_recogniser_and_an_encoder_may_learn(
    finished: tuple[Path, Path], release: Release, tmp_path: Path
) -> None:
    _, cache = finished
    start = tmp_path / "recogniser"
    shutil.copytree(cache / "recogniser" / "model", start)
    config = configured(release, tmp_path / "run", stage=Stage.joint, start=str(start), score=SCORE)
    model = PhoneModel.from_pretrained(train(config))
    assert len(model.scorer.members) == 2
    assert bool(model.scorer.members[0].deviation.ne(1).any())
    before, name = load_file(start / "model.safetensors"), "encoder.model.encoder.layers.0.attention.q_proj.weight"
    assert not torch.equal(model.state_dict()[name], before[name])
    with pytest.raises(ModelError, match="stage=joint needs start"):
        train(replace(config, start=None, out=str(tmp_path / "other")))
