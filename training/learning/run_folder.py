"""The folder of a training run: where its parts lie, what is kept at the end, and what goes."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from collection import cli, manifest
from collection.release import Release
from collection.schema import SCHEMA_VERSION
from training import lineage
from training.config import RunConfig, Stage, Targets, TrainConfig
from training.errors import ModelError
from training.learning.dataset import SplitData
from training.lineage import Ancestor
from training.network.model import PhoneModel

MODEL = "model"
NOT_THE_RESULT = ("out", "cache", "workers", "threads", "report_to", "save_every")
"""Settings that change how a run goes but not what comes out."""


def identify(config: RunConfig, releases: Sequence[Release], inherited: Sequence[Ancestor]) -> str:
    """Return the fingerprint of everything that decides what a run gives.

    ``inherited`` are the releases from which whatever it begins with learned (``lineage.inherited``).
    """
    settings = {key: value for key, value in asdict(config).items() if key not in NOT_THE_RESULT}
    if isinstance(config, TrainConfig):
        if config.stage is Stage.ctc:
            settings.pop("start")
            settings.pop("score")
        elif config.stage is Stage.score:
            settings["score"].pop("joint_weight")
        if config.targets is Targets.kept:  # absent, as in runs from before there was a choice
            settings.pop("targets")
    settings["select"].pop("superseded")  # whoever has withdrawn is left out either way
    data = [lineage.checksum(release) for release in releases]
    settings["data"] = data[0] if len(data) == 1 else data
    if inherited:  # absent otherwise, as in runs from before there were any
        settings["inherited"] = [asdict(one) for one in inherited]
    return manifest.fingerprint(settings)


def is_finished(out: Path, identity: str) -> bool:
    """Return whether this run is already done, and say so; raise ``ModelError`` for the finished run of another."""
    done = manifest.read(out)
    if done is None:
        return False
    tidy(out)
    if done["identity"] != identity:
        raise ModelError(f"{out} holds a finished run of another configuration or release. Give another out=….")
    cli.console.print(f"Nothing to do: {out} is finished. The model is in {out / MODEL}.")
    return True


def claim(out: Path, identity: str, releases: Sequence[Release], inherited: Sequence[Ancestor]) -> None:
    """Write down what this folder is for, or refuse a folder begun with other settings."""
    note = out / lineage.RUN
    if note.exists() and json.loads(note.read_text("utf-8"))["identity"] != identity:
        raise ModelError(
            f"{out} holds an unfinished run of another configuration or release. Give the same settings to go on with "
            "it, another out=…, or remove the folder."
        )
    data = [*map(lineage.checksum, releases), *(one.manifest_sha256 for one in inherited)]
    manifest.atomic_write(note, json.dumps({"identity": identity, "data": list(dict.fromkeys(data))}) + "\n")


def finish(
    config: TrainConfig,
    model: PhoneModel,
    trained: lineage.Lineage,
    data: dict[str, SplitData],
    history: list[dict[str, Any]],
    out: Path,
    identity: str,
    metrics: dict[str, float],
) -> None:
    """Save the model with its origin, the manifest last, then remove what only the run needed."""
    folder = out / MODEL
    model.save_pretrained(folder)
    lineage.write(folder, trained)
    manifest.atomic_write(folder / "train_config.json", json.dumps(portable(config), indent=2, default=str) + "\n")
    validation = [entry for entry in history if "eval_per" in entry]
    best = min((entry["eval_per"] for entry in validation), default=None)
    speed = speed_of(data[config.select.train_split].seconds, metrics)
    manifest.write(
        out,
        {
            "identity": identity,
            "schema_version": SCHEMA_VERSION,
            "code_version": manifest.code_version(),
            "config": portable(config),
            "left_out": {split: dict(part.left) for split, part in data.items()},
            "validation_per": best,
            "speed": speed,
            "history": [{key: entry[key] for key in ("epoch", "eval_per", "eval_loss")} for entry in validation],
            "files": {path.name: manifest.file_sha256(path) for path in sorted(folder.iterdir())},
        },
    )
    tidy(out)
    say_speed(speed)
    chosen = "" if best is None else f" The epoch kept has {best:.1%} validation PER."
    cli.console.print(f"Model: {folder}.{chosen}")
    if config.cache is None:
        cli.console.print(f"Next: python -m eval.score model={folder} data={config.data} out=…")


def tidy(out: Path) -> None:
    """Remove what only the run needed: a voice that is withdrawn must not linger there."""
    shutil.rmtree(out / lineage.CACHE, ignore_errors=True)
    shutil.rmtree(out / lineage.CHECKPOINTS, ignore_errors=True)


def portable(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as it travels with the model: folders by their last part, not by where they lie."""
    found = asdict(config)
    found["out"] = None
    found["cache"] = None
    found["start"] = None if config.start is None else called(config.start)
    found["data"] = Path(config.data).name
    found["model"]["name"] = called(config.model.name)
    return found


def called(encoder: str) -> str:
    """Return the name of an encoder: a Hub name as it is, a folder's last part; ``model`` is its run's name."""
    if not Path(encoder).exists():
        return encoder
    folder = Path(encoder).resolve()
    return folder.parent.name if folder.name == MODEL else folder.name


def speed_of(seconds: Sequence[float], metrics: dict[str, float]) -> dict[str, float | str]:
    """Return what the run cost since it last started: seconds, audio-seconds a second and peak memory.

    ``seconds`` are the durations of what was learned from. Memory is what torch held on a GPU, the resident set of this
    process on a CPU.
    """
    cuda = torch.cuda.is_available()
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "device": torch.cuda.get_device_name() if cuda else f"cpu, {torch.get_num_threads()} threads",
        "train_s": metrics["train_runtime"],
        "audio_seconds_per_second": metrics["train_samples_per_second"] * sum(seconds) / len(seconds),
        "peak_memory_mib": peak / 2**20,
    }


def say_speed(speed: dict[str, float | str]) -> None:
    """Say what ``speed_of`` found in one line."""
    cli.console.print(
        f"{speed['audio_seconds_per_second']:.0f} audio-seconds a second on {speed['device']}, "
        f"peak memory {speed['peak_memory_mib']:.0f} MiB."
    )
