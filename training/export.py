"""A checkpoint as ONNX, for machines that only assess: no torch networks, no library of encoders, int8 if wanted.

    python -m training.export model=runs/my-model/model out=exported
    python -m training.export model=runs/my-model/model out=exported-int8 int8=true

``Assessor.from_pretrained`` and every verb that takes a model take the folder. What it learned from goes with it: a
withdrawal finds it (``training.lineage``), and loading it then warns. Needs the extra ``onnx``.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING
from safetensors.torch import save_file

from collection import cli, manifest
from collection.withdrawal import withdrawn
from collection.withdrawal.past_releases import LINEAGE
from training import lineage
from training.errors import ModelError
from training.network.checkpoints import contents
from training.network.features import FILTERS, Features
from training.network.onnx_model import CONFIG, FORMAT, SCORER, is_exported


@dataclass
class ExportConfig:
    """Configuration of ``python -m training.export``."""

    model: str = MISSING
    """Folder of a checkpoint that training wrote."""
    out: str = MISSING
    """Folder to write; a new or empty one, or one that an interrupted export began."""
    int8: bool = False
    """Round weights to 8-bit integers: about a third of the size and half of the time; figures in the benchmarks."""
    states: list[int] = field(default_factory=list)
    """Encoder states the graph gives beside the posteriors, numbered as in ``model.layers`` of training; a model with a
    scorer gives those its scorer hears."""


def export(config: ExportConfig) -> Path:
    """Export as configured and return the folder; a finished folder of the same export is left as it is."""
    for package in ("onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise ModelError(f"{package} is not installed: .venv/bin/uv pip install 'parlure[onnx]'.")
    source, out = cli.existing(config.model, "Model folder"), Path(config.out).expanduser()
    origin = _source(source)
    identity = manifest.fingerprint([FORMAT, contents(source), config.int8, list(config.states)])
    if (done := manifest.read(out)) is not None:
        if done.get("identity") != identity:
            raise ModelError(f"{out} holds something else that is finished. Give another out=….")
        cli.console.print(f"Nothing to do: {out} is finished.")
        return out
    _claim(out, config)
    # Before any weight: whoever searches for descendants finds an interrupted export too.
    lineage.write(out, origin)
    facts, report = _write(source, out, config)
    manifest.atomic_write(out / CONFIG, json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    files = {path.name: manifest.file_sha256(path) for path in sorted(out.iterdir())}
    manifest.write(
        out,
        {
            "kind": "exported model",
            "identity": identity,
            "int8": config.int8,
            "states": list(config.states),
            "files": files,
            "graphs": report,
            "code_version": manifest.code_version(),
        },
    )
    return out


def _source(folder: Path) -> lineage.Lineage:
    """Return where a checkpoint comes from, or an error for what must not or cannot be exported."""
    if is_exported(folder):
        raise ModelError(f"{folder} is exported already: give the checkpoint it was made from.")
    if (marker := withdrawn.read(folder)) is not None:
        raise ModelError(
            f"{folder} learned from {marker.count} speaker(s) who have withdrawn since: it is not exported. Train "
            "again on the next release, and delete what was exported from this one."
        )
    return lineage.read(folder)


def _claim(out: Path, config: ExportConfig) -> None:
    """Make the folder, or refuse one with anything in it that an export does not write."""
    out.mkdir(parents=True, exist_ok=True)
    ours = {LINEAGE, CONFIG, FILTERS, SCORER}
    others = [path.name for path in out.iterdir() if path.name not in ours and path.suffix != ".onnx"]
    if others or ((out / CONFIG).exists() and not is_exported(out)):
        raise ModelError(f"{config.out} is not empty ({', '.join(sorted(others)) or CONFIG}). Give another out=….")


def _write(source: Path, out: Path, config: ExportConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the graphs; return what loading needs to know, and a report of each graph."""
    from training.exporting import graphs, quantise
    from training.network.encoder import WaveEncoder
    from training.network.model import PhoneModel

    try:
        model = PhoneModel.from_pretrained(source, dtype=torch.float32).train(False)
    except (OSError, KeyError) as error:
        raise ModelError(f"{source} holds no checkpoint: give a folder that training.train wrote. ({error})") from error
    features = Features.of(model.frontend, getattr(model.encoder.config, "max_source_positions", None))
    states = model.config.scorer["state_layers"] if model.config.scorer else config.states
    if model.scorer is not None:
        save_file(model.scorer.state_dict(), out / SCORER)
    written, report = {}, {}
    for graph in graphs.graphs(model, features, states):
        target = out / f"{graph.name}.onnx"
        with tempfile.TemporaryDirectory(prefix="parlure-export-") as temporary:
            exact = Path(temporary) / target.name if config.int8 else target
            graphs.write(graph, exact)
            apart = graphs.difference(graph, exact)
            if not apart <= graphs.TOLERANCE:
                raise ModelError(
                    f"The graph of {graph.name} gives other values than the checkpoint (by {apart:.2g}): nothing was "
                    "exported. This is a fault of the export; use the checkpoint as it is."
                )
            kept = quantise.quantise(exact, target, graph.feeds) if config.int8 else []
        written[graph.name] = {"file": target.name, "sha256": manifest.file_sha256(target)}
        report[graph.name] = {"difference": apart, "kept_in_float32": kept, "bytes": target.stat().st_size}
    facts = {
        "format": FORMAT,
        "precision": "int8" if config.int8 else "fp32",
        "frame_seconds": model.frame_seconds,
        "one_by_one": config.int8 or (isinstance(model.encoder, WaveEncoder) and not model.encoder.takes_mask),
        "features": features.save(out),
        "states": list(states),
        "graphs": written,
        "model": model.config.to_dict(),
    }
    return facts, report


def work(config: ExportConfig) -> None:
    """Export, then say what was written and what comes next."""
    out = export(config)
    size = sum(path.stat().st_size for path in out.iterdir()) / 2**20
    line = f"{out}: {size:.0f} MiB. Next: python -m training.assess model={out} audio=… text=…"
    cli.console.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the verb."""
    cli.run_verb("export", ExportConfig, work)


if __name__ == "__main__":
    main()
