from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from collection import manifest
from collection.consent import today
from collection.release import Release, read_release
from collection.schema import ConsentGrant, Rating, Scores, Split, Word, WordScores
from eval import predictions
from eval.errors import ScoreError
from eval.gate import Policy, figure_checks
from eval.headline import remarks, table
from eval.page.protocol import warnings
from eval.predict import batches, judged, predict, select
from eval.run_folder import METRICS_FILE, METRICS_VERSION
from eval.score import PARTS, ScoreConfig, score
from tests.releases import utterance, write_release
from tests.training.models import phone_model
from training import lineage
from training.assess import Assessor
from training.errors import ModelError
from training.lineage import Lineage
from training.network.phone_features import width
from training.network.scorer import Scorer, ScorerShape

PHONES = ("AA", "S", "IY", "M")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Six speakers a split; one utterance of test may not be evaluated, one holds a phone unknown to the model."""
    rows = {}
    for place, split in enumerate(Split):
        rows[split] = [
            utterance(
                100 * place + number,
                f"spk_{split}_{number % 6}",
                PHONES[: 2 + number % 3],
                realised=("", *(None,) * (1 + number % 3)) if number % 4 == 0 else None,
                accuracies=[0.2 if number % 4 == 0 else 2.0, *(1.8,) * (1 + number % 3)],
            )
            for number in range(12)
        ]
    refused = ConsentGrant("rec_9", ("training",), "2099-01-01")
    rows[Split.TEST][3] = dataclasses.replace(rows[Split.TEST][3], consent=refused)
    ending = ConsentGrant("rec_8", ("evaluation",), "2030-01-01")
    rows[Split.TEST][4] = dataclasses.replace(rows[Split.TEST][4], consent=ending)
    strange = tuple(dataclasses.replace(phone, canonical="ZZ") for phone in rows[Split.TEST][5].phones)
    rows[Split.TEST][5] = dataclasses.replace(rows[Split.TEST][5], phones=strange)
    return write_release(tmp_path_factory.mktemp("release"), rows)


@pytest.fixture(scope="module")
def model(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "model"
    phone_model().save_pretrained(folder)
    heard = frozenset(row["speaker_id"] for row in release.rows("train", ["speaker_id"]))
    lineage.write(folder, Lineage("random", "0.0.0", (lineage.ancestor(release, ("train",), heard),)))
    return folder


def config(model: Path, release: Release, out: Path, **changes: object) -> ScoreConfig:
    base = ScoreConfig(str(model), str(release.path), str(out), device="cpu", on="2029-12-31")
    return dataclasses.replace(base, **changes)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def scored(model: Path, release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scores")
    score(config(model, release, out))
    return out


def test_a_run_says_what_it_scored_and_what_it_left_out(scored: Path, model: Path) -> None:
    metrics = json.loads((scored / METRICS_FILE).read_text("utf-8"))
    assert metrics["protocol"]["left_out"] == {
        "validation": {},
        "test": {"no_consent_for_evaluation": 1, "phone_outside_the_models_inventory": 1},
    }
    assert metrics["counts"]["utterances"] == 10
    assert metrics["counts"]["phones_rated"] == metrics["counts"]["phones"]
    assert metrics["protocol"]["speakers"] == {
        "evaluated": 6,
        "learned_from_in_this_release": 6,
        "shared_with_training": 0,
        "shared_with_calibration": 0,
        "other_releases_learned_from": [],
    }
    assert metrics["model"]["name"] == model.parent.name
    assert {figure["name"] for figure in metrics["figures"]} >= {"per", "phone_pcc", "phone_mse", "auc", "detection_f1"}
    computed = [figure for figure in metrics["figures"] if figure["value"] is not None]
    assert table(metrics).row_count == len(computed)
    said = remarks(metrics)
    assert "left out of test: 1 (no consent for evaluation)" in said
    assert len(computed) == len(metrics["figures"]) or any(line.startswith("not computed (") for line in said)
    assert not (scored / PARTS).exists()


def test_the_tables_hold_every_phone_with_its_gop_and_its_truth(scored: Path, release: Release) -> None:
    found = predictions.read(scored)
    assert found.gop_kind == "gop_sf"
    rows = found.only("test").phones.to_pylist()
    truth = {row["utterance_id"]: row for row in release.rows("test", ["utterance_id", "speaker_id", "phones"])}
    for row in rows:
        phone = truth[row["utterance_id"]]["phones"][row["slot"]]
        assert row["canonical"] == phone["canonical"]
        assert row["accuracy"] == pytest.approx(phone["accuracy"])
        assert row["speaker_id"] == truth[row["utterance_id"]]["speaker_id"]
        assert row["gop"] <= 0
        assert 0 <= row["start"] < row["end"]
    utterances = {row["utterance_id"]: row for row in found.utterances.to_pylist()}
    assert utterances["utt_0208"]["canonical"] == ["AA", "S", "IY", "M"]
    # The first phone was left out by the speaker.
    assert utterances["utt_0208"]["spoken"] == ["S", "IY", "M"]
    assert utterances["utt_0208"]["age_band"] == "9-11"
    assert "utt_0203" not in utterances


def test_the_gop_is_that_of_the_one_inference_path(scored: Path, release: Release, model: Path) -> None:
    from collection.audio import decode_flac

    row = next(release.rows("test", ["utterance_id", "audio", "phones"]))
    canonical = [(phone["canonical"], phone["word_index"]) for phone in row["phones"]]
    assessor = Assessor.from_pretrained(model, "cpu")
    alone = assessor.assess_batch([decode_flac(row["audio"]["bytes"])], canonicals=[canonical])[0]
    stored = [r for r in predictions.read(scored).phones.to_pylist() if r["utterance_id"] == row["utterance_id"]]
    assert [r["gop"] for r in stored] == pytest.approx([phone.gop_sf for phone in alone.phones], abs=1e-3)


@pytest.fixture(scope="module")
def scored_words(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a model with a random scorer, on the same utterances with human scores of words and of the whole."""
    rows = {
        split: [
            dataclasses.replace(
                utterance(100 * place + number, f"spk_{split}_{number % 6}", PHONES[:3], accuracies=[0.2, 2.0, 1.8]),
                words=(Word("tones", accuracy=float(number % 4), stress=10.0), Word("hm", total=3.0)),
                scores=Scores(accuracy=float(number % 5), completeness=10.0),
                raters=tuple(
                    Rating(
                        name, Scores(accuracy=float((number + shift) % 5)), (WordScores(1.0), WordScores()), (2.0,) * 3
                    )
                    for shift, name in enumerate(("a", "b"))
                ),
            )
            for number in range(8)
        ]
        for place, split in enumerate(Split)
    }
    whole = write_release(tmp_path_factory.mktemp("words"), rows)
    folder = tmp_path_factory.mktemp("scorer") / "model"
    torch.manual_seed(0)
    model = phone_model()
    shape = ScorerShape(5, width(5), (0, 2), 32, size=16, layers=1, heads=2, projection=8)
    model.scorer, model.config.scorer = Scorer(shape).eval(), shape.to_dict()
    model.scorer.threshold.fill_(0.1)
    model.save_pretrained(folder)
    lineage.write(
        folder, Lineage("random", "0.0.0", (lineage.ancestor(whole, ("train",), frozenset({"spk_train_0"})),))
    )
    out = tmp_path_factory.mktemp("scored-words")
    score(config(folder, whole, out))
    return out


def test_a_model_with_a_scorer_is_judged_by_its_accuracy(scored_words: Path) -> None:
    metrics = json.loads((scored_words / METRICS_FILE).read_text("utf-8"))
    assert metrics["protocol"]["gop"] == "accuracy"
    assert metrics["calibration"]["scale"] == "as_predicted"
    assert (metrics["counts"]["words"], metrics["counts"]["words_used"]) == (16, 8)
    found = {figure["name"]: figure for figure in metrics["figures"]}
    for name in ("phone_mse", "flag_recall", "brier", "word_accuracy_mse", "utterance_accuracy_pcc"):
        assert found[name]["value"] is not None, name
    assert found["utterance_completeness_pcc"]["reason"] == "the human scores are all the same"
    assert found["utterance_fluency_pcc"]["reason"] == "no rated utterance"
    assert found["utterance_accuracy_pcc"]["human"]["items"] == 8
    assert [row["group"] for row in metrics["bias"]] == ["all", "children"]
    assert table(metrics).row_count == len([figure for figure in found.values() if figure["value"] is not None])


def test_the_tables_hold_what_the_scorer_and_the_humans_said(scored_words: Path) -> None:
    found = predictions.read(scored_words).only("test")
    for phone in found.phones.to_pylist():
        assert 0 <= phone["gop"] <= 2
        assert phone["flagged"] == (phone["mispronounced"] >= 0.1)
        assert phone["gop_sf"] <= 0 and phone["gop_lp"] <= 0
    words = found.words.to_pylist()
    assert [word["word_index"] for word in words[:4]] == [0, 1, 0, 1]
    assert words[2]["human"] == {"accuracy": 1.0, "stress": 10.0, "total": None}
    assert all(0 <= score <= 10 for score in words[0]["predicted"].values())
    # Nobody scores a word without phones.
    assert words[1]["predicted"] == {"accuracy": None, "stress": None, "total": None}
    first = found.utterances.to_pylist()[1]
    assert (first["human"]["accuracy"], first["human"]["fluency"]) == (1.0, None)
    assert all(0 <= score <= 10 for score in first["predicted"].values())
    raters = found.raters.to_pylist()
    assert [row["rater"] for row in raters[:2]] == ["a", "b"]
    assert raters[1]["scores"]["accuracy"] == 1.0
    assert raters[0]["words"][1] == {"accuracy": None, "stress": None, "total": None}
    assert raters[0]["phones"] == [2.0, 2.0, 2.0]


def test_the_scores_are_those_of_the_one_inference_path(scored_words: Path) -> None:
    from collection.audio import decode_flac

    settings = manifest.read(scored_words)["config"]
    row = next(read_release(settings["data"]).rows("test", ["utterance_id", "audio", "phones"]))
    canonical = [(phone["canonical"], phone["word_index"]) for phone in row["phones"]]
    assessor = Assessor.from_pretrained(settings["model"], "cpu")
    alone = assessor.assess_batch([decode_flac(row["audio"]["bytes"])], canonicals=[canonical])[0]
    found = predictions.read(scored_words)
    phones, words, whole = (
        [one for one in table.to_pylist() if one["utterance_id"] == row["utterance_id"]]
        for table in (found.phones, found.words, found.utterances)
    )
    for stored, told in (("gop", "accuracy"), ("mispronounced", "mispronounced"), ("gop_lp", "gop_lp")):
        expected = [getattr(phone, told) for phone in alone.phones]
        assert [phone[stored] for phone in phones] == pytest.approx(expected, abs=1e-3)
    for name in ("accuracy", "stress", "total"):
        assert words[0]["predicted"][name] == pytest.approx(getattr(alone.words[0], name), abs=1e-3)
    assert whole[0]["predicted"] == pytest.approx(dataclasses.asdict(alone.scores), abs=1e-3)
    assert len({round(score, 2) for score in words[0]["predicted"].values()}) == 3


def test_what_is_judged_follows_the_checkpoint(model: Path) -> None:
    without = Assessor.from_pretrained(model, "cpu")
    assert (judged("auto", without), judged("gop_lp", without)) == ("gop_sf", "gop_lp")
    without.model.config.scorer = {"state_layers": []}
    assert (judged("auto", without), judged("gop_lp", without)) == ("accuracy", "gop_lp")


def test_what_an_older_version_wrote_is_written_again(model: Path, release: Release, tmp_path: Path) -> None:
    score(config(model, release, tmp_path))
    chosen = [select(release, split, date(2029, 12, 31), PHONES).utterances for split in ("validation", "test")]
    assert manifest.read(tmp_path)["used"] == manifest.fingerprint([METRICS_VERSION, chosen])
    manifest.write(tmp_path, {**manifest.read(tmp_path), "used": manifest.fingerprint(["1.0.0", chosen])})
    manifest.atomic_write(tmp_path / METRICS_FILE, json.dumps({"metrics_version": "1.0.0"}))
    (tmp_path / predictions.WORDS_FILE).unlink()
    assert score(config(model, release, tmp_path))["metrics_version"] == METRICS_VERSION
    assert json.loads((tmp_path / METRICS_FILE).read_text("utf-8"))["metrics_version"] == METRICS_VERSION
    assert predictions.read(tmp_path).words.num_rows


def test_a_second_run_does_nothing_and_a_fresh_one_gives_the_same_bytes(
    scored: Path, model: Path, release: Release, tmp_path: Path
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in scored.iterdir()}
    assert score(config(model, release, scored)) == json.loads((scored / METRICS_FILE).read_text("utf-8"))
    assert {path.name: path.stat().st_mtime_ns for path in scored.iterdir()} == before
    score(config(model, release, tmp_path / "again"))
    fresh, first = contents(tmp_path / "again"), contents(scored)
    for name in (*predictions.FILES, METRICS_FILE):
        assert fresh[name] == first[name]


def test_other_figures_of_the_same_run_need_no_second_hearing(model: Path, release: Release, tmp_path: Path) -> None:
    score(config(model, release, tmp_path, groups=["gender"]))
    found = predictions.read(tmp_path)
    marked = pa.array([-123.0, *found.phones["gop"].to_pylist()[1:]])
    place = found.phones.column_names.index("gop")
    predictions.write(tmp_path, dataclasses.replace(found, phones=found.phones.set_column(place, "gop", marked)))
    facts = manifest.read(tmp_path)
    files = {**facts["files"], predictions.PHONES_FILE: manifest.file_sha256(tmp_path / predictions.PHONES_FILE)}
    manifest.write(tmp_path, {**facts, "files": files})
    metrics = score(config(model, release, tmp_path, groups=["level"], name="renamed"))
    assert {row["by"] for row in metrics["groups"]} == {"level"}
    assert metrics["model"]["name"] == "renamed"
    assert json.loads((tmp_path / METRICS_FILE).read_text("utf-8"))["model"]["name"] == "renamed"
    assert predictions.read(tmp_path).phones["gop"][0].as_py() == -123.0
    # Tables that are not what the marker says are not believed: another setting is refused, the same one heard again.
    (tmp_path / predictions.WORDS_FILE).unlink()
    with pytest.raises(ScoreError, match="Choose another out"):
        score(config(model, release, tmp_path, groups=["gender"], name="renamed"))


def test_a_stopped_run_goes_on_and_gives_the_same(model: Path, release: Release, tmp_path: Path) -> None:
    assessor = Assessor.from_pretrained(model, "cpu")
    chosen = [select(release, split, date(2029, 12, 31), PHONES) for split in ("validation", "test")]

    def stop(done: int) -> None:
        if len(list(stopped.iterdir())) == 2:
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    first = predict(assessor, release, chosen, "gop_sf", 60.0, whole, lambda done: None, window=4)
    with pytest.raises(KeyboardInterrupt):
        predict(assessor, release, chosen, "gop_sf", 60.0, stopped, stop, window=4)
    kept = {folder.name: folder.stat().st_mtime_ns for folder in stopped.iterdir()}
    assert sorted(kept) == ["validation-000000", "validation-000001"]
    # A window that was being written when the run was stopped is done again.
    (stopped / ".validation-000002.partial").mkdir()
    again = predict(assessor, release, chosen, "gop_sf", 60.0, stopped, lambda done: None, window=4)
    assert {name: (stopped / name).stat().st_mtime_ns for name in kept} == kept
    assert again.phones.equals(first.phones)
    assert again.utterances.equals(first.utterances)


def test_what_may_no_longer_be_used_leaves_the_finished_run(model: Path, release: Release, tmp_path: Path) -> None:
    score(config(model, release, tmp_path))
    assert "utt_0204" in predictions.read(tmp_path).utterances.column("utterance_id").to_pylist()
    score(config(model, release, tmp_path, on="2030-01-01"))
    for name in ("phones", "utterances"):
        kept = getattr(predictions.read(tmp_path), name).column("utterance_id").to_pylist()
        assert "utt_0204" not in kept
    metrics = json.loads((tmp_path / METRICS_FILE).read_text("utf-8"))
    assert metrics["protocol"]["left_out"]["test"]["no_consent_for_evaluation"] == 2


def test_a_finished_run_is_emptied_when_every_consent_has_ended(model: Path, release: Release, tmp_path: Path) -> None:
    score(config(model, release, tmp_path))
    assert list(tmp_path.glob("*.parquet"))
    with pytest.raises(ScoreError, match="no_consent_for_evaluation"):
        score(config(model, release, tmp_path, on="2099-01-02"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_day_in_the_past_brings_no_consent_back(model: Path, release: Release, tmp_path: Path) -> None:
    metrics = score(config(model, release, tmp_path, on="2000-01-01"))
    assert metrics["protocol"]["consent_asked_on"] == today().isoformat()


def test_other_results_are_never_overwritten(scored: Path, model: Path, release: Release) -> None:
    before = contents(scored)
    with pytest.raises(ScoreError, match="Choose another out"):
        score(config(model, release, scored, gop="gop_lp"))
    assert contents(scored) == before


def test_speakers_the_model_learned_from_are_refused(model: Path, release: Release, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="learned from by this model"):
        score(config(model, release, tmp_path, split="train"))


def test_validation_speakers_may_be_tried_on_and_the_page_says_so(
    model: Path, release: Release, tmp_path: Path
) -> None:
    tuned = tmp_path / "model"
    phone_model().save_pretrained(tuned)
    splits = ("train", "validation")
    heard = frozenset(row["speaker_id"] for split in splits for row in release.rows(split, ["speaker_id"]))
    lineage.write(tuned, Lineage("random", "0.0.0", (lineage.ancestor(release, splits, heard),)))
    metrics = score(config(tuned, release, tmp_path / "out", split="validation", calibration="train"))
    assert metrics["protocol"]["speakers"]["shared_with_training"] == 6
    assert "no figure to show" in warnings([metrics], ["tuned"])[0]
    (check,) = figure_checks(Policy("p"), metrics)
    assert (check.passed, check.why) == (False, "its epoch and thresholds were chosen on them")
    with pytest.raises(ScoreError, match="learned from by this model"):
        score(config(tuned, release, tmp_path / "other", split="train"))


def test_a_model_of_a_newer_schema_is_refused(model: Path, release: Release, tmp_path: Path) -> None:
    newer = tmp_path / "model"
    shutil.copytree(model, newer)
    told = json.loads((newer / "config.json").read_text("utf-8"))
    (newer / "config.json").write_text(json.dumps({**told, "schema_version": "2.0.0"}), "utf-8")
    with pytest.raises(ModelError, match=r"has schema 2\.0\.0, this Parlure reads .*: update Parlure"):
        score(config(newer, release, tmp_path / "out"))


def test_an_utterance_that_stands_twice_is_named(tmp_path: Path) -> None:
    rows = [utterance(1, "spk_a"), utterance(1, "spk_b")]
    twice = write_release(tmp_path, {Split.TEST: rows})
    with pytest.raises(ScoreError, match="utt_0001 stands twice in split test"):
        select(twice, "test", date(2029, 12, 31), PHONES)


def test_what_the_model_has_no_phone_for_is_said_first(scored: Path) -> None:
    metrics = json.loads((scored / METRICS_FILE).read_text("utf-8"))
    assert "does not know a phone of 1 utterance(s)" in warnings([metrics], ["m"])[0]


def test_speakers_of_another_release_are_not_called_strangers(model: Path, release: Release, tmp_path: Path) -> None:
    other = tmp_path / "model"
    phone_model().save_pretrained(other)
    foreign = lineage.Ancestor("elsewhere", "0" * 64, "1.0.0", ("train",), ("spk_x",))
    lineage.write(other, Lineage("random", "0.0.0", (foreign,)))
    metrics = score(config(other, release, tmp_path / "out"))
    assert metrics["protocol"]["speakers"]["shared_with_training"] is None
    assert metrics["protocol"]["speakers"]["other_releases_learned_from"] == ["elsewhere"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gop": "best"}, "Choose one of: auto, accuracy, gop_sf"),
        ({"gop": "accuracy"}, "needs a model with a scorer"),
        ({"groups": ["name"]}, "Choose among: age_band"),
        ({"split": "dev"}, "There is no split 'dev'"),
        ({"limit": 0}, "Nothing to score"),
        ({"on": "2099-01-01"}, "no_consent_for_evaluation"),
    ],
)
def test_a_wrong_setting_says_the_choices(
    changes: dict[str, object], message: str, model: Path, release: Release, tmp_path: Path
) -> None:
    with pytest.raises(ScoreError, match=message):
        score(config(model, release, tmp_path, **changes))
    assert not list(tmp_path.iterdir())


def test_batches_hold_every_row_once_within_their_seconds() -> None:
    rng = np.random.default_rng(0)
    rows = [{"utterance_id": f"u{n}", "duration": float(d)} for n, d in enumerate(rng.uniform(0.5, 9, 50))]
    found = list(batches(rows, 20.0))
    assert sorted(row["utterance_id"] for batch in found for row in batch) == sorted(
        row["utterance_id"] for row in rows
    )
    assert all(len(batch) * max(row["duration"] for row in batch) <= 20 for batch in found)
    assert [len(batch) for batch in batches([{"utterance_id": "long", "duration": 90.0}], 20.0)] == [1]
