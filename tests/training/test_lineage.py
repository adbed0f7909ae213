"""From a withdrawal to the models: what learned from whom is found, marked, warned of and not repeated."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from collection import manifest
from collection.errors import ReleaseError
from collection.release import Release, read_release
from collection.schema import Split
from collection.withdrawal import withdrawn
from tests.releases import tone_rows, write_release
from tests.training.models import extractor, phone_model, tiny_wave
from training import lineage
from training.assess import Assessor
from training.config import ModelConfig, OptimConfig, SelectConfig, TrainConfig
from training.errors import ModelError
from training.learning.dataset import read_split
from training.lineage import Lineage, LineageConfig
from training.train import train

DAY = date(2026, 3, 1)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    rows = [row for n in range(3) for row in tone_rows(10 * n, 2, f"spk_{n}")]
    return write_release(tmp_path / "release", {Split.TRAIN: rows})


def withdraw_from(release: Release, *speakers: str) -> Release:
    withdrawn.write(release.path, withdrawn.marked(withdrawn.read(release.path), frozenset(speakers), DAY))
    return read_release(release.path)


def checkpoint(folder: Path, release: Release, *speakers: str) -> Path:
    folder.mkdir(parents=True)
    lineage.write(folder, Lineage("tiny", "0", (lineage.ancestor(release, ("train",), frozenset(speakers)),)))
    return folder


def asked(release: Release, runs: Path, **changes: object) -> LineageConfig:
    return LineageConfig(**{"runs": [str(runs)], "release": str(release.path), **changes})


def learning(release: Release, out: Path, **changes: object) -> TrainConfig:
    encoder = tiny_wave("wav2vec2", feat_extract_norm="layer", do_stable_layer_norm=True)
    return TrainConfig(
        out=str(out),
        data=str(release.path),
        select=SelectConfig(validation_split="", **changes),
        model=ModelConfig(name="tiny", encoder=encoder, extractor=extractor(encoder)),
        optim=OptimConfig(max_steps=2, batch_size=2),
        report_to=[],
    )


def test_descendants_are_found_by_release_and_by_speaker(release: Release, tmp_path: Path) -> None:
    other = write_release(tmp_path / "other", {Split.TRAIN: tone_rows(50, 2, "spk_7")}, name="other")
    runs = tmp_path / "runs"
    first = checkpoint(runs / "a" / "model", release, "spk_0", "spk_1")
    second = checkpoint(runs / "b" / "model", release, "spk_2")
    third = checkpoint(runs / "c" / "model", other, "spk_7")
    assert [one.folder for one, _ in lineage.lineage(asked(release, runs))] == [first, second]
    by_speaker = lineage.lineage(LineageConfig(runs=[str(runs)], speaker="spk_1"))
    assert [(one.folder, one.speakers) for one, _ in by_speaker] == [(first, {"spk_1"})]
    sha = manifest.file_sha256(other.path / manifest.NAME)
    assert list(lineage.learned_from(runs, sha)) == [third]
    (second / "lineage.json").write_text("{}")
    with pytest.raises(ModelError, match="no readable"):
        lineage.lineage(asked(release, runs))


def test_only_what_learned_from_someone_who_withdrew_is_marked_and_once(release: Release, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    touched = checkpoint(runs / "a" / "model", release, "spk_0", "spk_1")
    spared = checkpoint(runs / "b" / "model", release, "spk_2")
    with pytest.raises(ModelError, match="nobody withdrew from it"):
        lineage.lineage(asked(release, runs, mark=True))
    withdraw_from(release, "spk_1")
    assert [changed for _, changed in lineage.lineage(asked(release, runs))] == [False, False]
    assert withdrawn.read(touched) is None
    assert [changed for _, changed in lineage.lineage(asked(release, runs, mark=True))] == [True, False]
    marker = json.loads((touched / "withdrawn.json").read_text("utf-8"))
    assert (marker["speakers"], marker["date"], marker["count"]) == (["spk_1"], "2026-03-01", 1)
    assert marker["duty"].startswith("This model learned from")
    assert withdrawn.read(spared) is None
    before = (touched / "withdrawn.json").stat().st_mtime_ns
    assert [changed for _, changed in lineage.lineage(asked(release, runs, mark=True))] == [False, False]
    assert (touched / "withdrawn.json").stat().st_mtime_ns == before
    # Another one of the same release follows, this time by pseudonym alone.
    config = LineageConfig(runs=[str(runs)], speaker="spk_0", mark=True)
    assert [changed for _, changed in lineage.lineage(config)] == [True]
    again = withdrawn.read(touched)
    assert again is not None
    assert again.speakers == ("spk_0", "spk_1")


def test_an_unfinished_run_is_listed_and_cleared_of_the_release(release: Release, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "killed"
    model = phone_model(tuple(release.inventory["en-US"]))
    read_split(release, "train", SelectConfig(), model.config.inventory, model.frontend, 1.0, run / ".cache" / "audio")
    (run / "checkpoints" / "x").mkdir(parents=True)
    sha = manifest.file_sha256(release.path / manifest.NAME)
    (run / "run.json").write_text(json.dumps({"identity": "i", "data": [sha]}))
    withdraw_from(release, "spk_1")
    ((found, changed),) = lineage.lineage(asked(release, tmp_path / "runs"))
    assert (found.folder, found.finished, changed) == (run, False, False)
    assert list(run.rglob("*.arrow"))
    assert [changed for _, changed in lineage.lineage(asked(release, tmp_path / "runs", mark=True))] == [True]
    assert [path.name for path in run.iterdir()] == ["run.json"]


def test_give_one_of_release_and_speaker(release: Release, tmp_path: Path) -> None:
    for wrong in (asked(release, tmp_path, speaker="spk_0"), LineageConfig(runs=[str(tmp_path)])):
        with pytest.raises(ModelError, match="either release=FOLDER or speaker=PSEUDONYM"):
            lineage.lineage(wrong)


def test_a_superseded_release_is_refused_and_even_when_allowed_loses_its_withdrawn_rows(
    release: Release, tmp_path: Path
) -> None:
    before = train(learning(release, tmp_path / "before"))
    assert lineage.read(before).releases[0].speakers == ("spk_0", "spk_1", "spk_2")
    assert json.loads((tmp_path / "before" / "run.json").read_text())["data"] == [lineage.checksum(release)]
    withdraw_from(release, "spk_1")
    with pytest.raises(ModelError, match=r"release tones is superseded: 1 speaker.*select.superseded=true"):
        train(learning(release, tmp_path / "after"))
    assert not (tmp_path / "after").exists()
    after = train(learning(release, tmp_path / "after", superseded=True))
    assert lineage.read(after).releases[0].speakers == ("spk_0", "spk_2")
    facts = manifest.read(tmp_path / "after")
    assert facts is not None
    assert facts["left_out"] == {"train": {"withdrawn": 2}}
    # The model finished before must not pass for the one asked for now.
    with pytest.raises(ModelError, match=r"finished before 1 speaker\(s\) withdrew"):
        train(learning(release, tmp_path / "before", superseded=True))
    assert train(learning(release, tmp_path / "after", superseded=True)) == after


def test_the_setting_that_allows_it_is_no_part_of_what_a_run_is(release: Release, tmp_path: Path) -> None:
    train(learning(release, tmp_path / "run"))
    assert train(learning(release, tmp_path / "run", superseded=True)) == tmp_path / "run" / "model"


def test_loading_a_marked_checkpoint_warns(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    folder = tmp_path / "model"
    phone_model().save_pretrained(folder)
    Assessor.from_pretrained(folder, "cpu")
    assert not [one for one in recwarn if one.category is lineage.WithdrawnWarning]
    withdrawn.write(folder, withdrawn.marked(None, frozenset({"spk_1"}), DAY, duty=lineage.DUTY))
    with pytest.warns(lineage.WithdrawnWarning, match=r"learned from 1 speaker\(s\) who have withdrawn since"):
        Assessor.from_pretrained(folder, "cpu")
    (folder / "withdrawn.json").write_text("{}")
    with pytest.raises(ReleaseError, match="is damaged"):
        Assessor.from_pretrained(folder, "cpu")
