"""Several models behind one assessor: means by hand, models that do not go together, and where they come from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from collection.audio import decode_flac
from collection.release import Release
from collection.schema import Split
from collection.withdrawal import withdrawn
from tests.training.learning.test_score_stage import configured, finished, release
from training import lineage
from training.advice.assessment import Assessment
from training.assess import Assessor
from training.ensemble import EnsembleConfig, ensemble
from training.errors import ModelError
from training.network.ensembles import Ensemble
from training.network.posteriors import Heard
from training.train import train

__all__ = ["finished", "release"]


@dataclass
class Says:
    """A model without a scorer that hears the same in everything."""

    table: torch.Tensor
    language: str = "en-US"
    frame_seconds: float = 0.02
    threshold: None = None
    scorer: None = None

    @property
    def config(self) -> SimpleNamespace:
        return SimpleNamespace(inventory=["AA", "S"], language=self.language, scorer=self.scorer)

    def hear(self, waveforms: list[np.ndarray], layers: tuple[int, ...] = ()) -> list[Heard]:
        return [Heard(self.table.log()) for _ in waveforms]


def test_posteriors_are_averaged_as_logarithms_over_the_frames_that_all_have() -> None:
    one = Says(torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.4, 0.4], [0.5, 0.25, 0.25]]))
    other = Says(torch.tensor([[0.4, 0.1, 0.5], [0.8, 0.1, 0.1]]))
    both = Ensemble([one, other])  # type: ignore[list-item]
    (found,) = both.hear([np.zeros(960, np.float32)])
    means = np.array([[0.6, 0.1, 0.0], [0.4, 0.2, 0.2]])
    expected = means / means.sum(1, keepdims=True)
    np.testing.assert_allclose(found.log_probs.exp().numpy(), expected, atol=1e-6)
    assert (both.threshold, both.config.scorer, len(found.parts)) == (None, None, 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"language": "fr-FR"}, "other phones"), ({"frame_seconds": 0.04}, "frames"), ({"scorer": {}}, "some have none")],
)
def test_models_that_do_not_go_together_are_refused(change: dict[str, object], reason: str) -> None:
    one = Says(torch.ones(2, 3) / 3)
    with pytest.raises(ModelError, match=reason):
        Ensemble([one, replace(one, **change)])  # type: ignore[list-item]


@pytest.fixture(scope="module")
def second(finished: tuple[Path, Path], release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with another recogniser and another scorer."""
    return train(configured(release, tmp_path_factory.mktemp("second") / "run", seed=5)).resolve()


def assessed(folder: Path, release: Release) -> Assessment:
    row = next(iter(release.rows(Split.VALIDATION, ["audio", "phones"])))
    canonical = [(phone["canonical"], phone["word_index"]) for phone in row["phones"]]
    sound = decode_flac(row["audio"]["bytes"])
    return Assessor.from_pretrained(folder, device="cpu").assess_batch([sound], canonicals=[canonical])[0]


def test_scores_are_the_means_of_what_each_member_says_of_what_it_hears(
    finished: tuple[Path, Path], second: Path, release: Release, tmp_path: Path
) -> None:
    first = finished[0] / "model"
    both = ensemble(EnsembleConfig([str(first), str(second)], str(tmp_path / "both")))
    alone = [assessed(folder, release) for folder in (first, second)]
    found = assessed(both, release)
    for phone, one, other in zip(found.phones, alone[0].phones, alone[1].phones, strict=True):
        assert one.accuracy is not None and other.accuracy is not None
        assert one.accuracy != other.accuracy
        assert phone.accuracy == pytest.approx((one.accuracy + other.accuracy) / 2, abs=1e-5)
    same = assessed(ensemble(EnsembleConfig([str(first)] * 2, str(tmp_path / "same"))), release)
    for twice, one in zip(same.phones, alone[0].phones, strict=True):
        assert (twice.accuracy, twice.mispronounced, twice.gop_sf) == pytest.approx(
            (one.accuracy, one.mispronounced, one.gop_sf), abs=1e-5
        )
        assert twice.flagged == one.flagged


def test_an_ensemble_knows_its_origin_and_refuses_withdrawn_members(
    finished: tuple[Path, Path], second: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    shutil.copytree(finished[0] / "model", first)
    config = EnsembleConfig([str(first), str(second)], str(tmp_path / "both"))
    both = ensemble(config)
    assert {one.speakers for one in lineage.read(both).releases} == {
        one.speakers for one in lineage.read(first).releases
    }
    found = {one.folder for one in lineage.descendants([both], speaker="spk_1")}
    assert found == {both, both / "0", both / "1"}
    assert ensemble(config) == both
    with pytest.raises(ModelError, match="something else"):
        ensemble(replace(config, models=[str(second), str(first)]))
    with pytest.raises(ModelError, match="not of ensembles"):
        ensemble(EnsembleConfig([str(both), str(first)], str(tmp_path / "more")))
    with pytest.raises(ModelError, match="two models or more"):
        ensemble(EnsembleConfig([str(first)], str(tmp_path / "more")))
    gone = frozenset({"spk_1"})
    withdrawn.write(first, withdrawn.marked(None, gone, date(2026, 11, 22), duty=lineage.DUTY))
    with pytest.raises(ModelError, match="withdrawn"):
        ensemble(replace(config, out=str(tmp_path / "late")))
    with pytest.raises(ModelError, match="no finished ensemble"):
        (both / "manifest.json").unlink()
        Assessor.from_pretrained(both)
