"""Predictions of other systems: every format reaches the same figures, and nothing leaves a denominator unseen."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eval as eval_package
from collection.phones import inventory
from collection.release import Release
from collection.schema import ConsentGrant, Phone, Scores, Split, Word
from eval import predictions
from eval.bootstrap import BootstrapConfig
from eval.compare import CompareConfig, compare
from eval.decoding import NOT_DECODED
from eval.errors import PredictionsError
from eval.gate import GateConfig, Policy, gate
from eval.outside.answers import Answer, PhoneAnswer, WordAnswer
from eval.outside.fit import FILLED, MATCHED, RENAMED, SURPLUS, UNANSWERED, UNSCORED, Slot, fit, pair_up
from eval.outside.plain_files import check_version
from eval.outside.scale import to_human
from eval.outside.symbols import Symbols
from eval.outside.vendors import azure, speechace
from eval.outside.verb import OutsideConfig, outside
from eval.page.render import render
from eval.predictions import WordPrediction
from eval.report import read_run
from tests.releases import utterance, write_release
from training.advice.assessment import Alternative, Assessment, Diagnosis, Fault, PhoneScore, Verdict, WordScore
from training.advice.azure import to_azure

WORDS = (("see", ("S", "IY")), ("mass", ("M", "AA", "S")))
Row = dict[str, Any]


def reading(number: int, split: str) -> Any:
    """Return one utterance: every third begins badly, words and the whole are rated."""
    phones = [(phone, index) for index, (_, own) in enumerate(WORDS) for phone in own]
    accuracies = [0.2 if number % 3 == 0 else 1.8, 2.0, 1.6, 0.0 if number % 5 == 0 else 2.0, 1.8]
    return dataclasses.replace(
        utterance(number, f"spk_{split}_{number % 6}"),
        text="see mass",
        words=tuple(Word(text, accuracy=float(2 * (number % 4) + 1)) for text, _ in WORDS),
        phones=tuple(Phone(p, index, accuracy=a) for (p, index), a in zip(phones, accuracies, strict=True)),
        scores=Scores(accuracy=float(number % 5), total=float(number % 5)),
    )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Six speakers in validation and in test, twelve utterances each; one of test may not be evaluated."""
    rows = {
        split: [reading(100 * place + number, split) for number in range(12)]
        for place, split in enumerate((Split.VALIDATION, Split.TEST), start=1)
    }
    refused = ConsentGrant("rec_9", ("training",), "2099-01-01")
    rows[Split.TEST][3] = dataclasses.replace(rows[Split.TEST][3], consent=refused)
    return write_release(tmp_path_factory.mktemp("release"), rows)


@pytest.fixture(scope="module")
def truth(release: Release) -> dict[str, Row]:
    columns = ["utterance_id", "words", "phones", "scores"]
    rows = [row for split in release.files for row in release.rows(split, columns)]
    return {row["utterance_id"]: row for row in sorted(rows, key=lambda row: row["utterance_id"])}


def write_csv(path: Path, truth: dict[str, Row], score: Callable[[float], float] = lambda a: 50 * a) -> Path:
    """Write scores that follow the human ones exactly."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["utterance_id", "word_index", "phone", "score"])
        for name, row in truth.items():
            lines.writerows([name, p["word_index"], p["canonical"], score(p["accuracy"])] for p in row["phones"])
    return path


def config(path: Path, release: Release, out: Path, **changes: object) -> OutsideConfig:
    base = OutsideConfig(str(path), str(release.path), str(out), "vendor", bootstrap=BootstrapConfig(200))
    return dataclasses.replace(base, **changes)


@pytest.fixture(scope="module")
def run(release: Release, truth: dict[str, Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vendor")
    outside(config(write_csv(folder / "vendor.csv", truth), release, folder / "run"))
    return folder / "run"


def figures(run: Path) -> dict[str, Row]:
    return {figure["name"]: figure for figure in read_run(run)["figures"]}


def test_a_system_that_only_scores_has_figures_of_agreement_and_no_error_rate(run: Path) -> None:
    metrics, found = read_run(run), figures(run)
    jsonschema.validate(metrics, json.loads((Path(eval_package.__file__).parent / "metrics.schema.json").read_text()))
    assert metrics["protocol"]["gop"] == "score of vendor"
    assert found["phone_pcc"]["value"] == pytest.approx(1.0)
    assert found["phone_mse"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert found["detection_f1"]["value"] == pytest.approx(1.0)
    assert (found["per"]["value"], found["per"]["reason"]) == (None, NOT_DECODED)
    assert found["diagnosis_error"]["value"] is None
    assert metrics["counts"]["edits_said"] is None and metrics["confusions"] == []
    assert all(row["per"] is None for row in metrics["groups"] if not row["hidden"])
    assert any(row["frr"] == 0.0 for row in metrics["groups"] if not row["hidden"])
    assert predictions.read(run).utterances.column("decoded").null_count == 23


def test_consent_is_asked_and_what_may_not_be_evaluated_is_counted(run: Path) -> None:
    metrics = read_run(run)
    assert metrics["protocol"]["left_out"] == {"validation": {}, "test": {"no_consent_for_evaluation": 1}}
    assert metrics["counts"]["utterances"] == 11
    assert metrics["model"]["outside"]["ignored"] == 1
    assert metrics["model"]["outside"][MATCHED] == 23 * 5
    assert "utt_0203" not in predictions.read(run).utterances.column("utterance_id").to_pylist()


def test_the_run_is_reported_and_the_gate_does_not_trust_it(run: Path) -> None:
    page = render([read_run(run)], "Vendor")
    assert "whom it learned from is unknown" in page
    assert NOT_DECODED in page
    checks = {check.name: check for check in gate(GateConfig(str(run), Policy("p", least_phone_pcc=0.5)))}
    assert not checks["consent lineage of the model"].passed
    assert checks["consent lineage of the model"].why == "unknown: another system"
    assert checks["consent lineage of the release"].passed
    assert not checks["speakers new to the model"].passed
    told_otherwise = Policy("p", lineage_clean=False, strangers_verified=False, least_phone_pcc=0.5)
    assert all(check.passed for check in gate(GateConfig(str(run), told_otherwise)))


def test_any_increasing_scale_gives_the_same_figures_and_compares_as_equal(
    run: Path, release: Release, truth: dict[str, Row], tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "other.csv", truth, lambda accuracy: -1000 + 3**accuracy)
    outside(config(path, release, tmp_path / "run"))
    first, second = figures(run), figures(tmp_path / "run")
    for name in ("phone_pcc", "phone_mse", "detection_f1", "detection_frr"):
        assert second[name]["value"] == pytest.approx(first[name]["value"], abs=1e-9), name
    rows = {row["name"]: row for row in compare(CompareConfig([str(run)], [str(tmp_path / "run")]))}
    assert rows["phone_pcc"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert rows["per"]["reason"] == NOT_DECODED


def test_a_finished_run_is_left_alone_and_never_overwritten_by_another(
    run: Path, release: Release, truth: dict[str, Row], tmp_path: Path
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    outside(config(run.parent / "vendor.csv", release, run))
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before
    with pytest.raises(PredictionsError, match="other predictions"):
        outside(config(write_csv(tmp_path / "x.csv", truth, float), release, run))


def as_json(truth: dict[str, Row], **further: Callable[[Row], Any]) -> dict[str, Any]:
    return {
        "format": "parlure-predictions",
        "version": "1.0",
        "utterances": [
            {
                "utterance_id": name,
                "words": [
                    {
                        "index": index,
                        "scores": {"accuracy": 10 * word["accuracy"]},
                        "phones": [
                            {"phone": p["canonical"], "score": p["accuracy"], "heard": p["canonical"]}
                            for p in row["phones"]
                            if p["word_index"] == index
                        ],
                    }
                    for index, word in enumerate(row["words"])
                ],
                **{key: make(row) for key, make in further.items()},
            }
            for name, row in truth.items()
        ],
    }


def test_json_brings_a_decoding_and_scores_of_words_and_of_the_whole(
    release: Release, truth: dict[str, Row], tmp_path: Path
) -> None:
    made = as_json(
        truth,
        decoded=lambda row: ["s", "IY1", "m", "ɑ"],  # the last S was not heard: one error in five phones
        scores=lambda row: {"total": 7.0 + row["scores"]["total"]},
    )
    (tmp_path / "a.json").write_text(json.dumps(made))
    outside(config(tmp_path / "a.json", release, tmp_path / "run", format="json"))
    found = figures(tmp_path / "run")
    assert found["per"]["value"] == pytest.approx(0.2)
    assert found["word_accuracy_pcc"]["value"] == pytest.approx(1.0)
    assert found["word_accuracy_mse"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert found["utterance_total_mse"]["value"] == pytest.approx(0.0, abs=1e-6)
    row = predictions.read(tmp_path / "run").only("test").phones.to_pylist()[0]
    assert (row["heard"], row["gop"]) == ("S", pytest.approx(row["accuracy"]))


def assessment(row: Row) -> Assessment:
    """Return what our own assessor would say of a row: as the humans said, the last phone left out when it is bad."""
    phones = []
    for place, p in enumerate(row["phones"]):
        gone = p["accuracy"] == 0.0
        said = (Alternative("", 0.9),) if gone else (Alternative(p["canonical"], 0.8), Alternative("", 0.1))
        phones.append(
            PhoneScore(
                p["canonical"], p["word_index"], 0.1 * place, 0.1 * place + 0.1, -0.2, 1.0, -0.3, 0.5, "", said,
                p["accuracy"], 0.9 if gone else 0.1, gone, Diagnosis(Fault.OMISSION, "", 0.9) if gone else None,
            )
        )  # fmt: skip
    words = [WordScore(text, 0.0, 0.5, -0.2, 5.0, None, 5.0) for text, _ in WORDS]
    return Assessment(Verdict.OK, tuple(phones), tuple(words), scores=Scores(4.0, 4.0, 10.0, 4.0, 4.0))


def test_what_we_write_for_azure_front_ends_scores(release: Release, truth: dict[str, Row], tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    for name, row in truth.items():
        (folder / f"{name}.json").write_text(json.dumps(to_azure(assessment(row), "see mass")))
    metrics = outside(config(folder, release, tmp_path / "run", format="azure"))
    rows = predictions.read(tmp_path / "run").phones.to_pylist()
    assert [row["gop"] for row in rows] == pytest.approx([50 * row["accuracy"] for row in rows], abs=0.1)
    assert rows[3]["start"] == pytest.approx(0.3) and rows[3]["end"] == pytest.approx(0.4)
    assert {row["heard"] for row in rows if row["accuracy"] == 0.0} == {""}
    assert {row["heard"] for row in rows if row["canonical"] == "AA" and row["accuracy"] > 0} == {"AA"}
    assert figures(tmp_path / "run")["phone_pcc"]["value"] == pytest.approx(1.0)
    assert metrics["model"]["outside"][MATCHED] == len(rows)


def test_azure_answers_of_the_rest_service_read_too() -> None:
    whole = {
        "RecognitionStatus": "Success",
        "NBest": [
            {
                "AccuracyScore": 80.0,
                "PronScore": 70.0,
                "Words": [
                    {"Word": "oh", "ErrorType": "Insertion", "Phonemes": [{"Phoneme": "ow", "AccuracyScore": 3.0}]},
                    {"Word": "See", "AccuracyScore": 90.0, "ErrorType": "None",
                     "Phonemes": [{"Phoneme": "s", "AccuracyScore": 95.0, "Offset": 5_000_000, "Duration": 1_000_000}]},
                    {"Word": "mass", "ErrorType": "Omission"},
                ],
            }
        ],
    }  # fmt: skip
    answer = azure(whole, "utt")
    assert answer.scores == Scores(accuracy=80.0, total=70.0)
    assert [word.text for word in answer.words] == ["See", "mass"]
    assert answer.words[0].phones == (PhoneAnswer("s", 95.0, None, 0.5, 0.6),)
    assert (answer.words[0].lowest, answer.words[1].lowest) == (None, 0.0)
    refused = azure({"RecognitionStatus": "NoMatch"}, "utt")
    assert (refused.words, refused.status) == ((), "NoMatch")
    with pytest.raises(PredictionsError, match="no answer of Azure"):
        azure({"text_score": {}}, "utt")


def test_speechace_answers_read() -> None:
    phone = {"phone": "iy", "quality_score": 40, "extent": [10, 27], "sound_most_like": "ih", "stress_level": 1}
    words = [{"word": "see", "quality_score": 70, "phone_score_list": [phone, {"phone": "s", "quality_score": 9.5}]}]
    score = {"word_score_list": words, "speechace_score": {"pronunciation": 88}}
    answer = speechace({"status": "success", "text_score": score}, "utt")
    assert answer.scores == Scores(accuracy=88.0, total=88.0)
    assert answer.words[0].phones == (PhoneAnswer("iy", 40.0, "ih", 0.1, 0.27), PhoneAnswer("s", 9.5))
    assert speechace({"status": "success", "word_score": words[0]}, "utt").words == answer.words
    assert speechace({"status": "error", "short_message": "error_no_speech"}, "utt").status == "error_no_speech"
    with pytest.raises(PredictionsError, match="no answer of Speechace"):
        speechace({"NBest": []}, "utt")


CANONICAL = [{"canonical": p, "word_index": index} for index, (_, own) in enumerate(WORDS) for p in own]


def fitted(*words: WordAnswer) -> tuple[list[Slot], Counter[str]]:
    counts: Counter[str] = Counter()
    slots, _ = fit(Answer(words), "utt", ["see", "MASS!"], CANONICAL, Symbols(inventory("en-US")), counts)
    return slots, counts


def word(text: str, *phones: tuple[str, float | None]) -> WordAnswer:
    return WordAnswer(tuple(PhoneAnswer(symbol, score) for symbol, score in phones), text=text)


def test_another_pronunciation_loses_no_phone() -> None:
    # "mass" as M AE S with a T more, "see" without its vowel: by hand, IY gets the mean of its word (80).
    slots, counts = fitted(word("see", ("s", 80.0)), word("mass", ("m", 10.0), ("ae", 20.0), ("s", 30.0), ("t", 99.0)))
    assert [slot.score for slot in slots] == [80.0, 80.0, 10.0, 20.0, 30.0]
    assert counts == {MATCHED: 4, FILLED: 1, RENAMED: 1, SURPLUS: 1}


def test_a_word_called_omitted_gets_the_worst_score_and_one_without_an_answer_none() -> None:
    slots, counts = fitted(WordAnswer((), text="see", lowest=0.0))
    assert [(slot.score, slot.heard) for slot in slots] == [(0.0, ""), (0.0, "")] + [(None, None)] * 3
    assert counts == {MATCHED: 2, UNSCORED: 3, UNANSWERED: 1}


def test_an_answer_to_another_text_is_refused() -> None:
    with pytest.raises(PredictionsError, match="answers for another one"):
        fitted(word("banana", ("b", 1.0)))


@settings(max_examples=50)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_pairing_keeps_every_place_of_both_sides_in_order(left: list[str], right: list[str]) -> None:
    pairs = pair_up(left, right)
    assert [a for a, _ in pairs if a is not None] == list(range(len(left)))
    assert [b for _, b in pairs if b is not None] == list(range(len(right)))


@pytest.mark.parametrize(
    ("symbol", "phones"),
    [
        ("AH0", ("AH",)), ("ah", ("AH",)), ("ax", ("AH",)), ("h", ("HH",)), ("axr", ("ER",)), ("er r", ("ER",)),
        ("ih r", ("IH", "R")), ("dx", ("T",)), ("en", ("AH", "N")), ("y", ("Y",)), ("j", ("Y",)), ("r", ("R",)),
        ("tʃ", ("CH",)), ("d͡ʒ", ("JH",)), ("ˈæ", ("AE",)), ("ɑː", ("AA",)), ("əʊ", ("OW",)), ("ɝ", ("ER",)),
        ("g", ("G",)), ("b", ("B",)), ("ʔ", ("T",)),
    ],
)  # fmt: skip
def test_alphabets_meet_in_the_inventory(symbol: str, phones: tuple[str, ...]) -> None:
    assert Symbols(inventory("en-US"))(symbol) == phones


def test_other_languages_fold_as_their_lexicon_does_and_users_may_name_the_rest() -> None:
    german = Symbols(inventory("de-DE"), {"&": "ʃ t", "sil": ""})
    assert german.all(["r", "ø", "ʁ", "&", "sil"]) == ("ʁ", "ʏ", "ʁ", "ʃ", "t")
    german.check()
    assert german.all(["Q", "Q", "θ"]) == ("s",)
    with pytest.raises(PredictionsError, match=r"1 symbol.*'Q' \(2 times\).*symbols=\{Q: PHONE\}"):
        german.check()


def test_word_scores_are_mapped_on_the_calibration_split_only() -> None:
    def row(split: str, human: float | None, raw: float | None) -> WordPrediction:
        blank = WordPrediction("u", "s", split, 0)
        human_scores = dataclasses.replace(blank.human, accuracy=human)
        return dataclasses.replace(blank, human=human_scores, predicted=dataclasses.replace(blank.human, accuracy=raw))

    rows = [
        row("validation", 2.0, 100.0),
        row("validation", 8.0, 300.0),
        row("test", 0.0, 200.0),
        row("test", 1.0, None),
    ]
    found = to_human(rows, "validation")
    assert [one.predicted.accuracy for one in found[2:]] == [pytest.approx(5.0), None]
    assert {one.predicted.accuracy for one in to_human(rows, "")} == {None}


def edited(truth: dict[str, Row], tmp_path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    path = write_csv(tmp_path / "v.csv", truth)
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    return path


BAD_CSV: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "empty": (lambda lines: [""], "is empty"),
    "only a heading": (lambda lines: lines[:1], "holds no row"),
    "no such column": (lambda lines: ["utterance_id,word,phone,score", *lines[1:]], "lacks word_index; unknown word"),
    "a cell too few": (lambda lines: [*lines, "utt_0100,0,S"], "another number of cells"),
    "not a number": (lambda lines: [lines[0], lines[1].rsplit(",", 1)[0] + ",nan", *lines[2:]], "'nan' is no finite"),
    "infinite": (lambda lines: [lines[0], lines[1].rsplit(",", 1)[0] + ",-inf", *lines[2:]], "'-inf' is no finite"),
    "of no word": (lambda lines: [lines[0], *lines[1:6], "utt_0100,2,S,1", *lines[6:]], "the text has 2 word"),
    "no word number": (lambda lines: [*lines[:1], "utt_0100,,S,1", *lines[1:]], "a phone of no word"),
    "twice": (lambda lines: [*lines, *lines[1:6]], "come twice"),
    "unknown utterance": (lambda lines: [*lines, "utt_9,0,S,1"], r"1 utterance\(s\) .* not in release tones \(utt_9\)"),
    "missing": (lambda lines: [*lines[:1], *lines[11:]], r"2 of 12 utterances of split validation .*utt_0100, utt_01"),
    "another inventory": (lambda lines: [lines[0], "utt_0100,0,ʀ,1", *lines[2:]], r"'ʀ' \(1 times\)"),
    "newer": (lambda lines: ["# parlure-predictions 1.1", *lines], "update Parlure"),
    "another heading": (lambda lines: ["# vendor 3", *lines], "expected: # parlure-predictions 1.0"),
    "no scores": (lambda lines: [lines[0], *(line.rsplit(",", 1)[0] + "," for line in lines[1:])], "no score of any"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_input_is_named(case: str, release: Release, truth: dict[str, Row], tmp_path: Path) -> None:
    change, message = BAD_CSV[case]
    with pytest.raises(PredictionsError, match=message):
        outside(config(edited(truth, tmp_path, change), release, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_missing_utterances_may_be_left_out_and_are_counted(
    release: Release, truth: dict[str, Row], tmp_path: Path
) -> None:
    path = edited(truth, tmp_path, lambda lines: ["# parlure-predictions 1.0", *lines[:-10]])
    metrics = outside(config(path, release, tmp_path / "run", allow_missing=True))
    assert metrics["protocol"]["left_out"]["test"] == {"no_consent_for_evaluation": 1, "no_prediction": 2}
    assert metrics["counts"]["utterances"] == 9
    assert "gave no prediction for 2 utterance(s)" in render([metrics], "Vendor")


def test_a_broken_json_is_named(release: Release, truth: dict[str, Row], tmp_path: Path) -> None:
    def failing(made: Any, message: str, **changes: object) -> None:
        (tmp_path / "a.json").write_text(made if isinstance(made, str) else json.dumps(made))
        with pytest.raises(PredictionsError, match=message):
            outside(config(tmp_path / "a.json", release, tmp_path / "run", **{"format": "json", **changes}))

    good = as_json(truth)
    failing("{", "is not JSON")
    failing("[]", "an object was expected, not list")
    failing({**good, "format": "x"}, "is not marked")
    failing({**good, "version": "2.0"}, "has version 2.0.*update Parlure")
    failing({**good, "utterances": []}, "holds no utterance")
    failing({**good, "utterances": [*good["utterances"], good["utterances"][0]]}, "come twice")
    half = json.loads(json.dumps(good))
    half["utterances"][0]["decoded"] = []
    failing(half, "22 of 23 utterances have no free decoding")
    half["utterances"][0] = {
        "utterance_id": "utt_0100",
        "words": [{"index": 0, "phones": [{"phone": "S", "score": 1e999}]}],
    }
    failing(half, "is no finite number")
    failing(good, "format=xml is unknown", format="xml")
    failing(good, "one file an utterance|is no answer|neither", format="azure")


def test_a_utterance_that_the_system_refused_stays_in_the_counts(
    release: Release, truth: dict[str, Row], tmp_path: Path
) -> None:
    made = as_json(truth)
    made["utterances"][12] = {"utterance_id": "utt_0200", "status": "Initial Silence Timeout"}
    (tmp_path / "a.json").write_text(json.dumps(made))
    metrics = outside(config(tmp_path / "a.json", release, tmp_path / "run", format="json"))
    assert metrics["counts"]["phones_rated_without_gop"] == 5
    assert metrics["counts"]["utterances"] == 11
    assert metrics["protocol"]["not_scored_by_verdict"] == {"initial_silence_timeout": 1}


@pytest.mark.parametrize(
    ("version", "says"), [("0.9", "write the file again"), ("1.x", "expected: 1.0"), ("", "expected")]
)
def test_versions_that_cannot_be_read(version: str, says: str) -> None:
    with pytest.raises(PredictionsError, match=says):
        check_version(version, "a")
    check_version("1.0", "a")
