"""Pretraining as its user runs it: tiny encoders on tones, killed and resumed, found again when somebody withdraws."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from collection import manifest
from collection.release import Release, read_release
from collection.schema import ConsentGrant, Split
from collection.withdrawal import withdrawn
from tests.releases import tone_rows, utterance, write_release
from tests.test_configs import composed
from tests.training.models import extractor, tiny_wave, wave_folder, whisper_folder
from training import lineage
from training.config import ModelConfig, OptimConfig, SelectConfig, TrainConfig
from training.errors import EncoderError, ModelError
from training.learning.dataset import read_split
from training.learning.pretrain_config import Method, PretrainConfig, SelfSupervisedConfig, StudentConfig
from training.lineage import LineageConfig
from training.network.encoder import Frontend, SpeechEncoder, load_extractor_config
from training.pretrain import pretrain
from training.train import train

ROOT = Path(__file__).resolve().parents[2]
CODES = {"num_codevectors_per_group": 8, "codevector_dim": 16, "proj_codevector_dim": 16}
WAVE = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True, **CODES)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    rows = {
        Split.TRAIN: [row for n in range(3) for row in tone_rows(10 * n, 4, f"spk_{n}")],
        Split.VALIDATION: tone_rows(100, 4, "spk_9"),
    }
    return write_release(tmp_path_factory.mktemp("release"), rows)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whisper_folder(tmp_path_factory.mktemp("teacher") / "whisper")


def distilling(data: object, out: Path, teacher: Path | None, **changes: Any) -> PretrainConfig:
    settings: dict[str, Any] = {
        "out": str(out),
        "data": data,
        "teacher": teacher and str(teacher),
        "student": StudentConfig(name="tiny", encoder=WAVE, extractor=extractor(WAVE)),
        "optim": OptimConfig(epochs=3, batch_size=4, encoder_rate=2e-3, head_rate=2e-3, freeze_extractor=False),
        "report_to": [],
        **changes,
    }
    return PretrainConfig(**settings)


def by_itself(data: object, out: Path, **changes: Any) -> PretrainConfig:
    masks = SelfSupervisedConfig(negatives=10, mask_length=4)
    return distilling(
        data, out, **{"teacher": None, "method": Method.self_supervised, "self_supervised": masks, **changes}
    )


def fine_tuning(release: Release, encoder: Path, out: Path) -> TrainConfig:
    return TrainConfig(
        out=str(out),
        data=str(release.path),
        select=SelectConfig(validation_split=""),
        model=ModelConfig(name=str(encoder)),
        optim=OptimConfig(max_steps=1, batch_size=2),
        report_to=[],
    )


def facts(out: Path) -> dict[str, Any]:
    found = manifest.read(out)
    assert found is not None
    return found


METHODS = {
    "distil": [],
    "self_supervised": ["method=self_supervised", "self_supervised.negatives=10", "self_supervised.mask_length=4"]
    + [f"+student.encoder.{key}={value}" for key, value in CODES.items()],
}


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_ends_in_the_same_weights_and_a_finished_one_does_nothing(
    method: str, release: Release, teacher: Path, tmp_path: Path
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    settings = [f"data={release.path}", *METHODS[method], "student=wav2vec2_tiny", "augment=speed", "save_every=2"]
    settings += ["optim.epochs=3", "optim.batch_size=4", "report_to=[]"]
    settings += [f"teacher={teacher}"] if method == "distil" else []

    def configured(out: Path, *more: str) -> PretrainConfig:
        config = composed("pretrain", *settings, f"out={out}", *more)
        assert isinstance(config, PretrainConfig)
        return config

    finished = pretrain(configured(undisturbed))
    history = facts(undisturbed)["history"]
    verb = [sys.executable, "-m", "training.pretrain", *settings, f"out={killed}"]
    process = subprocess.Popen(verb, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    while process.poll() is None and not list(killed.glob("checkpoints/*/checkpoint-*/whole")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = pretrain(configured(killed))
    one, other = (load_file(folder / "model.safetensors") for folder in (finished, resumed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert facts(killed)["history"] == history
    assert sorted(path.name for path in killed.iterdir()) == ["manifest.json", "model", "run.json"]
    before = {path: path.stat().st_mtime_ns for path in resumed.rglob("*")}
    assert pretrain(configured(killed)) == resumed
    assert {path: path.stat().st_mtime_ns for path in resumed.rglob("*")} == before
    with pytest.raises(ModelError, match="another configuration"):
        pretrain(configured(killed, "seed=1"))


def test_the_encoder_is_fine_tuned_like_any_other_and_found_through_what_learned_on_top(
    release: Release, teacher: Path, tmp_path: Path
) -> None:
    others = write_release(tmp_path / "others", {Split.TRAIN: tone_rows(50, 3, "spk_x")}, name="others")
    select = SelectConfig(validation_split="")
    runs = tmp_path / "runs"
    encoder = pretrain(distilling([str(release.path), str(others.path)], runs / "small", teacher, select=select))
    assert load_extractor_config(str(encoder))["return_attention_mask"] is True
    assert SpeechEncoder.load(str(encoder)).config.apply_spec_augment is True
    assert not any(str(tmp_path) in path.read_text("utf-8") for path in (runs / "small").rglob("*.json"))
    origin = lineage.read(encoder)
    assert origin.encoder == "tiny from whisper"
    assert [(one.name, one.speakers) for one in origin.releases] == [
        ("tones", ("spk_0", "spk_1", "spk_2")),
        ("others", ("spk_x",)),
    ]
    model = train(fine_tuning(release, encoder, runs / "tuned"))
    assert lineage.read(model).encoder == "small"
    assert [one.name for one in lineage.read(model).releases] == ["tones", "others"]
    # A student of that encoder learned from them too.
    second = pretrain(distilling(str(release.path), runs / "student", encoder, select=select))
    found = lineage.lineage(LineageConfig(runs=[str(runs)], speaker="spk_x", mark=True))
    assert [one.folder for one, _ in found] == [encoder, second, model]
    with pytest.raises(ModelError, match=r"1 speaker\(s\) who have withdrawn.*nothing may be built on it"):
        train(fine_tuning(release, encoder, runs / "again"))
    with pytest.raises(ModelError, match="nothing may be built on it"):
        pretrain(distilling(str(release.path), runs / "again", second, select=select))
    assert not (runs / "again").exists()


def test_an_unfinished_run_on_top_of_an_encoder_is_cleared_with_it(release: Release, tmp_path: Path) -> None:
    others = write_release(tmp_path / "others", {Split.TRAIN: tone_rows(50, 3, "spk_x")}, name="others")
    encoder = wave_folder(tmp_path / "encoder", feat_extract_norm="layer", do_stable_layer_norm=True)
    ancestor = lineage.ancestor(others, ("train",), frozenset({"spk_x"}))
    lineage.write(encoder, lineage.Lineage("tiny", "0", (ancestor,)))
    out = tmp_path / "runs" / "tuned"
    model = train(fine_tuning(release, encoder, out))
    (out / "manifest.json").unlink()
    model.rename(out / "checkpoints")
    withdrawn.write(others.path, withdrawn.marked(None, frozenset({"spk_x"}), date(2026, 3, 1)))
    config = LineageConfig(runs=[str(tmp_path / "runs")], release=str(others.path), mark=True)
    assert [(one.folder, one.finished, done) for one, done in lineage.lineage(config)][-1] == (out, False, True)
    assert [path.name for path in out.iterdir()] == ["run.json"]


def test_an_encoder_that_heard_who_withdrew_from_this_release_is_refused_even_unmarked(
    teacher: Path, tmp_path: Path
) -> None:
    rows = [row for n in range(2) for row in tone_rows(10 * n, 2, f"spk_{n}")]
    made = write_release(tmp_path / "release", {Split.TRAIN: rows})
    select = SelectConfig(validation_split="", superseded=True)
    encoder = pretrain(distilling(str(made.path), tmp_path / "first", teacher, select=select))
    withdrawn.write(made.path, withdrawn.marked(None, frozenset({"spk_1"}), date(2026, 3, 1)))
    config = fine_tuning(read_release(made.path), encoder, tmp_path / "tuned")
    config.select.superseded = True
    with pytest.raises(ModelError, match="begins with learned from 1 speaker"):
        train(config)
    again = pretrain(distilling(str(made.path), tmp_path / "second", teacher, select=select))
    assert lineage.read(again).releases[0].speakers == ("spk_0",)
    assert facts(tmp_path / "second")["left_out"] == {"train": {"withdrawn": 2}}
    with pytest.raises(ModelError, match="is superseded"):
        pretrain(distilling(str(made.path), tmp_path / "third", teacher))


def test_only_the_sound_of_who_may_be_heard_is_copied_and_no_label_is_asked_for(tmp_path: Path) -> None:
    ended, other = (
        ConsentGrant("rec_1", ("training",), "2020-01-01"),
        ConsentGrant("rec_2", ("evaluation",), "2099-01-01"),
    )
    gone = [utterance(1, "spk_1", consent=ended), utterance(2, "spk_2", consent=other)]
    unlabelled = replace(utterance(3, "spk_3"), phones=())
    short = utterance(4, "spk_4", ["AA"])
    made = write_release(tmp_path / "release", {Split.TRAIN: [*gone, unlabelled, short, *tone_rows(10, 4, "spk_5")]})
    frontend = Frontend(WAVE, extractor(WAVE))
    held = read_split(made, "train", SelectConfig(), None, frontend, 1.0, tmp_path / "cache", fewest_frames=12)
    assert held.utterances == ("utt_0003", "utt_0010", "utt_0011", "utt_0012", "utt_0013")
    assert held.table[0]["audio"]["bytes"]
    copy = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*.arrow"))
    assert unlabelled.audio in copy
    assert not any(row.audio in copy for row in [*gone, short])
    masks = SelfSupervisedConfig(negatives=5, mask_length=12)
    config = by_itself(
        str(made.path), tmp_path / "run", self_supervised=masks, select=SelectConfig(validation_split="")
    )
    folder = pretrain(config)
    assert facts(tmp_path / "run")["left_out"] == {"train": {"no_consent_for_purpose": 2, "too_short": 1}}
    assert lineage.read(folder).releases[0].speakers == ("spk_3", "spk_5")


def test_settings_that_do_not_go_together_are_refused_before_any_work(
    release: Release, teacher: Path, tmp_path: Path
) -> None:
    data, out = str(release.path), tmp_path / "out"
    wrong = [
        (distilling(data, out, None), "needs teacher="),
        (by_itself(data, out, teacher=str(teacher)), "learns without one"),
        (distilling([data, data], out, teacher), "twice"),
        (distilling(data, out, teacher, optim=OptimConfig(freeze_encoder=True)), "nothing to pretrain"),
        (distilling(data, out, teacher, optim=OptimConfig(stored_copies=0)), "stored_copies"),
    ]
    for config, message in wrong:
        with pytest.raises(ModelError, match=message):
            pretrain(config)
    assert not out.exists()
    student = StudentConfig(name=str(teacher))
    with pytest.raises(EncoderError, match="can teach but not learn"):
        pretrain(distilling(data, out, teacher, student=student))


def test_it_goes_on_from_the_weights_of_a_folder(release: Release, tmp_path: Path) -> None:
    """Without a step at any rate worth the name the encoder stays what it was."""
    folder = wave_folder(tmp_path / "own", feat_extract_norm="layer", do_stable_layer_norm=True)
    optim = OptimConfig(max_steps=1, batch_size=2, encoder_rate=0.0, weight_decay=0.0)
    student = StudentConfig(name=str(folder))
    found = pretrain(by_itself(str(release.path), tmp_path / "run", student=student, optim=optim))
    one, other = (load_file(place / "model.safetensors") for place in (folder, found))
    assert one.keys() == other.keys()
    assert all(torch.allclose(one[name], other[name]) for name in one)
    config = json.loads((found / "pretrain_config.json").read_text("utf-8"))
    assert config["student"]["name"] == "own"
