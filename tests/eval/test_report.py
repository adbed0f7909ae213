from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import pearsonr

from collection import manifest
from eval.bootstrap import BootstrapConfig
from eval.diagnosis import NOT_WRITTEN
from eval.errors import ReportError
from eval.page.protocol import warnings
from eval.page.published import printed, published
from eval.page.render import render
from eval.predictions import FILES, Predictions, read, write
from eval.report import ReportConfig, read_run, work
from eval.run_folder import METRICS_VERSION
from eval.summarise import SummaryOptions, summarise

BOUNDARIES = ("boundary_error", "boundary_within_20ms", "boundary_within_50ms")
FAST = BootstrapConfig(resamples=300)
NASTY = "<script>alert(1)</script>&\"'$x$"


def metrics_of(predictions: Predictions, name: str = "tiny", **protocol: Any) -> dict[str, Any]:
    found = {
        "metrics_version": METRICS_VERSION,
        "model": {
            "name": name,
            "language": "en-US",
            "inventory": ["AA"],
            "encoder": "wav2vec2",
            "code_version": "0.1.0",
            "learned_from": [{"name": "r", "manifest_sha256": "ab" * 32, "splits": ["train"], "speakers": 9}],
        },
        "data": {"name": "r", "source": "folder", "schema_version": "1.0.0", "manifest_sha256": "ab" * 32},
        "protocol": {
            "split": "test",
            "calibration_split": "validation",
            "gop": "gop_sf",
            "consent_asked_on": "2026-01-01",
            "left_out": {"validation": {}, "test": {"no_consent_for_evaluation": 3}},
            "not_scored_by_verdict": {},
            "speakers": {
                "evaluated": 24,
                "learned_from_in_this_release": 9,
                "shared_with_training": 0,
                "shared_with_calibration": 0,
                "other_releases_learned_from": [],
            },
            "fewest_speakers": 5,
            "bootstrap": asdict(FAST),
            "code_version": "0.1.0",
            **protocol,
        },
        **summarise(predictions, SummaryOptions(bootstrap=FAST)),
    }
    return dict(json.loads(json.dumps(found, allow_nan=False)))


class Page(HTMLParser):
    """What a browser would make of the page: tags with attributes, ids, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data


def figure(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    return next(figure for figure in metrics["figures"] if figure["name"] == name)


@pytest.fixture(scope="module")
def two_models(made_up: Callable[..., Predictions]) -> str:
    """A page that compares two models."""
    return render([metrics_of(made_up()), metrics_of(made_up(skill=0.2), "other")], "Scores")


@pytest.fixture(scope="module")
def scorer(made_up: Callable[..., Predictions]) -> dict[str, Any]:
    """Metrics of a model with a scorer."""
    return metrics_of(made_up(scorer=True), "scorer", gop="accuracy")


def test_figures_follow_from_the_tables(made_up: Callable[..., Predictions]) -> None:
    predictions = made_up()
    metrics = metrics_of(predictions)
    test = predictions.only("test")
    gop, accuracy = (test.phones.column(name).to_numpy() for name in ("gop", "accuracy"))
    raw = figure(metrics, "phone_pcc_raw")
    assert raw["value"] == pytest.approx(pearsonr(gop, accuracy).statistic)
    assert raw["low"] < raw["value"] < raw["high"]
    mean = predictions.only("validation").phones.column("accuracy").to_numpy().mean()
    assert figure(metrics, "phone_mse")["baseline"]["value"] == pytest.approx(np.mean((accuracy - mean) ** 2))
    edits = metrics["counts"]["edits_said"]
    errors = edits["substitutions"] + edits["deletions"] + edits["insertions"]
    assert figure(metrics, "per")["value"] == pytest.approx(errors / edits["reference"])
    assert sum(row["count"] for row in metrics["confusions"] if row["canonical"]) == metrics["counts"]["phones"]


def test_a_model_that_knows_nothing_stands_at_its_baseline(made_up: Callable[..., Predictions]) -> None:
    metrics = metrics_of(made_up(speakers=60, skill=0.0))
    area = figure(metrics, "auc")
    assert area["low"] < 0.5 < area["high"]
    assert figure(metrics, "phone_pcc")["value"] == pytest.approx(0.0, abs=0.08)
    precision = figure(metrics, "detection_precision")
    assert precision["low"] <= precision["baseline"]["value"] <= precision["high"]


def test_nobody_rated_leaves_the_error_rate_and_reasons(made_up: Callable[..., Predictions]) -> None:
    metrics = metrics_of(made_up(rated=False))
    assert figure(metrics, "per")["value"] is not None
    assert metrics["counts"]["phones_unrated"] == metrics["counts"]["phones"]
    for other in metrics["figures"][2:]:
        assert other["value"] is None
        why = {
            "diagnosis_error": NOT_WRITTEN,
            "diagnosis_error_insertions": NOT_WRITTEN,
            **dict.fromkeys(BOUNDARIES, "the release holds no expert's times of phones"),
        }
        assert other["reason"] == why.get(other["name"], "no rated phone")
    assert "Nobody rated phones" in render([metrics], "t")


def test_nothing_is_calibrated_on_the_split_that_is_evaluated(made_up: Callable[..., Predictions]) -> None:
    found = summarise(made_up(), SummaryOptions(split="validation"))
    assert figure(found, "phone_mse")["value"] is None
    assert "nothing may be chosen on it" in figure(found, "detection_f1")["reason"]
    assert figure(found, "auc")["value"] > 0.9
    without = summarise(made_up(splits=("test",)), SummaryOptions())
    assert figure(without, "phone_pcc")["reason"] == "no rated phone in the validation split to calibrate on"


def test_tables_survive_the_disk(made_up: Callable[..., Predictions], scorer: dict[str, Any], tmp_path: Path) -> None:
    predictions = made_up(scorer=True)
    write(tmp_path, predictions)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    again = read(tmp_path)
    assert again.gop_kind == predictions.gop_kind
    for name in ("phones", "utterances", "words", "raters"):
        assert getattr(again, name).equals(getattr(predictions, name))
    assert metrics_of(again, "scorer", gop="accuracy") == scorer


def test_tables_of_before_words_were_scored_are_read(made_up: Callable[..., Predictions], tmp_path: Path) -> None:
    predictions = made_up()
    write(tmp_path, predictions)
    for name in FILES[2:]:
        (tmp_path / name).unlink()
    for name, new in zip(
        FILES, (["gop_sf", "gop_lp", "mispronounced", "flagged"], ["human", "predicted"]), strict=False
    ):
        pq.write_table(pq.read_table(tmp_path / name).drop_columns(new), tmp_path / name)
    again = read(tmp_path)
    assert again.gop_kind == "made up"
    assert again.phones.equals(predictions.phones)
    assert metrics_of(again) == metrics_of(predictions)


def test_metrics_of_before_words_were_scored_make_the_page_they_made(made_up: Callable[..., Predictions]) -> None:
    new = metrics_of(made_up())
    old = json.loads(json.dumps(new))
    for name in ("alone", "probability", "bias", "raters", "per_phone"):
        del old[name]
    del old["data"]["source"]
    for cell in old["score_by_label"]["cells"]:
        for name in ("bias", "mse", "ccc", "ccc_reason"):
            cell.pop(name, None)
    for name in ("scale", "share_mispronounced"):
        del old["calibration"][name]
    for name in ("words", "words_rated", "words_used", "utterances_rated", "utterances_used"):
        del old["counts"][name]
    for row in old["figures"]:
        del row["part"], row["human"]
    sections = [
        attributes.get("aria-labelledby") for tag, attributes in Page(render([old], "t")).tags if tag == "section"
    ]
    assert sections == ["headline", "all", "human", "confusions", "groups", "protocol", "words"]
    assert "Children and adults" in render([new], "t")


def test_a_scorer_shows_what_only_it_can_say(scorer: dict[str, Any]) -> None:
    html = render([scorer], "t")
    page = Page(html)
    sections = [attributes.get("aria-labelledby") for tag, attributes in page.tags if tag == "section"]
    assert sections[:7] == ["headline", "all", "alone", "levels", "raters", "doubt", "bias"]
    children = next(row for row in scorer["bias"] if row["group"] == "children")
    kappa = next(row for row in scorer["raters"] if row["level"] == "words" and row["score"] == "total")["kappa"]
    assert f"{kappa['low']:.3f} to {kappa['high']:.3f}" in page.text
    assert "no phone was scored by two raters" in page.text
    assert f"{children['frr_low'] * 100:.1f} to {children['frr_high'] * 100:.1f}" in page.text
    assert "none: the human scores are all the same" in page.text
    human = figure(scorer, "word_total_pcc")["human"]
    assert f"{human['value']:.3f} ({human['low']:.3f} to {human['high']:.3f})" in page.text
    for judge in ("the scorer", "segmentation-free GOP alone", "alignment GOP alone", "one human against the others"):
        assert judge in page.text
    assert f"{figure({'figures': scorer['alone'][1]['figures']}, 'phone_pcc')['value']:.3f}" in page.text
    assert f"{children['bias']:+.3f}" in page.text
    risk = scorer["probability"]["coverage_risk"]
    assert f"Area under the curve {risk['area']:.4f}" in page.text
    assert "10 bins of equally many phones" in page.text
    assert "as the scorer predicts it" in page.text
    assert len([tag for tag, _ in page.tags if tag == "svg"]) == 8
    assert "NaN" not in page.text


def test_a_hidden_group_is_named_beside_the_bias_of_others(scorer: dict[str, Any]) -> None:
    few = {**scorer, "bias": [scorer["bias"][0], {"group": "children", "hidden": True}], "groups": []}
    text = Page(render([few], "t")).text
    assert text.count("hidden: fewer than 5 speakers, or would reveal such a group") == 1
    assert "children" in text


def test_a_scorer_beside_a_model_without_one(made_up: Callable[..., Predictions], scorer: dict[str, Any]) -> None:
    page = Page(render([metrics_of(made_up()), scorer], "t"))
    # Neither has every figure: raw GOP is the first's, words are the second's; three stand in the headline too.
    assert page.text.count("not measured in this run") == 1 + 6 + 10 + 9 + 3
    assert "Phone accuracy, Pearson correlation of raw GOP" in page.text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_loads_nothing_and_repeats_no_id(two_models: str) -> None:
    html, page = two_models, Page(two_models)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed"), tag
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), attributes
    assert not re.search(r"@import|url\((?!#)", html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", html)) | set(re.findall(r'aria-labelledby="([^"]+)"', html))
    assert used <= set(ids)


def test_the_page_is_readable_without_seeing_it(two_models: str) -> None:
    page = Page(two_models)
    assert dict(page.tags)["html"] == {"lang": "en"}
    plots = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(plots) == 2 * 6
    assert all(attributes["role"] == "img" and attributes["aria-labelledby"] for attributes in plots)
    headers = [attributes for tag, attributes in page.tags if tag == "th"]
    assert headers
    assert all("scope" in attributes for attributes in headers)


def test_names_are_text_whatever_they_hold(made_up: Callable[..., Predictions]) -> None:
    metrics = metrics_of(made_up(), NASTY)
    metrics["data"]["name"] = NASTY
    for row in metrics["groups"]:
        row["group"] = NASTY
    metrics["confusions"].insert(0, {"canonical": NASTY, "heard": "AA", "count": 9999})
    html = render([metrics], NASTY)
    assert "<script" not in html
    page = Page(html)
    assert page.text.count("alert(1)") >= 5
    assert NASTY in page.text


def test_small_groups_are_named_but_not_shown(made_up: Callable[..., Predictions], two_models: str) -> None:
    metrics = metrics_of(made_up())
    hidden = [row for row in metrics["groups"] if row["hidden"]]
    assert {row["group"] for row in hidden} == {"6-8", "9-11", "12-14", "f", "not stated"}
    assert all(set(row) == {"by", "group", "hidden"} for row in hidden)
    assert Page(two_models).text.count("hidden: fewer than 5 speakers") == 2 * 5


def test_what_misleads_is_said_first(made_up: Callable[..., Predictions]) -> None:
    same, other = metrics_of(made_up()), metrics_of(made_up(speakers=12), "other")
    assert warnings([same], ["a"]) == []
    assert warnings([same, same], ["a", "b"]) == []
    (found,) = warnings([same, other], ["a", "b"])
    assert "do not compare their columns" in found
    stranger = {**same["protocol"]["speakers"], "shared_with_training": None}
    same["protocol"] |= {"speakers": stranger, "left_out": {"test": {"beyond_limit": 7}}}
    not_verified, tried = warnings([same], ["a"])
    assert "is not verified" in not_verified
    assert "part of the data only" in tried
    assert not_verified.replace("a learned", "tiny learned") in Page(render([same], "t")).text


def test_the_verb_writes_one_file(made_up: Callable[..., Predictions], tmp_path: Path) -> None:
    run = tmp_path / "run"
    manifest.atomic_write(run / "metrics.json", json.dumps(metrics_of(made_up())))
    with pytest.raises(ReportError, match="no finished run"):
        read_run(run)
    manifest.write(run, {"kind": "scores"})
    out = tmp_path / "pages" / "report.html"
    work(ReportConfig(runs=[str(run), str(run)], out=str(out)))
    text = Page(out.read_text("utf-8")).text
    assert "tiny (1)" in text
    assert "tiny (2)" in text
    with pytest.raises(ReportError, match="names no run"):
        work(ReportConfig(runs=[], out=str(out)))


def test_metrics_of_another_version_are_refused(tmp_path: Path) -> None:
    manifest.atomic_write(tmp_path / "metrics.json", json.dumps({"metrics_version": "2.0.0"}))
    manifest.write(tmp_path, {})
    with pytest.raises(ReportError, match=r"version 2\.0\.0"):
        read_run(tmp_path)


def test_a_public_corpus_stands_beside_what_others_printed(scorer: dict[str, Any]) -> None:
    assert published([scorer], ["a"]) is None
    public = {**scorer, "data": {**scorer["data"], "source": "speechocean762"}}
    page = Page(render([public], "t"))
    assert "MuFFIN" in page.text
    assert "Read the two for their order of magnitude" in page.text
    own = figure(scorer, "phone_pcc")
    table = published([public, scorer], ["a", "b"])
    assert table is not None
    assert [row["name"] for row in table["rows"]][:2] == ["a", "Kaldi GOP regression"]
    assert printed([public], "phone_pcc") == "0.450 to 0.742"
    assert "0.450 to 0.742" in page.text
    assert printed([scorer], "phone_pcc") == printed([public], "auc") == ""
    cells = dict(zip(table["columns"], table["rows"][0]["cells"], strict=True))
    assert cells["phone PCC"]["value"] == f"{own['value']:.3f}"
    gopt = next(row for row in table["rows"] if row["name"] == "GOPT")
    assert [cell["value"] for cell in gopt["cells"]][:2] == ["0.085", "0.612"]


def test_every_phone_and_every_bin_has_its_row(scorer: dict[str, Any]) -> None:
    text = Page(render([scorer], "t")).text
    worst = scorer["per_phone"][0]
    assert f"{100 * worst['f1']:.1f} %" in text
    low = scorer["score_by_label"]["cells"][0]
    assert f"{low['mse']:.3f}" in text
    hidden = {**scorer, "per_phone": [*scorer["per_phone"], {"phone": "ZH", "hidden": True}]}
    assert "Hidden, said by too few speakers: ZH." in Page(render([hidden], "t")).text


def test_columns_that_nobody_stated_take_one_line(made_up: Callable[..., Predictions]) -> None:
    metrics = metrics_of(made_up())
    nobody = {**metrics["groups"][-1], "by": "region", "group": "not stated"}
    text = Page(render([{**metrics, "groups": [*metrics["groups"], nobody]}], "t")).text
    assert "Not stated by anybody in this data: region." in text


@pytest.fixture
def finished(made_up: Callable[..., Predictions], tmp_path: Path) -> Path:
    """A finished run with its tables, beside a release of the same name that it was not scored on."""
    run = tmp_path / "run"
    write(run, made_up(scorer=True))
    manifest.atomic_write(run / "metrics.json", json.dumps(metrics_of(made_up(scorer=True), "a/b", gop="accuracy")))
    manifest.write(run, {"kind": "scores"})
    return run


def test_drawings_are_files_too(finished: Path, tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    work(ReportConfig([str(finished)], str(tmp_path / "r.html"), plots=str(plots)))
    names = {"violins", "mapped", "confusions", "phones", "groups", "rejections", "reliability", "coverage"}
    assert {path.name for path in plots.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    svg, png = (plots / f"reliability.{kind}" for kind in ("svg", "png"))
    assert svg.read_text("utf-8").startswith("<?xml")
    assert "var(--" not in svg.read_text("utf-8") and "as found" in svg.read_text("utf-8")
    assert png.read_bytes().startswith(b"\x89PNG")
    work(ReportConfig([str(finished), str(finished)], str(tmp_path / "r.html"), plots=str(tmp_path / "both")))
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["a-b--1", "a-b--2"]


def test_the_worst_utterances_are_listed_when_asked_for(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    work(ReportConfig([str(finished)], str(out)))
    assert "Judged worst" not in out.read_text("utf-8")
    work(ReportConfig([str(finished)], str(out), worst=3))
    phones = read(finished).only("test").phones.to_pandas()
    phones["error"] = (phones["gop"] - phones["accuracy"]) ** 2
    worst = phones.groupby("utterance_id")["error"].mean().nlargest(3)
    text = Page(out.read_text("utf-8")).text
    assert re.findall(r"utt_test_\d+_\d", text) == list(worst.index)
    assert f"{worst.iloc[0]:.3f}" in text
    for wrong in ({"sound": True}, {"release": "x"}, {"worst": 3, "sound": True}):
        with pytest.raises(ReportError, match=r"worst=10|release=FOLDER"):
            work(ReportConfig([str(finished)], str(out), **wrong))
