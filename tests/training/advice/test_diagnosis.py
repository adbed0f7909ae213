"""What was wrong, by hand on posteriors that leave no doubt, and silence where there is doubt."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from collection.schema import Scores, WordScores
from training.advice import diagnosis
from training.advice.assessment import Alternative, Assessment, Diagnosis, Fault, PhoneScore, Verdict, WordScore
from training.advice.feedback import grade, remark, render_prosody
from training.advice.judgement import Judgement
from training.alignment import gop
from training.prosodic.pauses import Pause, PauseKind
from training.prosodic.pitch import Pitch
from training.prosodic.prosody import Prosody

INVENTORY = ("TH", "S", "IH", "K")


def said(*symbols: str, sureness: float = 8.0) -> torch.Tensor:
    """Posteriors of phones of two frames each with a blank between, fairly sure."""
    frames = [0]
    for symbol in symbols:
        frames += [INVENTORY.index(symbol) + 1] * 2 + [0]
    return (sureness * torch.nn.functional.one_hot(torch.tensor(frames), 5).double()).log_softmax(-1)


def best(*symbols: str, canonical: list[int]) -> list[Alternative]:
    return [three[0] for three in diagnosis.alternatives(gop.exact(said(*symbols), canonical), INVENTORY)]


def test_a_replaced_and_a_missing_phone_are_the_likeliest_alternatives() -> None:
    assert [each.symbol for each in best("S", "IH", canonical=[1, 3])] == ["S", "IH"]
    assert [each.symbol for each in best("TH", canonical=[1, 3])] == ["TH", ""]
    three = diagnosis.alternatives(gop.exact(said("S", "IH"), [1, 3]), INVENTORY)[0]
    assert len(three) == 3
    assert three[0].confidence > 0.99 > three[1].confidence >= three[2].confidence
    everything = diagnosis.alternatives(gop.exact(said("S", "IH"), [1, 3]), INVENTORY, top=9)[0]
    assert sum(each.confidence for each in everything) == pytest.approx(1)


def test_a_phone_beside_the_text_is_named_where_it_was_said() -> None:
    exact = gop.exact(said("TH", "S", "IH"), [1, 3])
    assert [(each.symbol, each.before) for each in diagnosis.insertions(exact, INVENTORY, 0.9)] == [("S", 1)]
    at_the_end = gop.exact(said("TH", "IH", "K"), [1, 3])
    assert [(each.symbol, each.before) for each in diagnosis.insertions(at_the_end, INVENTORY, 0.9)] == [("K", 2)]
    assert diagnosis.insertions(gop.exact(said("TH", "IH"), [1, 3]), INVENTORY, 0.9) == ()


@given(st.sampled_from(["TH", "S", ""]), st.floats(0, 1), st.floats(0, 1))
def test_doubt_is_told_as_doubt(heard: str, confidence: float, surest: float) -> None:
    found = diagnosis.diagnose("TH", [Alternative(heard, confidence)], surest, "en-US")
    if confidence < surest:
        assert (found.fault, found.heard) == (Fault.UNSURE, None)
    else:
        fault = {"TH": Fault.UNCLEAR, "S": Fault.SUBSTITUTION, "": Fault.OMISSION}[heard]
        told = {"TH": None, "S": "place:dental", "": "say:it"}[heard]
        assert found == Diagnosis(fault, heard, confidence, told)


def test_a_judgement_completes_an_assessment() -> None:
    phones = tuple(
        PhoneScore(symbol, word, 0.0, 0.1, -0.1, 1.0, -0.1, 1.0, "S", (Alternative(heard, 0.9),))
        for symbol, word, heard in (("TH", 0, "S"), ("IH", 0, "IH"), ("K", 2, "K"))
    )
    words = tuple(WordScore(text, None, None, None) for text in ("think", "-", "k"))
    marks = [WordScores(3.0, 5.0, 4.0), WordScores(0.0, 0.0, 0.0), WordScores(9.0, 10.0, 9.0)]
    judged = Judgement([0.3, 1.9, 1.8], [0.7, 0.1, 0.2], marks, Scores(6.0, 7.0, 10.0, 7.0, 6.0), threshold=0.5)
    found = judged.complete(Assessment(Verdict.OK, phones, words), surest=0.5, language="en-US")
    assert [phone.flagged for phone in found.phones] == [True, False, False]
    assert found.phones[0].diagnosis == Diagnosis(Fault.SUBSTITUTION, "S", 0.9, "place:dental")
    assert found.phones[1].diagnosis is None
    assert [word.total for word in found.words] == [4.0, None, 9.0]  # a word without phones has no score
    assert found.scores == Scores(6.0, 7.0, 10.0, 7.0, 6.0)


def test_feedback_follows_the_flag() -> None:
    phone = PhoneScore("TH", 0, 0.0, 0.1, -9.0, -5.0, -9.0, -5.0, "S", accuracy=1.8, mispronounced=0.1, flagged=False)
    assert (grade(phone), remark(phone)) == ("good", "")
    for fault, heard, shown, told in (
        (Fault.SUBSTITUTION, "F", "changed", "TH sounded like F"),
        (Fault.OMISSION, "", "missing", "TH was not heard"),
        (Fault.UNSURE, None, "doubtful", "TH was not clear"),
    ):
        flagged = replace(phone, flagged=True, diagnosis=Diagnosis(fault, heard, 0.9))
        assert (grade(flagged), remark(flagged)) == (shown, told)


def test_prosody_is_told_where_it_is_known() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(render_prosody(Prosody()))
    pauses = (
        Pause(PauseKind.UNEXPECTED, 1.2, 1.8, 0, False, 0.6),
        Pause(PauseKind.EXPECTED, 3.0, 3.5, 2, False, 0.5),
        Pause(PauseKind.MISSING, 4.0, 4.0, 3, False, 0.0),
    )
    console.print(render_prosody(Prosody(pauses=pauses, pitch=Pitch(200.0, 190.0, 210.0, 1.7, 2.0, True))))
    told = console.file.getvalue().split("\n")  # type: ignore[attr-defined]
    assert [line for line in told if line] == [
        "Pause of 0.6 s at 1.2 s, where the text has none.",
        "No pause at 4.0 s, where the text has one.",
        "Pitch: 200 Hz, over 2 semitones: monotone.",
    ]
