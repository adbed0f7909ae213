"""One door to every kind of model: a checkpoint of torch, an exported one or an ensemble, from a folder or the Hub."""

from __future__ import annotations

from pathlib import Path

import torch

from collection import manifest
from collection.errors import ReleaseError
from collection.release import check_schema
from collection.schema import SCHEMA_VERSION
from collection.withdrawal import withdrawn
from training import lineage
from training.errors import ModelError
from training.network.ensembles import Ensemble, is_ensemble, open_members
from training.network.onnx_model import OnnxPhoneModel, is_exported
from training.network.posteriors import PosteriorModel

SUFFIXES = (".json", ".safetensors", ".onnx", ".npy")
"""What the files of a model end in."""


def open_model(folder_or_name: str | Path, device: str | None = None) -> PosteriorModel:
    """Return the model in a folder or under a Hub name; warns of one that learned from a voice that was withdrawn.

    ``device`` is a torch device, by default the GPU if there is one; an exported model is on the CPU by default. Raises
    ``ModelError`` where there is no model, one without phones, or one of a schema that this code does not read.
    """
    folder = local(folder_or_name)
    model: PosteriorModel
    if is_ensemble(folder):
        model = Ensemble([open_model(member, device) for member in open_members(folder)])
    else:
        model = OnnxPhoneModel(folder, device) if is_exported(folder) else _checkpoint(folder, device)
    if not model.config.inventory:
        raise ModelError(f"{folder_or_name} holds no phone inventory: it is an encoder, not a trained phone model.")
    try:
        version = str(getattr(model.config, "schema_version", SCHEMA_VERSION))
        check_schema(version, f"the model {folder_or_name}", "train it again")
    except ReleaseError as error:
        raise ModelError(str(error)) from None
    lineage.warn_withdrawn(folder)
    return model


def local(folder_or_name: str | Path) -> Path:
    """Return a folder as it is, and what the Hub holds under a name as the folder it was downloaded to."""
    folder = Path(folder_or_name).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(folder_or_name), allow_patterns=[f"*{suffix}" for suffix in SUFFIXES]))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"No checkpoint at {folder_or_name}: give a folder that training.train or training.export wrote, or a Hub "
            f"name. ({error})"
        ) from error


def files(folder: Path) -> list[Path]:
    """Return the files of a model; a mark of withdrawal is none of them."""
    return [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES and path.name != withdrawn.NAME]


def contents(folder: Path) -> dict[str, str]:
    """Return the hashes of the files that make a model what it is, by name: how it was made does not count."""
    return {path.name: manifest.file_sha256(path) for path in files(folder) if path.name != manifest.NAME}


def _checkpoint(folder: Path, device: str | None) -> PosteriorModel:
    from training.network.model import (
        PhoneModel,  # the library of the encoders loads slowly: exported models do without it
    )

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model = PhoneModel.from_pretrained(folder)
    except OSError as error:
        raise ModelError(
            f"No checkpoint at {folder}: give a folder that training.train or training.export wrote, or a Hub name. "
            f"({error})"
        ) from error
    torch.nn.Module.to(model, device)
    return model.train(False)
