"""Assessments in Azure's shape, against JSON worked out by hand; what holds for any assessment."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.phones import ARPABET
from collection.schema import Scores
from training.advice.assessment import (
    Alternative,
    Assessment,
    Diagnosis,
    Fault,
    Insertion,
    PhoneScore,
    Verdict,
    WordScore,
)
from training.advice.azure import STATUS, to_azure


def phone(symbol: str, word: int, start: float, end: float, **changes: Any) -> PhoneScore:
    """A phone said well, gop_sf ln(1/2), rated by nobody unless ``changes`` say so."""
    said = PhoneScore(symbol, word, start, end, math.log(0.5), 2.0, -0.1, 3.0, "")
    return replace(said, **changes)


def flagged(symbol: str, word: int, start: float, end: float, fault: Fault, heard: str | None) -> PhoneScore:
    """A phone that the scorer says is wrong, accuracy 0.3."""
    wrong = {"accuracy": 0.3, "mispronounced": 0.9, "flagged": True, "diagnosis": Diagnosis(fault, heard, 0.8)}
    return phone(symbol, word, start, end, **wrong)


GOOD = {"accuracy": 1.9, "mispronounced": 0.1, "flagged": False}

THIS = (
    flagged("DH", 0, 0.25, 0.5, Fault.SUBSTITUTION, "Z"),
    phone("IH", 0, 0.5, 0.625, **GOOD),
    phone("S", 0, 0.625, 0.75, **GOOD),
)
IS = (phone("IH", 1, 1.0, 1.25, **GOOD), phone("Z", 1, 1.25, 1.5, **GOOD))
READING = Assessment(
    Verdict.OK,
    phones=(
        replace(THIS[0], alternatives=(Alternative("Z", 0.81234), Alternative("DH", 0.125), Alternative("", 0.03125))),
        *THIS[1:],
        *IS,
    ),
    words=(WordScore("this", 0.25, 0.75, -0.7, 6.0, 10.0, 6.5), WordScore("is", 1.0, 1.5, -0.7, 9.96, 10.0, 9.0)),
    duration=2.0,
    scores=Scores(8.0, 7.5, 10.0, 6.25, 7.04),
)


def error_types(assessment: Assessment) -> list[str | None]:
    words = to_azure(assessment, "this is")["NBest"][0]["Words"]
    return [word.get("PronunciationAssessment", {}).get("ErrorType") for word in words]


def test_a_reading_by_hand() -> None:
    good = {"AccuracyScore": 95.0}
    assert to_azure(READING, "This is.") == {
        "RecognitionStatus": "Success",
        "Offset": 2_500_000,
        "Duration": 12_500_000,
        "DisplayText": "This is.",
        "NBest": [
            {
                "Confidence": 0.5,
                "Lexical": "this is",
                "ITN": "this is",
                "MaskedITN": "this is",
                "Display": "This is.",
                "PronunciationAssessment": {
                    "AccuracyScore": 80.0,
                    "FluencyScore": 75.0,
                    "ProsodyScore": 62.5,
                    "CompletenessScore": 100.0,
                    "PronScore": 70.4,
                },
                "Words": [
                    {
                        "Word": "this",
                        "Offset": 2_500_000,
                        "Duration": 5_000_000,
                        "PronunciationAssessment": {"AccuracyScore": 60.0, "ErrorType": "Mispronunciation"},
                        "Phonemes": [
                            {
                                "Phoneme": "dh",
                                "Offset": 2_500_000,
                                "Duration": 2_500_000,
                                "PronunciationAssessment": {
                                    "AccuracyScore": 15.0,
                                    "NBestPhonemes": [
                                        {"Phoneme": "z", "Score": 81.2},
                                        {"Phoneme": "dh", "Score": 12.5},
                                        {"Phoneme": "", "Score": 3.1},
                                    ],
                                },
                            },
                            {
                                "Phoneme": "ih",
                                "Offset": 5_000_000,
                                "Duration": 1_250_000,
                                "PronunciationAssessment": good,
                            },
                            {
                                "Phoneme": "s",
                                "Offset": 6_250_000,
                                "Duration": 1_250_000,
                                "PronunciationAssessment": good,
                            },
                        ],
                    },
                    {
                        "Word": "is",
                        "Offset": 10_000_000,
                        "Duration": 5_000_000,
                        "PronunciationAssessment": {"AccuracyScore": 99.6, "ErrorType": "None"},
                        "Phonemes": [
                            {
                                "Phoneme": "ih",
                                "Offset": 10_000_000,
                                "Duration": 2_500_000,
                                "PronunciationAssessment": good,
                            },
                            {
                                "Phoneme": "z",
                                "Offset": 12_500_000,
                                "Duration": 2_500_000,
                                "PronunciationAssessment": good,
                            },
                        ],
                    },
                ],
            }
        ],
    }


def test_without_a_scorer_nothing_is_made_up() -> None:
    unscored = Assessment(
        Verdict.OK,
        phones=(phone("IH", 0, 0.0, 0.5), phone("Z", 0, 0.5, 1.0, alternatives=(Alternative("S", 0.75),))),
        words=(WordScore("is", 0.0, 1.0, -0.7),),
        duration=1.0,
    )
    best = to_azure(unscored, "is")["NBest"][0]
    assert "PronunciationAssessment" not in best
    assert best["Words"] == [
        {
            "Word": "is",
            "Offset": 0,
            "Duration": 10_000_000,
            "Phonemes": [
                {"Phoneme": "ih", "Offset": 0, "Duration": 5_000_000},
                {
                    "Phoneme": "z",
                    "Offset": 5_000_000,
                    "Duration": 5_000_000,
                    "PronunciationAssessment": {"NBestPhonemes": [{"Phoneme": "s", "Score": 75.0}]},
                },
            ],
        }
    ]


def test_a_word_left_out_is_an_omission() -> None:
    missing = [replace(said, rival_ratio=-3.0) for said in IS]
    diagnosed = [flagged(said.symbol, 1, said.start, said.end, Fault.OMISSION, "") for said in IS]
    scored = to_azure(replace(READING, phones=(*THIS, *diagnosed)), "this is")["NBest"][0]["Words"][1]
    assert scored == {
        "Word": "is",
        "Offset": 10_000_000,
        "Duration": 0,
        "PronunciationAssessment": {"AccuracyScore": 99.6, "ErrorType": "Omission"},
        "Phonemes": [],
    }
    unscored = [replace(said, accuracy=None, mispronounced=None, flagged=None) for said in missing]
    assert error_types(replace(READING, phones=(*THIS, *unscored)))[1] == "Omission"
    # A scorer that flags nothing is believed, whatever the rival.
    assert error_types(replace(READING, phones=(*THIS, *missing)))[1] == "None"


@pytest.mark.parametrize("fault", list(Fault))
def test_a_word_with_one_bad_phone_is_never_called_none(fault: Fault) -> None:
    bad = flagged("Z", 1, 1.25, 1.5, fault, None)
    assert error_types(replace(READING, phones=(*THIS, IS[0], bad))) == ["Mispronunciation", "Mispronunciation"]


@pytest.mark.parametrize(
    ("before", "confidence", "expected"),
    [
        (3, 0.9, "None"),  # between the words: of neither
        (4, 0.9, "Mispronunciation"),
        (4, 0.5, "None"),
        (5, 0.9, "None"),
    ],
)
def test_a_sound_put_into_a_word(before: int, confidence: float, expected: str) -> None:
    added = replace(READING, insertions=(Insertion("AH", before, confidence),))
    assert error_types(added) == ["Mispronunciation", expected]


def test_a_word_without_phones_has_a_name_only() -> None:
    more = replace(READING, words=(*READING.words, WordScore("–", None, None, None)))
    assert to_azure(more, "This is –.")["NBest"][0]["Words"][2] == {"Word": "–"}


def test_phones_of_other_languages_keep_their_names() -> None:
    french = Assessment(Verdict.OK, (phone("ʁ", 0, 0.0, 0.5),), (WordScore("r", 0.0, 0.5, -0.7),), duration=1.0)
    assert to_azure(french, "r")["NBest"][0]["Words"][0]["Phonemes"][0]["Phoneme"] == "ʁ"


def test_every_verdict_has_a_status_of_azure() -> None:
    assert set(STATUS) == set(Verdict)
    assert set(STATUS.values()) <= {"Success", "NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "Error"}
    assert [verdict for verdict, status in STATUS.items() if status == "Success"] == [Verdict.OK]


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.OK])
def test_a_learner_sees_no_score_of_what_was_not_a_reading(verdict: Verdict) -> None:
    expected = {"RecognitionStatus": STATUS[verdict], "Offset": 20_000_000, "Duration": 0}
    assert to_azure(replace(READING, verdict=verdict), "This is.") == expected


def test_what_each_refusal_is_called() -> None:
    statuses = {verdict: to_azure(Assessment(verdict), "")["RecognitionStatus"] for verdict in Verdict}
    assert statuses[Verdict.SILENT] == "InitialSilenceTimeout"
    assert statuses[Verdict.NOTHING_HEARD] == "BabbleTimeout"
    assert statuses[Verdict.TOO_SHORT] == "NoMatch"
    assert statuses[Verdict.DAMAGED] == statuses[Verdict.TOO_LONG] == statuses[Verdict.UNREADABLE] == "Error"


UNIT = st.floats(0, 1)
SYMBOLS = st.sampled_from(ARPABET.symbols)
HEARD = st.sampled_from(("", *ARPABET.symbols))


def maybe(scored: bool, top: float) -> st.SearchStrategy[float | None]:
    """A prediction, now and then a little off its scale."""
    return st.none() | st.floats(-0.1, top + 0.1) if scored else st.none()


@st.composite
def diagnoses(draw: st.DrawFn) -> Diagnosis:
    fault = draw(st.sampled_from(Fault))
    return Diagnosis(fault, draw(HEARD) if fault is Fault.SUBSTITUTION else "", draw(UNIT))


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    scored = draw(st.booleans())
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5).filter(sum))
    steps = draw(st.lists(st.floats(0, 0.5), min_size=2 * sum(lengths), max_size=2 * sum(lengths)))
    times = [sum(steps[: place + 1]) for place in range(len(steps))]
    phones: list[PhoneScore] = []
    words = []
    for index, length in enumerate(lengths):
        mine = []
        for _ in range(length):
            start, end = times[2 * (len(phones) + len(mine))], times[2 * (len(phones) + len(mine)) + 1]
            flag = draw(st.booleans()) if scored else None
            mine.append(
                PhoneScore(
                    draw(SYMBOLS), index, start, end, draw(st.floats(-1e6, 0)), draw(st.floats(-50, 50)),
                    -1.0, 1.0, draw(HEARD),
                    tuple(Alternative(draw(HEARD), draw(UNIT)) for _ in range(draw(st.integers(0, 3)))),
                    draw(maybe(scored, 2)), draw(UNIT) if scored else None, flag, draw(diagnoses()) if flag else None,
                )
            )  # fmt: skip
        span = (mine[0].start, mine[-1].end) if mine else (None, None)
        words.append(WordScore(f"w{index}", *span, -1.0 if mine else None, draw(maybe(scored, 10))))
        phones += mine
    extra = draw(st.lists(st.builds(Insertion, SYMBOLS, st.integers(0, len(phones)), UNIT), max_size=3))
    scores = Scores(*(draw(maybe(True, 10)) for _ in range(5))) if scored else None
    return Assessment(
        draw(st.sampled_from([Verdict.OK, Verdict.OK, *Verdict])), tuple(phones), tuple(words),
        duration=times[-1] + 0.1, insertions=tuple(extra), scores=scores,
    )  # fmt: skip


def numbers(value: Any, name: str) -> list[float]:
    """All values of the fields called ``name`` in a JSON value."""
    if isinstance(value, list):
        return [found for item in value for found in numbers(item, name)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in ([item] if key == name else numbers(item, name))]
    return []


@given(assessments())
def test_whatever_was_read(assessment: Assessment) -> None:
    answer = json.loads(json.dumps(to_azure(assessment, "text"), allow_nan=False))
    for name in ("AccuracyScore", "FluencyScore", "ProsodyScore", "CompletenessScore", "PronScore", "Score"):
        assert all(0 <= score <= 100 for score in numbers(answer, name))
    offsets, durations = numbers(answer, "Offset"), numbers(answer, "Duration")
    assert all(isinstance(ticks, int) and ticks >= 0 for ticks in [*offsets, *durations])
    if assessment.verdict is not Verdict.OK:
        assert set(answer) == {"RecognitionStatus", "Offset", "Duration"}
        return
    (best,) = answer["NBest"]
    assert 0 <= best["Confidence"] <= 1
    assert [word["Word"] for word in best["Words"]] == [word.text for word in assessment.words]
    timed = [word for word in best["Words"] if "Offset" in word]
    for items in (timed, *(word["Phonemes"] for word in timed)):
        assert all(one["Offset"] + one["Duration"] <= other["Offset"] for one, other in pairwise(items))
    assert all(answer["Offset"] <= word["Offset"] for word in timed)
    assert all(word["Offset"] + word["Duration"] <= answer["Offset"] + answer["Duration"] for word in timed)
    for index, word in enumerate(best["Words"]):
        phones = [phone for phone in assessment.phones if phone.word_index == index]
        judged = word.get("PronunciationAssessment", {})
        if any(phone.flagged for phone in phones):
            assert judged["ErrorType"] in {"Mispronunciation", "Omission"}
        if judged.get("ErrorType") != "Omission" and phones:
            assert [item["Phoneme"].upper() for item in word["Phonemes"]] == [phone.symbol for phone in phones]
        if all(phone.flagged is None for phone in phones):
            assert "AccuracyScore" not in judged and judged.get("ErrorType") in {None, "Omission"}
