"""Scores leave out who has withdrawn, and a model's marker makes it no other model."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from collection.release import read_release
from collection.schema import Split
from collection.withdrawal import withdrawn
from eval.predict import _windows, select
from eval.score import ScoreConfig, fingerprint
from tests.releases import TONES, tone_rows, write_release

DAY = date(2026, 3, 1)


def test_withdrawn_speakers_are_counted_and_never_read(tmp_path: Path) -> None:
    rows = [*tone_rows(0, 3, "spk_0"), *tone_rows(10, 2, "spk_1")]
    whole = write_release(tmp_path / "release", {Split.TEST: rows})
    assert select(whole, "test", DAY, TONES).left_out == {}
    withdrawn.write(whole.path, withdrawn.marked(None, frozenset({"spk_1"}), DAY))
    found = select(read_release(whole.path), "test", DAY, TONES)
    assert found.left_out == {"withdrawn": 2}
    assert found.speakers == {"spk_0"}
    # A selection made before the withdrawal does not bring anybody's sound back either.
    before = select(whole, "test", DAY, TONES)
    heard = [row["speaker_id"] for rows in _windows(read_release(whole.path), before, 2) for row in rows]
    assert heard == ["spk_0"] * 3


def test_a_marker_beside_the_weights_leaves_finished_scores_to_their_model(tmp_path: Path) -> None:
    release = write_release(tmp_path / "release", {Split.TEST: tone_rows(0, 1, "spk_0")})
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    config = ScoreConfig(str(model), str(release.path), str(tmp_path / "scores"))
    before = fingerprint(config, model, release)
    withdrawn.write(model, withdrawn.marked(None, frozenset({"spk_0"}), DAY))
    assert fingerprint(config, model, release) == before
