from __future__ import annotations

from dataclasses import replace

import pytest

from collection.schema import Phone
from eval.bootstrap import BootstrapConfig
from eval.metrics import EditCounts
from eval.voices.disguise_cost import Pair, costs, pair
from training.advice.assessment import Assessment, PhoneScore, Verdict

PHONES = (Phone("AA", 0, accuracy=2.0), Phone("S", 0, accuracy=1.0), Phone("IY", 0, accuracy=0.0))
CONFIG = BootstrapConfig(resamples=100)


def assessment(decoded: str, gops: tuple[float, ...]) -> Assessment:
    phones = tuple(
        PhoneScore(phone.canonical, 0, 0.0, 0.1, gop, 0.0, gop, 0.0, "")
        for phone, gop in zip(PHONES, gops, strict=bool(gops))
    )
    return Assessment(Verdict.OK if gops else Verdict.SILENT, phones, decoded=tuple(decoded.split()))


def test_a_pair_counts_edits_and_keeps_phones_with_both_gops() -> None:
    found = pair("spk", PHONES, assessment("AA S IY", (0, -1, -2)), assessment("AA IY M", (-3, -2, -1)), "gop_sf")
    assert found.original == EditCounts(correct=3)
    assert (found.disguised.errors, found.disguised.reference) == (2, 3)
    assert found.phones == ((0, -3, 2.0), (-1, -2, 1.0), (-2, -1, 0.0))


def test_what_was_said_counts_and_what_nobody_rated_does_not() -> None:
    said = (replace(PHONES[0], realised="M"), replace(PHONES[1], accuracy=None), PHONES[2])
    found = pair("spk", said, assessment("M S IY", (0, -1, -2)), assessment("AA S IY", (0, -1, -2)), "gop_sf")
    assert (found.original.errors, found.disguised.errors) == (0, 1)
    assert [accuracy for _, _, accuracy in found.phones] == [2.0, 0.0]


def test_a_disguise_that_silences_is_paid_in_deletions() -> None:
    found = pair("spk", PHONES, assessment("AA S IY", (0, -1, -2)), assessment("", ()), "gop_sf")
    assert found.disguised == EditCounts(deletions=3)
    assert found.phones == ()


def test_costs_of_a_case_counted_by_hand() -> None:
    phones = ((0.0, -3.0, 2.0), (-1.0, -2.0, 1.0), (-2.0, -1.0, 0.0))
    pairs = [Pair(f"spk_{n}", EditCounts(correct=3), EditCounts(correct=2, deletions=1), phones) for n in range(5)]
    per, pcc = costs(pairs, CONFIG)
    assert (per["speakers"], per["utterances"], per["phones"]) == (5, 5, 15)
    assert per["edits_disguised"]["deletions"] == 5
    assert [per[name] for name in ("original", "disguised", "change")] == pytest.approx([0, 1 / 3, 1 / 3])
    assert (per["low"], per["high"]) == pytest.approx((1 / 3, 1 / 3))
    assert [pcc[name] for name in ("original", "disguised", "change")] == pytest.approx([1.0, -1.0, -2.0])
    assert (pcc["low"], pcc["high"]) == pytest.approx((-2.0, -2.0))
    assert per["reason"] is None
    assert pcc["reason"] is None


def test_without_utterances_or_ratings_there_are_reasons() -> None:
    per, pcc = costs([], CONFIG)
    assert (per["original"], per["reason"]) == (None, "the reference holds no phone")
    assert (pcc["change"], pcc["reason"]) == (None, "no rated phone")
    per, pcc = costs([Pair("spk", EditCounts(correct=3), EditCounts(correct=3), ())], CONFIG)
    assert (per["change"], pcc["change"]) == (0.0, None)
    assert "an interval needs" in per["reason"]
