"""The verb: attackers and cost on a small release, consent first, nothing of a voice written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from collection import manifest
from collection.documents import privacy_figures
from collection.errors import ConfigError
from collection.release import Release, read_release
from collection.schema import ConsentGrant, Split
from collection.voice import VoiceConfig
from eval.bootstrap import BootstrapConfig
from eval.errors import ScoreError
from eval.privacy import PrivacyConfig, privacy, remarks
from eval.voices import attack
from eval.voices.speakers import choose
from tests.releases import utterance, write_release
from tests.training.models import phone_model
from training import lineage
from training.lineage import Lineage

PHONES = ("AA", "S", "IY", "M")
ON = date(2029, 12, 31)
SPEAKERS = {Split.TRAIN: 10, Split.VALIDATION: 3, Split.TEST: 6}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Five utterances a speaker; in test five adults and a child, one of whose utterances may not be evaluated."""
    rows = {}
    for place, (split, speakers) in enumerate(SPEAKERS.items()):
        rows[split] = [
            utterance(
                100 * place + number,
                f"spk_{split}_{number % speakers}",
                PHONES[: 2 + number % 3],
                accuracies=[2.0, 0.5, 1.0, 0.0][: 2 + number % 3],
                age_band="9-11" if split is Split.TEST and number % speakers == 0 else "18+",
            )
            for number in range(5 * speakers)
        ]
    refused = ConsentGrant("rec_9", ("training",), "2099-01-01")
    rows[Split.TEST][0] = replace(rows[Split.TEST][0], consent=refused)
    return write_release(tmp_path_factory.mktemp("release"), rows)


@pytest.fixture(scope="module")
def model(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that is said to have learned from train and from one speaker of validation."""
    folder = tmp_path_factory.mktemp("run") / "model"
    phone_model().save_pretrained(folder)
    heard = frozenset(row["speaker_id"] for row in release.rows("train", ["speaker_id"])) | {"spk_validation_0"}
    lineage.write(folder, Lineage("random", "0.0.0", (lineage.ancestor(release, ("train",), heard),)))
    return folder


def config(release: Release, out: Path, **changes: object) -> PrivacyConfig:
    base = PrivacyConfig(
        str(release.path),
        "mcadams",
        str(out),
        utterances=4,
        device="cpu",
        on="2029-12-31",
        bootstrap=BootstrapConfig(resamples=50),
    )
    return replace(base, **changes)


@pytest.fixture(scope="module")
def measured(release: Release, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("privacy")
    privacy(config(release, out, model=str(model)))
    return out


def found(out: Path) -> dict[str, dict[str, dict]]:
    result = json.loads((out / privacy_figures.FILE).read_text("utf-8"))
    return {
        kind: {(row["group"], row[name]): row for row in result[kind]}
        for kind, name in (("figures", "attacker"), ("costs", "figure"))
    }


def test_every_attacker_meets_every_trial(measured: Path) -> None:
    figures = found(measured)["figures"]
    assert set(figures) == {(group, attacker) for group in attack.GROUPS for attacker in privacy_figures.ATTACKERS}
    # Nine speakers, of four utterances two are tested, against nine enrolled.
    for attacker in privacy_figures.ATTACKERS:
        row = figures["all", attacker]
        assert (row["speakers"], row["targets"], row["nontargets"]) == (9, 18, 18 * 8)
        assert 0 <= row["low"] <= row["high"] <= 1
        assert row["reason"] is None
        adults = figures["adults", attacker]
        assert (adults["speakers"], adults["targets"], adults["nontargets"]) == (8, 16, 16 * 7)
        assert figures["children", attacker]["eer"] is None
        assert figures["children", attacker]["reason"] == "fewer than 5 speakers"


def test_the_cost_is_asked_for_speakers_new_to_the_model(measured: Path) -> None:
    costs = found(measured)["costs"]
    assert (costs["all", "per"]["speakers"], costs["all", "per"]["utterances"]) == (8, 16)
    assert costs["adults", "pcc"]["speakers"] == 7
    result = json.loads((measured / privacy_figures.FILE).read_text("utf-8"))
    assert result["model"]["attacked_speakers_it_learned_from"] == 1
    assert any("known to the model" in line for line in remarks(result))


def test_what_was_left_out_is_counted(measured: Path) -> None:
    result = json.loads((measured / privacy_figures.FILE).read_text("utf-8"))
    # Nine speakers of five utterances, one of them refused; four each are used.
    assert result["measured_on"]["left_out"] == {"beyond_utterances": 8, "no_consent_for_evaluation": 1}
    assert (result["measured_on"]["speakers"], result["measured_on"]["utterances"]) == (9, 36)
    assert result["measured_on"]["development_speakers"] == 10


def test_nothing_of_a_voice_is_written(measured: Path) -> None:
    assert {path.name for path in measured.iterdir()} == {privacy_figures.FILE, manifest.NAME}
    text = (measured / privacy_figures.FILE).read_text("utf-8")
    assert "spk_" not in text
    assert "utt_" not in text
    assert len(text) < 30_000


def test_the_same_run_again_does_nothing_and_elsewhere_gives_the_same_bytes(
    measured: Path, release: Release, model: Path, tmp_path: Path
) -> None:
    file = measured / privacy_figures.FILE
    before, when = file.read_bytes(), file.stat().st_mtime_ns
    privacy(config(release, measured, model=str(model)))
    assert file.stat().st_mtime_ns == when
    privacy(config(release, tmp_path / "again", model=str(model)))
    assert (tmp_path / "again" / privacy_figures.FILE).read_bytes() == before
    with pytest.raises(ScoreError, match="another release, model or setting"):
        privacy(config(release, measured, model=str(model), seed=1))


def test_without_a_model_only_attackers_are_measured(release: Release, tmp_path: Path) -> None:
    result = privacy(config(release, tmp_path, transform="world", utterances=2, splits=["test"]))
    assert result["costs"] == []
    assert result["model"] is None
    assert result["voice"]["transform"] == "world"
    assert len(result["figures"]) == 15


def test_too_few_development_speakers_teach_nothing(release: Release, tmp_path: Path) -> None:
    result = privacy(config(release, tmp_path, utterances=2, splits=["test"], development="validation"))
    rows = {row["attacker"]: row for row in result["figures"] if row["group"] == "all"}
    assert rows["retrained"]["reason"] == "only 3 development speaker(s), scoring needs 10"
    assert rows["informed"]["eer"] is not None
    assert any("only 3 development speaker(s)" in line for line in remarks(result))


def test_development_speakers_who_never_vary_teach_nothing() -> None:
    people = np.random.default_rng(3).standard_normal((10, 4))
    names = [f"spk_{number}" for number in range(10)] * 2
    back_end, reason = attack.learn(np.concatenate([people, people]), names)
    assert back_end is None
    assert "too much alike" in str(reason)
    varied = np.concatenate([people, people + 0.1 * np.random.default_rng(4).standard_normal((10, 4))])
    assert attack.learn(varied, names)[1] is None


def test_consent_that_ended_leaves_nobody_to_attack(release: Release, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"Nobody to tell apart: 0 speaker\(s\).*no_consent_for_evaluation"):
        privacy(config(release, tmp_path / "out", on="2099-06-01"))
    assert not (tmp_path / "out").exists()


def test_a_release_that_is_disguised_already_is_refused(release: Release, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    copy.mkdir()
    (copy / "data").symlink_to(release.path / "data")
    manifest.write(copy, {**release.manifest, "tier": "T2"})
    with pytest.raises(ScoreError, match=r"disguised already: measure on one built with voice\.transform=none"):
        privacy(config(read_release(copy), tmp_path / "out"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"transform": "none"}, "mcadams, world"),
        ({"transform": "robot"}, "none, mcadams, world"),
        ({"utterances": 3}, "even number"),
        ({"gop": "best"}, "gop_sf"),
        ({"splits": ["dev"]}, "train, validation, test"),
        ({"splits": []}, "train, validation, test"),
        ({"splits": ["train", "test"]}, "would know the answer"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    release: Release, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises((ScoreError, ConfigError), match=said):
        privacy(config(release, tmp_path, **changes))


def test_release_and_attacker_draw_on_their_own(release: Release) -> None:
    rows = next(choose(release, ["test"], ON, 4, None).by_speaker(release))
    hearing = attack.Hearing(VoiceConfig("mcadams"), 1, "gop_sf")
    sound = 0.1 * np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    release_made = [hearing.disguised(row, sound, attack.Sound.RELEASE) for row in rows[:2]]
    attacker_made = [hearing.disguised(row, sound, attack.Sound.ATTACKER) for row in rows[:2]]
    np.testing.assert_array_equal(*release_made)
    assert len({made.tobytes() for made in (*release_made, *attacker_made)}) == 3


def test_rows_come_speaker_by_speaker_sorted(release: Release) -> None:
    chosen = choose(release, ["test", "validation"], ON, 4, None)
    heard = [[row["utterance_id"] for row in rows] for rows in chosen.by_speaker(release)]
    assert sorted(map(tuple, heard)) == sorted(chosen.of_speaker.values())
    assert all(rows == sorted(rows) for rows in heard)


def test_phones_the_model_does_not_know_are_left_out(release: Release) -> None:
    chosen = choose(release, ["test"], ON, 4, frozenset({"AA", "S", "IY"}))
    assert chosen.left_out["phone_outside_the_models_inventory"] == 10
