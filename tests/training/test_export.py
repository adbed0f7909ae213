"""Exported models say what their checkpoints say, keep saying whose voices they know, and need no other network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from collection import manifest
from collection.phones import ARPABET
from collection.schema import Split
from collection.withdrawal import withdrawn
from tests.releases import tone_rows, write_release
from tests.training.models import extractor, tiny_wave, whisper_folder
from training import lineage
from training.advice.assessment import Assessment
from training.assess import Assessor
from training.config import Head, ModelConfig
from training.errors import EncoderError, ModelError
from training.export import ExportConfig, export
from training.learning.build import build_model
from training.lineage import Lineage, LineageConfig
from training.network.model import PhoneModel
from training.network.onnx_model import OnnxPhoneModel, is_exported
from training.network.phone_features import width
from training.network.posteriors import PosteriorModel
from training.network.scorer import Scorer, ScorerShape

ROOT = Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(3)
SOUNDS = [RANDOM.normal(0, 0.1, size).astype(np.float32) for size in (20_000, 9_000, 31_234)]
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
GROUP = {"feat_extract_norm": "group"}


@dataclass(frozen=True)
class Pair:
    """A checkpoint and what was exported from it."""

    checkpoint: Path
    exported: Path

    @property
    def torch(self) -> PhoneModel:
        return PhoneModel.from_pretrained(self.checkpoint).eval()

    @property
    def onnx(self) -> OnnxPhoneModel:
        return OnnxPhoneModel(self.exported)


def tables(model: PosteriorModel, sounds: Sequence[np.ndarray]) -> list[torch.Tensor]:
    return [heard.log_probs for heard in model.hear(sounds)]


def checkpoint(folder: Path, kind: str, release: str = "0" * 64) -> Path:
    """Write a tiny random checkpoint that says it learned from spk_0 and spk_1."""
    torch.manual_seed(0)
    if kind == "whisper":
        named = {"name": str(whisper_folder(folder / "encoder", positions=150)), "layers": [1, 2]}
    else:
        family, _, norm = kind.partition(" ")
        encoder = tiny_wave(family, **{"": {}, "layer": LAYER, "group": GROUP}[norm])
        named = {"name": "tiny", "encoder": encoder, "extractor": extractor(encoder)}
    heads = {"wav2vec2 group": Head.linear, "hubert group": Head.linear, "wavlm layer": Head.tdnnf}
    head = heads.get(kind, Head.lstm)
    model = build_model(ModelConfig(**named, head=head, head_size=16), ARPABET.symbols, "en-US").eval()
    model.head.mean.normal_()
    model.head.deviation.uniform_(0.5, 2)
    model.save_pretrained(folder / "model")
    releases = (lineage.Ancestor("tones", release, "1.0.0", ("train",), ("spk_0", "spk_1")),)
    lineage.write(folder / "model", Lineage("tiny", "0", releases))
    return folder / "model"


@pytest.fixture(scope="module", params=["wav2vec2 layer", "wav2vec2 group", "whisper"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("export")
    source = checkpoint(folder, request.param)
    return Pair(source, export(ExportConfig(str(source), str(folder / "exported"), states=[0, -1])))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("whisper")
    source = checkpoint(folder, "whisper")
    return Pair(source, export(ExportConfig(str(source), str(folder / "exported"))))


def close(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_posteriors_and_states_are_those_of_the_checkpoint_alone_and_in_a_batch(pair: Pair) -> None:
    ours, theirs = pair.onnx, pair.torch
    expected = tables(theirs, SOUNDS)
    close(tables(ours, SOUNDS), expected)
    close([tables(ours, [sound])[0] for sound in SOUNDS], expected)
    assert ours.frame_seconds == theirs.frame_seconds
    assert (ours.config.inventory, ours.config.language) == (theirs.config.inventory, "en-US")
    inputs, lengths = theirs.frontend(SOUNDS[1:2])  # the shortest of the batch
    with torch.inference_mode():
        hidden = theirs.encoder(inputs, lengths)
    states = ours.hear(SOUNDS, [0, -1])[1].states
    close(list(states), [hidden[0][0], hidden[-1][0]])


def same(found: Assessment, expected: Assessment, within: float) -> None:
    assert (found.verdict, found.frames, found.decoded) == (expected.verdict, expected.frames, expected.decoded)
    for one, other in zip(found.phones, expected.phones, strict=True):
        assert (one.symbol, one.word_index, one.rival) == (other.symbol, other.word_index, other.rival)
        for name in ("start", "end", "gop_sf", "rival_ratio", "gop_lp", "gop_lpr"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=within), name


def test_assessments_are_the_same(pair: Pair) -> None:
    texts = ["the cat", "a", "an apple fell"]
    exported, original = (Assessor.from_pretrained(one, "cpu") for one in (pair.exported, pair.checkpoint))
    assert isinstance(exported.model, OnnxPhoneModel)
    found, expected = (one.assess_batch(SOUNDS, texts) for one in (exported, original))
    assert any(one.phones for one in expected)
    for one, other in zip(found, expected, strict=True):
        same(one, other, 1e-3)


@pytest.mark.parametrize("kind", ["hubert group", "wavlm layer", "data2vec-audio"])
def test_every_other_family_exports(tmp_path: Path, kind: str) -> None:
    """The export itself compares the graph with the checkpoint; here the whole path, on another length."""
    source = checkpoint(tmp_path, kind)
    exported = export(ExportConfig(str(source), str(tmp_path / "exported")))
    close(tables(OnnxPhoneModel(exported), SOUNDS[2:]), tables(PhoneModel.from_pretrained(source).eval(), SOUNDS[2:]))


def test_states_are_given_to_who_asks_for_those_that_were_exported(whisper: Pair) -> None:
    assert whisper.onnx.hear(SOUNDS[:1])[0].states == ()
    with pytest.raises(ModelError, match="gives states"):
        whisper.onnx.hear(SOUNDS[:1], [7])


def test_int8_is_smaller_close_and_the_same_alone_as_in_a_batch(whisper: Pair, tmp_path: Path) -> None:
    small = OnnxPhoneModel(export(ExportConfig(str(whisper.checkpoint), str(tmp_path / "int8"), int8=True)))
    assert small.precision == "int8"
    assert (tmp_path / "int8/recogniser.onnx").stat().st_size < (whisper.exported / "recogniser.onnx").stat().st_size
    together, expected = tables(small, SOUNDS), tables(whisper.onnx, SOUNDS)
    for found, exact, sound in zip(together, expected, SOUNDS, strict=True):
        assert torch.equal(found, tables(small, [sound])[0])
        divergence = (exact.exp() * (exact - found)).sum(-1)
        assert 0 < divergence.mean() < 0.05


def test_int8_rounds_the_matrices_of_a_head(tmp_path: Path) -> None:
    source = checkpoint(tmp_path, "wavlm layer")
    small = export(ExportConfig(str(source), str(tmp_path / "int8"), int8=True))
    nodes = [node for node in onnx.load(small / "recogniser.onnx").graph.node if node.name.startswith("/head/context")]
    assert not any(node.op_type in {"MatMul", "ConvInteger"} for node in nodes)
    layers = len(PhoneModel.from_pretrained(source).head.context.widen)
    assert sum(node.op_type == "MatMulInteger" for node in nodes) == 2 * layers + 1  # and the projection
    for found, exact in zip(
        tables(OnnxPhoneModel(small), SOUNDS), tables(Pair(source, small).torch, SOUNDS), strict=True
    ):
        assert 0 < (exact.exp() * (exact - found)).sum(-1).mean() < 0.05


def test_an_exported_model_needs_no_library_of_encoders(whisper: Pair, tmp_path: Path) -> None:
    np.save(tmp_path / "sound.npy", SOUNDS[2])
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "import numpy as np; from training.assess import Assessor\n"
        f"found = Assessor.from_pretrained({str(whisper.exported)!r}).assess(np.load('sound.npy'), 'the cat')\n"
        "assert not {'transformers', 'training.network.model', 'training.network.encoder', 'onnx'} & "
        "{name for name, module in sys.modules.items() if module}\n"
        "print(found.to_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    expected = Assessor.from_pretrained(whisper.checkpoint, "cpu").assess(SOUNDS[2], "the cat")
    assert [one["gop_sf"] for one in record["phones"]] == pytest.approx([p.gop_sf for p in expected.phones], abs=1e-3)


def test_too_long_for_whisper_is_explained(whisper: Pair) -> None:
    with pytest.raises(EncoderError, match="at most 3 s at a time"):
        whisper.onnx.hear([np.tile(SOUNDS[0], 3)])


def test_a_second_export_does_nothing_and_another_one_is_refused(whisper: Pair, tmp_path: Path) -> None:
    def times() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in whisper.exported.iterdir()}

    before = times()
    assert set(before) == {"config.json", "lineage.json", "manifest.json", "mel_filters.npy", "recogniser.onnx"}
    again = ExportConfig(str(whisper.checkpoint), str(whisper.exported))
    assert export(again) == whisper.exported
    assert times() == before
    written = manifest.read(whisper.exported)
    assert written is not None
    assert set(written["files"]) == set(before) - {"manifest.json"}
    assert written["graphs"]["recogniser"]["difference"] < 1e-4
    with pytest.raises(ModelError, match="Give another out="):
        export(ExportConfig(str(whisper.checkpoint), str(whisper.exported), int8=True))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ModelError, match=r"is not empty \(notes.txt\)"):
        export(ExportConfig(str(whisper.checkpoint), str(tmp_path)))


def test_an_interrupted_export_is_not_loaded_and_is_finished_by_the_same_command(whisper: Pair, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(whisper.exported, folder)
    (folder / "manifest.json").unlink()
    (folder / "recogniser.onnx").write_bytes(b"half")
    with pytest.raises(ModelError, match="unfinished export"):
        Assessor.from_pretrained(folder)
    export(ExportConfig(str(whisper.checkpoint), str(folder)))
    close(tables(OnnxPhoneModel(folder), SOUNDS), tables(whisper.onnx, SOUNDS))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("recogniser.onnx", "half", "ONNX Runtime cannot read"),
        ("config.json", '{"format": "parlure-onnx/9"}', "this version reads parlure-onnx/1"),
        ("config.json", '{"format": "parlure-onnx/1"}', "cannot be read"),
        ("mel_filters.npy", "half", "cannot be read"),
    ],
)
def test_a_damaged_folder_is_explained(whisper: Pair, tmp_path: Path, file: str, content: str, message: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(whisper.exported, folder)
    (folder / file).write_text(content)
    with pytest.raises(ModelError, match=message):
        Assessor.from_pretrained(folder)


def test_what_cannot_be_exported_says_why(whisper: Pair, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exported already"):
        export(ExportConfig(str(whisper.exported), str(tmp_path / "out")))
    with pytest.raises(EncoderError, match="states 0 to 2"):
        export(ExportConfig(str(whisper.checkpoint), str(tmp_path / "out"), states=[3]))
    with pytest.raises(ModelError, match=r"no readable lineage\.json"):
        export(ExportConfig(str(tmp_path), str(tmp_path / "out")))
    dithered = tmp_path / "dithered"
    shutil.copytree(whisper.checkpoint, dithered)
    settings = json.loads((dithered / "config.json").read_text())
    settings["feature_extractor"]["dither"] = 0.1
    (dithered / "config.json").write_text(json.dumps(settings))
    with pytest.raises(EncoderError, match="settings that an exported model does not follow"):
        export(ExportConfig(str(dithered), str(tmp_path / "other")))


def test_a_gpu_that_the_runtime_lacks_is_refused(whisper: Pair) -> None:
    with pytest.raises(ModelError, match="Give device=cpu"):
        OnnxPhoneModel(whisper.exported, "rocket")


def test_a_model_on_the_hub_is_downloaded_whole(whisper: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache as the Hub's library leaves it stands for the download."""
    from huggingface_hub import constants

    repository = tmp_path / "models--school--voice"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("c0ffee")
    shutil.copytree(whisper.exported, repository / "snapshots/c0ffee")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert isinstance(Assessor.from_pretrained("school/voice").model, OnnxPhoneModel)
    with pytest.raises(ModelError, match="or a Hub name"):
        Assessor.from_pretrained("school/other")


def test_a_withdrawal_reaches_what_was_exported(tmp_path: Path) -> None:
    rows = [row for n in range(2) for row in tone_rows(10 * n, 2, f"spk_{n}")]
    release = write_release(tmp_path / "release", {Split.TRAIN: rows})
    source = checkpoint(
        tmp_path / "runs" / "first", "wav2vec2 group", manifest.file_sha256(release.path / manifest.NAME)
    )
    exported = export(ExportConfig(str(source), str(tmp_path / "runs" / "exported")))
    assert lineage.read(exported) == lineage.read(source)
    withdrawn.write(release.path, withdrawn.marked(None, frozenset({"spk_1"}), date(2026, 3, 1)))
    found = lineage.lineage(LineageConfig([str(tmp_path / "runs")], str(release.path), mark=True))
    assert [(one.folder, changed) for one, changed in found] == [(exported, True), (source, True)]
    with pytest.warns(lineage.WithdrawnWarning, match=r"exported learned from 1 speaker\(s\) who have withdrawn since"):
        Assessor.from_pretrained(exported)
    for out in (exported, tmp_path / "again"):
        with pytest.raises(ModelError, match="it is not exported"):
            export(ExportConfig(str(source), str(out)))
    assert not (tmp_path / "again").exists()


def test_an_interrupted_export_is_found_by_a_withdrawal(
    whisper: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.exporting import graphs

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(graphs, "difference", killed)
    with pytest.raises(KeyboardInterrupt):
        export(ExportConfig(str(whisper.checkpoint), str(tmp_path / "out")))
    assert (tmp_path / "out/recogniser.onnx").exists()
    assert [one.folder for one in lineage.descendants([tmp_path], speaker="spk_0")] == [tmp_path / "out"]


def test_a_graph_that_differs_is_not_exported(whisper: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.exporting import graphs

    monkeypatch.setattr(graphs, "TOLERANCE", 0.0)
    with pytest.raises(ModelError, match="nothing was exported"):
        export(ExportConfig(str(whisper.checkpoint), str(tmp_path / "out")))
    assert is_exported(tmp_path / "out") is False


@pytest.mark.shared
def test_int8_of_a_real_encoder_keeps_real_speech(shared: Path, tmp_path: Path) -> None:
    """Of whisper-base three matrices stay exact; with them rounded the states would be twice as far off."""
    from collection import audio
    from collection.importers import speechocean762

    layers = [4, 6]
    encoder = shared / "models/whisper-base-encoder"
    torch.manual_seed(0)
    model = build_model(ModelConfig(name=str(encoder), layers=layers), ARPABET.symbols, "en-US").eval()
    model.save_pretrained(tmp_path / "model")
    lineage.write(tmp_path / "model", Lineage("whisper", "0", ()))
    out = export(ExportConfig(str(tmp_path / "model"), str(tmp_path / "out"), int8=True, states=layers))
    written = manifest.read(out)
    assert written is not None
    kept = [name for name in written["graphs"]["recogniser"]["kept_in_float32"] if name.startswith("/encoder")]
    assert kept == [f"/encoder/layers.{layer}/fc2/MatMul" for layer in (3, 4, 5)]
    small = OnnxPhoneModel(out)
    for recording in speechocean762.read(shared / "corpora/speechocean762").recordings[:3]:
        sound = audio.decode(recording.path, audio.AudioLimits()).samples
        states = torch.stack(small.hear([sound], layers)[0].states, 1)
        with torch.inference_mode():
            exact = model.states(*model.frontend([sound]))[0].reshape(len(states), 2, -1)
        # Each dimension by its own spread, as a head reads it: 0.12 to 0.17, and 0.22 to 0.34 with nothing kept.
        error = ((states - exact) / exact.std(0))[:, 1].square().mean().sqrt()
        assert error < 0.2


def test_a_scorer_goes_with_the_export(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "scored", "wav2vec2 layer")
    model = PhoneModel.from_pretrained(folder)
    symbols = len(ARPABET.symbols) + 1
    shape = ScorerShape(symbols, width(symbols), (0, 2), model.encoder.width, members=2, size=16, layers=1, heads=2)
    torch.manual_seed(0)
    model.scorer, model.config.scorer = Scorer(shape), shape.to_dict()
    model.save_pretrained(folder)
    exported = export(ExportConfig(str(folder), str(tmp_path / "onnx")))
    exact, found = (Assessor.from_pretrained(each, "cpu").assess(SOUNDS[0], "the cat") for each in (folder, exported))
    assert found.scores is not None
    assert exact.scores is not None
    assert found.scores.total == pytest.approx(exact.scores.total, abs=1e-3)
    assert [phone.accuracy for phone in found.phones] == pytest.approx([p.accuracy for p in exact.phones], abs=1e-3)
    assert [phone.flagged for phone in found.phones] == [phone.flagged for phone in exact.phones]
    with pytest.raises(ModelError, match=r"gives states \[0, 2\], not \[1\]"):
        OnnxPhoneModel(exported).hear(SOUNDS[:1], [1])
    (exported / "scorer.safetensors").write_bytes(b"half")
    with pytest.raises(ModelError, match="cannot be read"):
        OnnxPhoneModel(exported)
