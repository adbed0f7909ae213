"""Several models behind one assessor: what they hear and what their scorers say is averaged.

    python -m training.ensemble models=[runs/a/model,runs/b/model] out=runs/both

Writes a folder that every verb takes for a model, with copies of its members: encoders, layers and heads may differ,
phones and frames may not. A withdrawal finds it as it finds them (``training.lineage``). It costs what its members cost
together.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from collection import cli, manifest
from training import lineage
from training.errors import ModelError
from training.network.checkpoints import contents, open_model
from training.network.checkpoints import files as files_of
from training.network.ensembles import CONFIG, FORMAT, Ensemble, is_ensemble


@dataclass
class EnsembleConfig:
    """Configuration of ``python -m training.ensemble``."""

    models: list[str] = MISSING
    """Folders of two models or more, of one kind: checkpoints or exported, all with a scorer or all without."""
    out: str = MISSING
    """Folder to write; a new or empty one."""


def ensemble(config: EnsembleConfig) -> Path:
    """Write the ensemble and return its folder; a finished one of the same models is left as it is."""
    folders, out = [cli.existing(each, "Model folder") for each in config.models], Path(config.out).expanduser()
    if len(folders) < 2:
        raise ModelError("An ensemble is of two models or more: give models=[FOLDER,FOLDER].")
    if any(is_ensemble(folder) for folder in folders):
        raise ModelError("An ensemble is made of models, not of ensembles: give the members of both.")
    origins = [lineage.read(folder) for folder in folders]
    lineage.inherited(*map(str, folders))  # refuses those that learned from somebody who has withdrawn
    files = [contents(folder) for folder in folders]
    identity = manifest.fingerprint([FORMAT, files])
    if (done := manifest.read(out)) is not None:
        if done.get("identity") != identity:
            raise ModelError(f"{out} holds something else that is finished. Give another out=….")
        return out
    if out.exists() and any(out.iterdir()) and not is_ensemble(out):
        raise ModelError(f"{out} is not empty. Give another out=….")
    Ensemble([open_model(folder, "cpu") for folder in folders])
    names = [str(number) for number in range(len(folders))]
    # Before any weight: whoever searches for descendants finds an interrupted ensemble too.
    heard = lineage.merged([one for origin in origins for one in origin.releases])
    encoders = ", ".join(dict.fromkeys(origin.encoder for origin in origins))
    out.mkdir(parents=True, exist_ok=True)
    lineage.write(out, lineage.Lineage(encoders, manifest.code_version(), heard))
    facts = {"format": FORMAT, "members": names, "files": files}
    manifest.atomic_write(out / CONFIG, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    for name, folder in zip(names, folders, strict=True):
        (out / name).mkdir(exist_ok=True)
        for path in files_of(folder):
            shutil.copyfile(path, out / name / path.name)
    manifest.write(out, {"kind": "ensemble", "identity": identity, "code_version": manifest.code_version()})
    return out


def work(config: EnsembleConfig) -> None:
    """Write the ensemble, then say what comes next."""
    line = f"{ensemble(config)}. Next: python -m eval.score model={config.out} data=… out=…"
    cli.console.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the verb."""
    cli.run_verb("ensemble", EnsembleConfig, work)


if __name__ == "__main__":
    main()
