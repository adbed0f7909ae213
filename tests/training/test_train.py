"""The verb as its user runs it: tiny models on tones that can be learned, killed and resumed, refused and repeated."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from collection import manifest
from collection.release import Release
from collection.schema import ConsentGrant, Split
from tests.releases import tone_rows, utterance, write_release
from tests.training.models import phone_model, wave_folder
from training import lineage
from training.config import AugmentConfig, SelectConfig
from training.learning.collate import Collator
from training.learning.dataset import Examples, read_split
from training.learning.states import store_states
from training.network.model import PhoneModel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    rows = {
        Split.TRAIN: [row for n in range(4) for row in tone_rows(10 * n, 6, f"spk_{n}")],
        Split.VALIDATION: tone_rows(100, 6, "spk_9"),
    }
    return write_release(tmp_path_factory.mktemp("release"), rows)


def command(release: Release, out: Path, *more: str) -> list[str]:
    settings = ["optim.batch_size=4", "optim.epochs=3", "optim.encoder_rate=1e-3", "report_to=[]", *more]
    verb = [sys.executable, "-m", "training.train", "model=wav2vec2_tiny", f"data={release.path}", f"out={out}"]
    return verb + settings


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=600, env=environment())


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def undisturbed(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = run(command(release, out, "augment=classroom", "save_every=4"))
    assert done.returncode == 0, done.stderr
    return out


def test_a_finished_run_holds_a_model_its_origin_and_nothing_else(undisturbed: Path, release: Release) -> None:
    assert sorted(path.name for path in undisturbed.iterdir()) == ["manifest.json", "model", "run.json"]
    facts = manifest.read(undisturbed)
    assert facts is not None
    assert facts["history"][-1]["epoch"] == 3
    model = PhoneModel.from_pretrained(undisturbed / "model")
    assert model.config.inventory == release.inventory["en-US"]
    origin = lineage.read(undisturbed / "model")
    assert origin.releases[0].speakers == ("spk_0", "spk_1", "spk_2", "spk_3", "spk_9")
    fingerprint = manifest.file_sha256(release.path / "manifest.json")
    assert list(lineage.learned_from(undisturbed, fingerprint)) == [undisturbed / "model"]
    assert list(lineage.learned_from(undisturbed, "0" * 64)) == []


def test_a_second_run_does_nothing_and_another_configuration_is_refused(undisturbed: Path, release: Release) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")}
    again = run(command(release, undisturbed, "augment=classroom", "save_every=4"))
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True)
    other = run(command(release, undisturbed, "augment=classroom", "save_every=4", "seed=1"))
    assert (other.returncode, "another configuration" in other.stderr) == (1, True)
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*")} == before


def test_two_processes_learn_one_model(release: Release, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = run([*torchrun, *command(release, tmp_path / "run", "optim.max_steps=3")[1:]])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Model: ") == 1
    facts = manifest.read(tmp_path / "run")
    assert facts is not None
    # 24 utterances, 4 a process and step: three steps see each of them once.
    assert facts["history"][-1]["epoch"] == 1
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run").values())


def test_runs_killed_at_random_moments_end_in_the_same_weights(
    undisturbed: Path, release: Release, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    arguments = command(release, out, "augment=classroom", "save_every=4", "workers=1")
    generator = random.Random()
    seed = generator.randrange(10**6)
    generator.seed(seed)
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(arguments, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=-3)
        start_again = generator.randrange(1, 5)
        while process.poll() is None and len(list(out.glob("checkpoints/*/checkpoint-*"))) < min(start_again, 2):
            time.sleep(0.01)
        time.sleep(generator.random() * 0.3)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    done = run(arguments)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    assert kills >= 1
    assert same(weights(out), weights(undisturbed)), f"seed {seed}"
    one, other = manifest.read(out), manifest.read(undisturbed)
    assert one is not None and other is not None
    assert one["history"] == other["history"], f"seed {seed}"


def test_a_frozen_encoder_learns_tones_from_stored_states(release: Release, tmp_path: Path) -> None:
    """Three hundred steps of the head alone: tones are easy, so most phones must come out right."""
    frozen = ("optim.freeze_encoder=true", "optim.epochs=60", "model.layers=[0,1,2]", "optim.head_rate=1e-2")
    done = run(command(release, tmp_path / "frozen", *frozen, "save_every=90"))
    assert done.returncode == 0, done.stderr
    facts = manifest.read(tmp_path / "frozen")
    assert facts is not None
    assert facts["validation_per"] < 0.35
    assert not (tmp_path / "frozen" / ".cache").exists()


def test_stored_states_are_those_of_the_altered_sound(release: Release, tmp_path: Path) -> None:
    """Two stored copies of each utterance: each is what the encoder says of that epoch's draw, later epochs repeat."""
    model = phone_model()
    data = read_split(release, "train", SelectConfig(), model.config.inventory, model.frontend, 1 / 1.2, tmp_path)
    examples = Examples(data, AugmentConfig(speed=[0.8, 1.2]), seed=3)
    seen: list[int] = []
    stored = store_states(model, examples, tmp_path / "train.f16", torch.device("cpu"), 2, seen.append)
    assert sum(seen) == 2 * len(examples)
    collate = Collator(model.frontend)
    for draw in (0, 5, len(examples) + 5):
        batch = collate([examples[draw]])
        expected = model.states(batch["inputs"], batch["lengths"])[0]
        assert stored[draw]["states"].shape == expected.shape
        assert torch.allclose(stored[draw]["states"], expected, atol=2e-3)
        assert torch.equal(stored[draw + 2 * len(examples)]["states"], stored[draw]["states"])
    lengths = {len(stored[draw]["states"]) for draw in (5, len(examples) + 5)}
    again = store_states(model, examples, tmp_path / "train.f16", torch.device("cpu"), 2, seen.append)
    assert sum(seen) == 2 * len(examples)
    assert {len(again[draw]["states"]) for draw in (5, len(examples) + 5)} == lengths


def test_a_local_folder_takes_the_place_of_a_hub_name(release: Release, tmp_path: Path) -> None:
    folder = wave_folder(tmp_path / "wav2vec2-base", feat_extract_norm="group")
    verb = [sys.executable, "-m", "training.train", "model=wav2vec2_base", f"model.name={folder}"]
    more = [f"data={release.path}", f"out={tmp_path / 'run'}", "optim.max_steps=2", "optim.batch_size=2"]
    done = run([*verb, *more])
    assert done.returncode == 0, done.stderr
    assert lineage.read(tmp_path / "run" / "model").encoder == "wav2vec2-base"
    saved = [path.read_text("utf-8") for path in (tmp_path / "run").rglob("*.json")]
    assert not any(str(tmp_path) in text for text in saved)


def test_a_typo_and_a_wrong_type_stop_the_run(
    release: Release, tmp_path: Path, verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(*command(release, tmp_path / "a", "optim.epoch=3")[2:]) == 1
    assert "epoch" in capsys.readouterr().err
    assert verb(*command(release, tmp_path / "b", "optim.batch_size=many")[2:]) == 1
    assert "many" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_tracker_that_cannot_report_is_refused_before_any_work(
    release: Release, tmp_path: Path, verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(*command(release, tmp_path / "a", "report_to=[wandb]")[2:]) == 1
    assert "uv pip install wandb" in capsys.readouterr().err
    assert verb(*command(release, tmp_path / "b", "report_to=[paper]")[2:]) == 1
    assert "tensorboard" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_rows_without_consent_or_with_too_many_phones_are_left_out_and_counted(tmp_path: Path) -> None:
    expired = ConsentGrant("rec_1", ("training",), "2020-01-01")
    other = ConsentGrant("rec_2", ("evaluation",), "2099-01-01")
    crowded = utterance(5, "spk_0", ["AA"] * 60, realised=["AA"] + [None] * 59)
    rows = [
        *tone_rows(0, 4, "spk_0"),
        utterance(6, "spk_1", consent=expired),
        utterance(7, "spk_2", consent=other),
        utterance(8, "spk_0", ["AA", "S"], realised=["ZH", None][:0] or ["", ""]),
        crowded,
    ]
    release = write_release(tmp_path / "release", {Split.TRAIN: rows})
    more = ("select.validation_split=''", "optim.max_steps=1", "select.max_seconds=8")
    done = run(command(release, tmp_path / "run", *more))
    assert done.returncode == 0, done.stderr
    facts = manifest.read(tmp_path / "run")
    assert facts is not None
    assert facts["left_out"]["train"] == {"no_consent_for_purpose": 2, "too_short": 1, "too_long": 1}
    assert lineage.read(tmp_path / "run" / "model").releases[0].speakers == ("spk_0",)


def test_nothing_to_learn_from_says_why(
    tmp_path: Path, verb: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    refused = ConsentGrant("rec_1", ("evaluation",), "2099-01-01")
    release = write_release(tmp_path / "release", {Split.TRAIN: [utterance(0, "spk_0", consent=refused)]})
    assert verb(*command(release, tmp_path / "run")[2:]) == 1
    assert "no_consent_for_purpose: 1" in capsys.readouterr().err
    assert not list((tmp_path / "run").rglob("*.arrow"))


def test_a_voice_whose_consent_ended_since_the_interruption_is_neither_kept_nor_learned_from(
    release: Release, tmp_path: Path
) -> None:
    """What an interrupted run left belongs to its selection of utterances; of another selection nothing is used."""
    out = tmp_path / "run"
    stale = [out / "checkpoints" / "old" / "checkpoint-1" / "whole", out / ".cache" / "states" / "old" / "train.f16"]
    stale.append(out / ".cache" / "audio" / "train" / "old" / "voices.arrow")
    for path in stale:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"voice")
    done = run(command(release, out, "optim.max_steps=1"))
    assert done.returncode == 0, done.stderr
    assert "begins again" in done.stdout
    assert "Going on from" not in done.stdout
    assert not any(path.exists() for path in stale)


def test_the_copy_of_the_audio_holds_only_who_may_be_heard(tmp_path: Path) -> None:
    ended = ConsentGrant("rec_1", ("training",), "2020-01-01")
    soon = ConsentGrant("rec_2", ("training",), "2098-01-01")
    gone, going, staying = utterance(1, "spk_1", consent=ended), utterance(2, "spk_2", consent=soon), utterance(3, "s")
    made = write_release(tmp_path / "release", {Split.TRAIN: [gone, going, staying]})
    model = phone_model(tuple(made.inventory["en-US"]))

    def held(on: str | None) -> tuple[tuple[str, ...], bytes]:
        config = SelectConfig(on=on)
        found = read_split(made, "train", config, model.config.inventory, model.frontend, 1.0, tmp_path / "cache")
        assert [found.table[n]["audio"]["bytes"] for n in range(len(found.targets))]
        copies = [path.read_bytes() for path in (tmp_path / "cache").rglob("*.arrow")]
        return found.utterances, b"".join(copies)

    utterances, copy = held(None)
    assert utterances == ("utt_0002", "utt_0003")
    assert gone.audio not in copy
    assert going.audio in copy
    assert staying.audio in copy
    assert held("2019-01-01")[0] == utterances, "a day in the past must not bring anybody back"
    utterances, copy = held("2098-06-01")
    assert utterances == ("utt_0003",)
    assert going.audio not in copy
    assert staying.audio in copy
