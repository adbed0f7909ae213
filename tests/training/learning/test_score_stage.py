"""The scorer's stage on tones: folds that never hear their own speakers, runs that end the same after a cut."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from collection import manifest
from collection.audio import decode_flac
from collection.release import Release
from collection.schema import Scores, Split, Utterance
from tests.releases import utterance, write_release
from tests.training.models import extractor, tiny_wave
from training import lineage
from training.advice.assessment import Verdict
from training.assess import Assessor
from training.config import ModelConfig, OptimConfig, ScoreConfig, Stage, TrainConfig
from training.errors import ModelError, TrainingDataError
from training.learning import folds
from training.network.model import PhoneModel
from training.train import train

READINGS = [
    (("AA", "S", "IY"), (None, None, None), (2.0, 2.0, 2.0)),
    (("M", "S", "AA"), ("M", "IY", "AA"), (2.0, 0.0, 2.0)),
    (("IY", "M", "S"), (None, None, None), (2.0, 2.0, None)),
    (("S", "AA", "M"), ("S", "", "M"), (2.0, 0.2, 1.8)),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    def rows(first: int, speaker: str, band: str) -> list[Utterance]:
        return [
            utterance(first + number, speaker, phones, realised, accuracies, age_band=band)
            for number, (phones, realised, accuracies) in enumerate(READINGS)
        ]

    learned = [row for n in range(4) for row in rows(10 * n, f"spk_{n}", "18+" if n % 2 else "6-8")]
    splits = {Split.TRAIN: learned, Split.VALIDATION: rows(90, "spk_9", "18+")}
    return write_release(tmp_path_factory.mktemp("release"), splits)


def configured(release: Release, out: Path, **changes: Any) -> TrainConfig:
    encoder = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True)
    config = TrainConfig(
        data=str(release.path),
        out=str(out),
        stage=Stage.score,
        model=ModelConfig(name="tiny", encoder=encoder, extractor=extractor(encoder)),
        optim=OptimConfig(max_steps=4, batch_size=4),
        score=ScoreConfig(folds=2, epochs=2, size=16, heads=2, projection=8),
        report_to=[],
    )
    return replace(config, **changes)


@pytest.fixture(scope="module")
def finished(release: Release, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished run and the cache it shared."""
    folder = tmp_path_factory.mktemp("score")
    train(configured(release, folder / "run", cache=str(folder / "cache")))
    return folder / "run", folder / "cache"


def test_the_model_scores_readings_and_knows_its_origin(finished: tuple[Path, Path], release: Release) -> None:
    run, _ = finished
    assert sorted(path.name for path in run.iterdir()) == ["manifest.json", "model", "run.json"]
    facts = manifest.read(run)
    assert facts is not None
    assert facts["validation"].keys() == {"phone_pcc", "phone_mse", "mean_mse"}
    assert lineage.read(run / "model").releases[0].speakers == ("spk_0", "spk_1", "spk_2", "spk_3", "spk_9")
    row = next(iter(release.rows(Split.VALIDATION, ["audio", "phones"])))
    assessor = Assessor.from_pretrained(run / "model", device="cpu")
    canonical = [(phone["canonical"], phone["word_index"]) for phone in row["phones"]]
    found = assessor.assess_batch([decode_flac(row["audio"]["bytes"])], canonicals=[canonical])[0]
    assert found.verdict in {Verdict.OK, Verdict.NOTHING_HEARD, Verdict.UNRELATED}
    assert all(phone.accuracy is not None and 0 <= phone.accuracy <= 2 for phone in found.phones)
    assert all((phone.diagnosis is not None) == phone.flagged for phone in found.phones)
    # Nobody scored words or readings of this release, so nothing was learned of them and nothing is told.
    assert (found.words[0].total, found.scores) == (None, Scores())
    assert json.loads(found.to_json())["phones"][0]["alternatives"][0].keys() == {"symbol", "confidence"}


def test_each_fold_is_heard_by_a_recogniser_new_to_it(finished: tuple[Path, Path]) -> None:
    _, cache = finished
    speakers = ["spk_0", "spk_1", "spk_2", "spk_3"]
    parts = folds.assign(speakers, ["6-8", "18+", "6-8", "18+"], 2)
    assert [parts.count(0), parts.count(1)] == [2, 2]
    for fold in (0, 1):
        learned = set(lineage.read(cache / "folds" / str(fold) / "model").releases[0].speakers)
        assert learned - {"spk_9"} == {speaker for speaker, part in zip(speakers, parts, strict=True) if part != fold}


def test_speakers_of_an_age_are_dealt_out_whole() -> None:
    voices = [f"spk_{number}" for number in (0, 0, 1, 2, 3, 4, 5)]
    bands = ["6-8", "6-8", "18+", "6-8", "18+", "6-8", "18+"]
    parts = folds.assign(voices, bands, 3)
    assert parts[0] == parts[1]
    for band in ("6-8", "18+"):
        each = {voice: part for voice, part, of in zip(voices, parts, bands, strict=True) if of == band}
        assert sorted(each.values()) == [0, 1, 2]
    with pytest.raises(TrainingDataError, match="6 training speakers cannot be cut into 7"):
        folds.assign(voices, bands, 7)


def test_a_second_run_does_nothing_and_a_run_cut_after_its_features_ends_the_same(
    finished: tuple[Path, Path], release: Release, tmp_path: Path
) -> None:
    run, cache = finished
    before = (run / "manifest.json").stat().st_mtime_ns
    train(configured(release, run, cache=str(cache)))
    assert (run / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(ModelError, match="another configuration"):
        train(configured(release, run, cache=str(cache), seed=1))
    shutil.copytree(cache, tmp_path / "run" / ".cache")
    train(configured(release, tmp_path / "run"))
    first, again = (load_file(each / "model" / "model.safetensors") for each in (run, tmp_path / "run"))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not (tmp_path / "run" / ".cache").exists()


def test_a_scorer_without_states_or_folds_on_a_recogniser_that_is_given(
    finished: tuple[Path, Path], release: Release, tmp_path: Path
) -> None:
    _, cache = finished
    score = ScoreConfig(folds=0, state_layers=[], epochs=1, size=16, heads=2, members=2)
    start = str(cache / "recogniser" / "model")
    model = PhoneModel.from_pretrained(train(configured(release, tmp_path / "run", start=start, score=score)))
    assert len(model.scorer.members) == 2
    facts = manifest.read(tmp_path / "run")
    assert facts is not None
    assert len({figures["phone_mse"] for figures in facts["validation_by_seed"]}) == 2
    assert model.config.scorer["state_layers"] == []
    other = configured(release, tmp_path / "other", start=start, optim=OptimConfig(max_steps=5, batch_size=4))
    with pytest.raises(ModelError, match=r"optim\.max_steps=4, this run says 5"):
        train(other)
