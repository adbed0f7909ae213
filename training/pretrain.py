"""Pretrain a wav2vec2 encoder on the sound of releases; nothing of what was said is read.

    python -m training.pretrain data=releases/class teacher=openai/whisper-base out=runs/distilled
    python -m training.pretrain data=[releases/autumn,releases/spring] method=self_supervised \
      student=wav2vec2_base out=runs/own

``method=distil`` teaches a small student the states of a large encoder, ``method=self_supervised`` needs no teacher and
far more speech. Fine-tune the result with ``training.train … model.name=runs/distilled/model``. Consent is asked as for
training, a killed run goes on when the same command is given again, a finished run does nothing, and whatever learns on
top of the result is found through it when a learner withdraws.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collection import cli, manifest
from collection.release import Release, read_release
from collection.schema import SCHEMA_VERSION
from training import lineage
from training.errors import EncoderError, ModelError
from training.learning import loop, run_folder
from training.learning.augment import changes_sound
from training.learning.dataset import Examples, SplitData, joined, read_split, shortest_share
from training.learning.distil import Distillation, PairCollator, Paired, Teacher
from training.learning.pretrain_config import Method, PretrainConfig, StudentConfig
from training.learning.run_folder import MODEL
from training.learning.self_supervised import Anneal, Drawn, MaskCollator, SelfSupervised
from training.learning.states import store_states
from training.lineage import CACHE, CHECKPOINTS, Ancestor
from training.network.encoder import Frontend, SpeechEncoder, WaveEncoder, load_config, load_extractor_config


def pretrain(config: PretrainConfig) -> Path:
    """Pretrain as configured and return the folder of the finished encoder."""
    out = Path(config.out)
    folders = config.data if isinstance(config.data, list) else [config.data]
    releases = [read_release(cli.existing(str(folder), "Release")) for folder in folders]
    _check(config, releases)
    inherited = lineage.inherited(*(name for name in (config.teacher, _weights(config.student)) if name))
    for release in releases:
        lineage.refuse_withdrawn(release, config.select.superseded, out / MODEL, inherited)
    identity = run_folder.identify(config, releases, inherited)
    if run_folder.is_finished(out, identity):
        return out / MODEL
    loop.check_trackers(config.report_to)
    run_folder.claim(out, identity, releases, inherited)
    loop.set_up(config)
    teacher = Teacher(config.teacher, config.distil.teacher_layers) if config.teacher else None
    model, frontend = _student(config, teacher)
    parts = {
        split: [_read(config, release, split, frontend) for release in releases]
        for split in (config.select.train_split, config.select.validation_split)
        if split
    }
    data = {split: joined(found) for split, found in parts.items()}
    loop.announce(model, data)
    chosen = loop.choose(out, out / CACHE, data)
    checkpoints = out / CHECKPOINTS / chosen
    trainer = _trainer(config, model, teacher, frontend, data, checkpoints)
    result = trainer.train(resume_from_checkpoint=loop.resume_from(trainer, checkpoints))
    if trainer.is_world_process_zero():
        by_release = zip(releases, zip(*parts.values(), strict=True), strict=True)
        heard = [
            lineage.ancestor(release, tuple(parts), frozenset[str]().union(*(part.speakers for part in theirs)))
            for release, theirs in by_release
        ]
        _write_origin(config, out / MODEL, [*heard, *inherited])  # first: no weights without their origin
        model.save(out / MODEL)
        frontend.extractor.save_pretrained(out / MODEL)
        _finish(config, data, trainer.state.log_history, identity, result.metrics)
    return out / MODEL


def _check(config: PretrainConfig, releases: list[Release]) -> None:
    """Raise ``ModelError`` for settings that do not go together."""
    if len({lineage.checksum(release) for release in releases}) < len(releases):
        raise ModelError(f"data={config.data} names a release twice. Give each once.")
    if (config.method is Method.distil) != (config.teacher is not None):
        raise ModelError(
            "method=distil needs teacher=… (Hub name or folder of an encoder, say openai/whisper-base); "
            "method=self_supervised learns without one."
        )
    if config.optim.freeze_encoder:
        raise ModelError("optim.freeze_encoder=true leaves nothing to pretrain. Leave it out.")
    if config.method is Method.distil and config.optim.stored_copies < 1:
        raise ModelError("The teacher's states are stored: optim.stored_copies must be 1 or more.")


def _weights(student: StudentConfig) -> str | None:
    """Return the name of the weights that a student goes on from, if it does."""
    return student.name if student.pretrained and student.encoder is None else None


def _student(config: PretrainConfig, teacher: Teacher | None) -> tuple[Distillation | SelfSupervised, Frontend]:
    """Return the student with what it learns through, and how it hears."""
    student = config.student
    if student.encoder is not None:
        described, extractor = dict(student.encoder), dict(student.extractor or {})
    else:
        described, extractor = load_config(student.name).to_dict(), load_extractor_config(student.name)
    described.pop("_name_or_path", None)
    # The mask embedding must be among the weights even where nothing is masked: fine-tuning masks.
    settings = {"layerdrop": 0.0, "apply_spec_augment": teacher is None, "mask_time_prob": 0.05}
    described |= settings
    frontend = Frontend(described, extractor)
    weights = _weights(student)
    if teacher is None:
        model = SelfSupervised.build(described, config.self_supervised, weights)
        if config.optim.freeze_extractor:
            model.model.freeze_feature_encoder()
        return model, frontend
    encoder = SpeechEncoder.load(weights, **settings) if weights else SpeechEncoder.from_config(described)
    if not isinstance(encoder, WaveEncoder):
        raise EncoderError("A Whisper encoder can teach but not learn here. Choose a student of the wav2vec2 family.")
    if config.optim.freeze_extractor:
        encoder.freeze_extractor()
    return Distillation(encoder, teacher.encoder.width, config.distil), frontend


def _read(config: PretrainConfig, release: Release, split: str, frontend: Frontend) -> SplitData:
    """Return the sound of one split of one release that may be learned from."""
    cache = Path(config.out) / CACHE / "audio" / lineage.checksum(release)[:16]
    fewest = config.self_supervised.mask_length if config.method is Method.self_supervised else 1
    return read_split(release, split, config.select, None, frontend, shortest_share(config.augment), cache, fewest)


def _trainer(
    config: PretrainConfig,
    model: Distillation | SelfSupervised,
    teacher: Teacher | None,
    frontend: Frontend,
    data: dict[str, SplitData],
    checkpoints: Path,
) -> Any:
    from transformers import PrinterCallback

    from training.learning.trainer import MarkWhole, PhoneTrainer, Tell

    # The Trainer reads the loss of a validation batch only where the batch holds its "labels".
    arguments = loop.arguments(config, checkpoints, metric="loss", labels="lengths")
    if arguments.n_gpu > 1:
        raise ModelError("Several GPUs: torchrun --nproc-per-node 4 -m training.pretrain …, or CUDA_VISIBLE_DEVICES=0.")
    learned = config.select.train_split
    sets: dict[str, Any] = {
        split: Examples(part, config.augment if split == learned else None, config.seed) for split, part in data.items()
    }
    callbacks = [MarkWhole(), Tell(cli.console.print)]
    if isinstance(model, SelfSupervised):
        sets = {split: Drawn(examples) for split, examples in sets.items()}
        collate: Any = MaskCollator(frontend, config.self_supervised, config.seed)
        callbacks.append(Anneal(model, config.self_supervised))
    else:
        assert teacher is not None  # noqa: S101
        with arguments.main_process_first(local=False):  # one process computes the states, the others find them
            sets = {
                split: _paired(config, teacher, frontend, examples, split, checkpoints.name)
                for split, examples in sets.items()
            }
        collate = PairCollator(frontend)
        model.measure(sets[learned].stored)
    trainer = PhoneTrainer(
        model=model,
        args=arguments,
        optim=config.optim,
        seconds=data[learned].seconds,
        encoder="model.wav2vec2." if teacher is None else "encoder.",
        train_dataset=sets[learned],
        eval_dataset=sets.get(config.select.validation_split),
        data_collator=collate,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _paired(
    config: PretrainConfig,
    teacher: Teacher,
    frontend: Frontend,
    examples: Examples,
    split: str,
    chosen: str,
) -> Paired:
    """Return examples with the teacher's states, which are computed once and stored."""
    path = Path(config.out) / CACHE / "states" / chosen / f"{split}.f16"
    learns = split == config.select.train_split
    copies = config.optim.stored_copies if learns and changes_sound(config.augment) else 1
    with cli.progress() as bar:
        task = bar.add_task(f"teacher's states, {split}", total=copies * len(examples))
        stored = store_states(teacher, examples, path, loop.device(), copies, lambda done: bar.advance(task, done))
    teacher.to("cpu")  # it is not heard again: its memory is the student's
    return Paired(examples, stored, teacher.frontend, frontend)


def _write_origin(config: PretrainConfig, folder: Path, releases: list[Ancestor]) -> None:
    learner = run_folder.called(config.student.name)
    name = f"{learner} from {run_folder.called(config.teacher)}" if config.teacher else learner
    folder.mkdir(parents=True, exist_ok=True)
    lineage.write(folder, lineage.Lineage(name, manifest.code_version(), lineage.merged(releases)))


def _finish(
    config: PretrainConfig,
    data: dict[str, SplitData],
    history: list[dict[str, Any]],
    identity: str,
    metrics: dict[str, float],
) -> None:
    """Put the settings beside the saved encoder, write the manifest last, and remove what only the run needed."""
    out = Path(config.out)
    folder = out / MODEL
    portable = _portable(config)
    manifest.atomic_write(folder / "pretrain_config.json", json.dumps(portable, indent=2, default=str) + "\n")
    validation = [entry for entry in history if "eval_loss" in entry]
    speed = run_folder.speed_of(data[config.select.train_split].seconds, metrics)
    manifest.write(
        out,
        {
            "identity": identity,
            "schema_version": SCHEMA_VERSION,
            "code_version": manifest.code_version(),
            "config": portable,
            "left_out": {split: dict(part.left) for split, part in data.items()},
            "validation_loss": min((entry["eval_loss"] for entry in validation), default=None),
            "speed": speed,
            "history": [{key: entry[key] for key in ("epoch", "eval_loss")} for entry in validation],
            "files": {path.name: manifest.file_sha256(path) for path in sorted(folder.iterdir())},
        },
    )
    run_folder.tidy(out)
    run_folder.say_speed(speed)
    cli.console.print(
        f"Encoder: {folder}.\nNext: python -m training.train data=… model.name={folder} model.encoder=null out=…"
    )


def _portable(config: PretrainConfig) -> dict[str, Any]:
    """Return the configuration as it travels with the encoder: folders by their last part, not by where they lie."""
    found = asdict(config)
    folders = config.data if isinstance(config.data, list) else [config.data]
    found |= {"out": None, "data": [Path(folder).name for folder in folders]}
    found["teacher"] = None if config.teacher is None else run_folder.called(config.teacher)
    found["student"]["name"] = run_folder.called(config.student.name)
    return found


def main() -> None:
    """Entry point of the verb."""
    cli.run_verb("pretrain", PretrainConfig, pretrain, "configs.pretrain")


if __name__ == "__main__":
    main()
