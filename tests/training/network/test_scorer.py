"""Features of phones by hand, a scorer whose padding leaves no trace, and what it can and cannot learn."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.alignment import align, gop
from training.alignment.align import Times
from training.config import ScoreConfig
from training.learning.score_fit import NAN, Labels, calibrate, fit, loss, predict, squared_error, untold
from training.network import phone_features
from training.network.phone_features import MEASURES, PhoneFeatures, describe, inside, levels
from training.network.scorer import Member, Scorer, ScorerOutput, ScorerShape, among, by_word, collate

SYMBOLS, LAYERS, WIDTH = 5, 2, 6
SHAPE = ScorerShape(SYMBOLS, phone_features.width(SYMBOLS), tuple(range(LAYERS)), WIDTH, size=16, layers=1, heads=2)


def features(phones: int, seed: int = 0, words: list[int] | None = None) -> PhoneFeatures:
    random = torch.Generator().manual_seed(seed)
    return PhoneFeatures(
        torch.randint(1, SYMBOLS, (phones,), generator=random),
        torch.tensor(words or [0] * phones),
        torch.randn(phones, SHAPE.measures, generator=random),
        torch.randn(phones, LAYERS, WIDTH, generator=random),
    )


def test_frames_of_a_phone_are_averaged_and_every_phone_has_one() -> None:
    weights = inside(torch.tensor([[0.0, 2.0], [2.0, 2.2], [3.6, 9.0]]), 5)
    assert weights.tolist() == [[0.5, 0.5, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]]


def test_levels_are_relative_to_the_utterance() -> None:
    waveform = np.concatenate([np.full(1600, 0.1), np.full(1600, 0.01), np.zeros(1600)]).astype(np.float32)
    whole = (0.01 + 0.0001) / 3
    found = levels(waveform, [Times(0.0, 0.1), Times(0.1, 0.2), Times(0.2, 0.3), Times(0.5, 0.6)])
    wanted = [10 * math.log10(0.01 / whole), 10 * math.log10(0.0001 / whole), -60, -60]
    assert found == pytest.approx(wanted, abs=1e-3)
    assert levels(np.zeros(100, np.float32), [Times(0.0, 0.1)]) == [-60]


def test_what_a_scorer_is_told_by_hand() -> None:
    table = torch.full((6, 3), 0.1)
    table[[0, 1, 2, 3, 4, 5], [0, 1, 0, 0, 2, 0]] = 0.8
    log_probs, targets = table.log(), [1, 2]
    spans = align.force(log_probs, targets)
    times = align.phone_times(spans, 6, 0.02, reach=0.02)
    fits = gop.features(log_probs, targets, spans)
    exact = fits.exact
    states = [torch.arange(6.0)[:, None].expand(6, 3)] * 2
    found = describe(np.ones(1920, np.float32), log_probs, states, targets, [0, 1], fits, times, 0.02)
    assert [(time.start, time.end) for time in times] == [pytest.approx((0, 0.06)), pytest.approx((0.06, 0.12))]
    measure = dict(zip(MEASURES, found.measures[1].tolist(), strict=False))
    assert measure["gop_sf"] == pytest.approx(float(exact.gop[1]), abs=1e-5)
    assert measure["gop_lp"] == pytest.approx(math.log(0.8), abs=1e-5)
    assert measure["gop_lpr"] == pytest.approx(math.log(8), abs=1e-5)
    assert measure["left_out_ratio"] == pytest.approx(float(exact.log_likelihood - exact.alternatives[1, 0]), abs=1e-5)
    assert measure["inserted_after"] == pytest.approx(
        float(exact.inserted[2, 1:].max() - exact.log_likelihood), abs=1e-5
    )
    assert (measure["seconds"], measure["gap"], measure["level_db"]) == pytest.approx((0.06, 0.0, 0.0), abs=1e-5)
    assert found.measures[0, -3:].tolist() == pytest.approx([1.7 / 3, 1.0 / 3, 0.3 / 3], abs=1e-5)
    assert found.states[:, 0, 0].tolist() == [1.0, 4.0]  # means of frames 0 to 2 and 3 to 5


def test_impossible_alternatives_stay_within_the_limit() -> None:
    log_probs = torch.tensor([[0.0, -100.0, -100.0]] * 2 + [[-100.0, 0.0, -100.0]])
    spans = align.force(log_probs, [1])
    times = align.phone_times(spans, 3, 0.02)
    sound, states, fits = np.zeros(960, np.float32), [torch.zeros(3, 1)], gop.features(log_probs, [1], spans)
    found = describe(sound, log_probs, states, [1], [0], fits, times, 0.02)
    assert bool(found.measures.isfinite().all())
    assert float(found.measures[:, : len(MEASURES) + 3].abs().max()) <= 60


@settings(max_examples=20)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 999))
def test_padding_leaves_no_trace(lengths: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    scorer = Scorer(replace(SHAPE, members=2)).eval()
    pairs = [[index // 2 for index in range(length)] for length in lengths]
    each = [features(length, seed, words) for length, words in zip(lengths, pairs, strict=True)]
    for together, alone in zip(predict(scorer, each), (predict(scorer, [one])[0] for one in each), strict=True):
        for part in fields(ScorerOutput):
            torch.testing.assert_close(getattr(together, part.name), getattr(alone, part.name), atol=1e-5, rtol=1e-4)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 4), st.integers(0, 999), st.booleans())
def test_members_together_say_what_each_says_alone(lengths: list[int], members: int, seed: int, deaf: bool) -> None:
    torch.manual_seed(seed)
    shape = replace(SHAPE, members=members, layers=2, state_layers=() if deaf else SHAPE.state_layers)
    scorer = Scorer(shape).eval()
    for weight in scorer.members.parameters():  # those of a new network are 0 or 1 in places
        weight.data.normal_(std=0.3)
    for member in scorer.members:
        member.mean.normal_()
        member.deviation.uniform_(0.5, 2)
    each = [features(length, seed, [index // 2 for index in range(length)]) for length in lengths]
    batch = collate([replace(one, states=one.states[:, :0]) for one in each] if deaf else each)
    alone = [member(batch) for member in scorer.members]
    for found in (scorer(batch), scorer(batch, scorer.together())):
        for part in fields(ScorerOutput):
            expected = torch.stack([getattr(one, part.name) for one in alone]).mean(0)
            torch.testing.assert_close(getattr(found, part.name), expected, atol=1e-5, rtol=1e-4)
    assert [len(weight) for weight in scorer.together().parameters()] == [members] * len(list(member.parameters()))


def test_a_member_hears_as_torchs_own_layers_do() -> None:
    torch.manual_seed(0)
    member = Member(replace(SHAPE, layers=2)).eval()
    for weight in member.attention.parameters():
        weight.data.normal_(std=0.3)
    x, real = torch.randn(3, 5, SHAPE.size), torch.arange(5) < torch.tensor([[5], [3], [1]])
    expected = member.attention(x, src_key_padding_mask=~real)
    torch.testing.assert_close(
        among(x.flatten(0, 1), member.attention, real).unflatten(0, real.shape)[real], expected[real]
    )


def test_members_learn_through_what_they_say_together() -> None:
    scorer = Scorer(replace(SHAPE, members=2)).train()
    scorer(collate([features(4)])).utterance.sum().backward()
    learned = {name for name, weight in scorer.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {f"members.{number}.{name}" for number in (0, 1) for name in ("measure.weight", "utterance.bias")} <= learned


def test_scores_stay_on_the_human_scales() -> None:
    scorer = Scorer(SHAPE).eval()
    wild = replace(features(6), measures=1e4 * torch.randn(6, SHAPE.measures))
    found = predict(scorer, [wild])[0]
    assert 0 <= float(found.accuracy.min()) <= float(found.accuracy.max()) <= 2
    assert 0 <= float(found.words.min()) <= float(found.utterance.max()) <= 10


def test_words_are_means_of_their_phones() -> None:
    x = torch.tensor([[[1.0], [3.0], [5.0], [99.0]]])
    found = by_word(x, torch.tensor([[0, 0, 2, 0]]), torch.tensor([[True, True, True, False]]))
    assert found[0, :, 0].tolist() == [2.0, 0.0, 5.0]


def test_what_nobody_scored_costs_nothing() -> None:
    wanted = torch.tensor([1.0, NAN, 0.0])
    found = torch.tensor([0.0, 7.0, 2.0], requires_grad=True)
    error = squared_error(found, wanted)
    error.backward()
    assert error.item() == pytest.approx(2.5)
    assert found.grad is not None
    assert found.grad.tolist() == [-1.0, 0.0, 2.0]
    nothing = Labels(torch.full((4,), NAN), torch.full((1, 3), NAN), torch.full((5,), NAN))
    assert loss(Scorer(SHAPE)(collate([features(4)])), [nothing], ScoreConfig()).item() == 0.0


def test_scores_that_nobody_gave_are_named() -> None:
    one = Labels(torch.ones(2), torch.tensor([[1.0, NAN, 3.0]]), torch.tensor([1.0, 2.0, NAN, 4.0, 5.0]))
    assert untold([one]) == ("word.stress", "utterance.completeness")
    other = Labels(torch.ones(2), torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([1.0, 2.0, NAN, 4.0, 5.0]))
    assert untold([one, other]) == ("utterance.completeness",)


def learnable(count: int, seed: int) -> tuple[list[PhoneFeatures], list[Labels]]:
    """Phones are bad where their first measure is below -0.8; words and utterances follow the mean accuracy."""
    each = [features(4 + number % 5, seed + number) for number in range(count)]
    labels = []
    for one in each:
        accuracy = torch.where(one.measures[:, 0] < -0.8, 0.0, 2.0)
        mean = 5 * accuracy.mean()
        labels.append(Labels(accuracy, mean.expand(1, 3), mean.expand(5)))
    return each, labels


def test_a_scorer_learns_and_is_calibrated_on_others() -> None:
    config = ScoreConfig(epochs=15, rate=5e-3)
    scorer = Scorer(SHAPE)
    scorer.members[0] = fit(*learnable(120, 0), SHAPE, config, seed=0)
    others, labels = learnable(60, 10_000)
    calibrate(scorer.eval(), others, labels)
    found, wanted = predict(scorer, others), torch.cat([each.phones for each in labels])
    accuracy = torch.cat([each.accuracy for each in found])
    assert float(torch.corrcoef(torch.stack([accuracy, wanted]))[0, 1]) > 0.8
    chance = torch.sigmoid(torch.cat([each.bad for each in found]))
    bad = wanted < 0.5
    assert float(chance.mean()) == pytest.approx(float(bad.float().mean()), abs=0.02)
    flagged = chance >= scorer.threshold
    hits = float((flagged & bad).sum())
    assert 2 * hits / float(flagged.sum() + bad.sum()) > 0.8


def test_the_same_seed_gives_the_same_scorer_and_another_seed_another() -> None:
    config = ScoreConfig(epochs=1)
    first, again, other = (fit(*learnable(20, 0), SHAPE, config, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["phone.weight"], other["phone.weight"])


def test_without_mispronounced_phones_nothing_is_calibrated() -> None:
    scorer = Scorer(SHAPE).eval()
    calibrate(scorer, [features(4)], [Labels(torch.full((4,), 2.0), torch.zeros(1, 3), torch.zeros(5))])
    assert (float(scorer.scale), float(scorer.shift), float(scorer.threshold)) == (1.0, 0.0, 0.5)
