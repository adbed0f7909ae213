"""A build knows its listeners' checkpoints by what they hold, not by where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection.build import build
from collection.building.checkpoints import by_content, contents
from collection.classes.class_recording import ClassConfig
from collection.errors import ReleaseError
from collection.release import read_release
from collection.withdrawal import withdrawn
from tests.collection.test_build import config
from tests.intakes import make_class


def checkpoint(folder: Path, weights: bytes = b"weights") -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "model.safetensors").write_bytes(weights)
    return folder


def test_names_and_contents_of_all_files_count_and_the_path_does_not(tmp_path: Path) -> None:
    first, second = checkpoint(tmp_path / "first"), checkpoint(tmp_path / "second")
    held = contents((str(first), str(second), None, "facebook/wav2vec2-base"))
    assert held.keys() == {str(first), str(second)}
    assert held[str(first)] == held[str(second)]
    (second / "deep" / "model.safetensors").write_bytes(b"weightz")
    assert contents((str(second),)) != {str(second): held[str(second)]}
    (first / "config.json").rename(first / "settings.json")
    renamed = contents((str(first),))[str(first)]
    assert renamed != held[str(first)]
    (first / withdrawn.NAME).write_text("{}")  # it hears what it heard
    assert contents((str(first),))[str(first)] == renamed


def test_settings_name_a_checkpoint_by_its_content() -> None:
    settings = {"listener": "a:b", "model": "here"}
    assert by_content(settings, {"here": "ab12"}) == {"listener": "a:b", "model": "sha256:ab12"}
    assert by_content(settings, {"there": "ab12"}) == settings
    assert by_content({"model": None}, {"here": "ab12"}) == {"model": None}


def test_another_checkpoint_at_the_same_path_makes_another_release(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    folder, out = checkpoint(tmp_path / "model"), tmp_path / "out"
    asked = config(made, out, classes=ClassConfig(model=str(folder)))
    before = read_release(out) if build(asked).made else None
    assert before is not None
    assert str(folder) not in (out / "manifest.json").read_text()
    assert not build(asked).made
    moved = folder.rename(tmp_path / "elsewhere")
    assert not build(config(made, out, classes=ClassConfig(model=str(moved)))).made
    (moved / "deep" / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(ReleaseError, match="built with other config, inputs"):
        build(config(made, out, classes=ClassConfig(model=str(moved))))


def test_work_done_with_another_checkpoint_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    folder, out = checkpoint(tmp_path / "model"), tmp_path / "out"
    asked = config(made, out, classes=ClassConfig(model=str(folder)))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def work() -> set[str]:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("collection.build.assemble", stop)
            build(asked)
        return {path.name for path in (tmp_path / "out.work" / "recordings").glob("*.arrow")}

    first = work()
    assert work() == first
    (folder / "deep" / "model.safetensors").write_bytes(b"weightz")
    assert len(first) == 2
    assert work().isdisjoint(first)
