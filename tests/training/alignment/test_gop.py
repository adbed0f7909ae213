"""GOP against one CTC loss per altered sequence, against brute force over paths, and by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.alignment import align, gop, lattice
from training.alignment.align import Span
from training.errors import AlignmentError, Misfit


def posteriors(frames: int, symbols: int, seed: int, sharpness: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(frames, symbols, generator=generator)).log_softmax(-1)


def likelihood(log_probs: torch.Tensor, targets: list[int]) -> float:
    """log p(targets | sound) by torch's own CTC loss, in double precision."""
    frames = torch.tensor([len(log_probs)])
    labels = torch.tensor([targets], dtype=torch.long)
    loss = torch.nn.functional.ctc_loss(
        log_probs.double()[:, None], labels, frames, torch.tensor([len(targets)]), reduction="sum"
    )
    return -float(loss)


def naive(log_probs: torch.Tensor, targets: list[int]) -> torch.Tensor:
    table = torch.empty(len(targets), log_probs.shape[1], dtype=torch.float64)
    for i, q in itertools.product(range(len(targets)), range(log_probs.shape[1])):
        table[i, q] = likelihood(log_probs, targets[:i] + ([q] if q else []) + targets[i + 1 :])
    return table


def naive_insertions(log_probs: torch.Tensor, targets: list[int]) -> torch.Tensor:
    table = torch.empty(len(targets) + 1, log_probs.shape[1], dtype=torch.float64)
    for i, q in itertools.product(range(len(targets) + 1), range(log_probs.shape[1])):
        table[i, q] = likelihood(log_probs, targets[:i] + ([q] if q else []) + targets[i:])
    return table


def cases(most_frames: int, most_symbols: int, most_phones: int) -> st.SearchStrategy[tuple[torch.Tensor, list[int]]]:
    @st.composite
    def draw(choose: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
        symbols = choose(st.integers(2, most_symbols))
        targets = choose(st.lists(st.integers(1, symbols - 1), min_size=1, max_size=most_phones))
        needed = align.frames_needed(targets)
        frames = choose(st.integers(needed, max(needed, most_frames)))
        seed, sharpness = choose(st.integers(0, 10**6)), choose(st.sampled_from([0.1, 1.0, 8.0]))
        return posteriors(frames, symbols, seed, sharpness), targets

    return draw()


@settings(max_examples=120)
@given(cases(most_frames=30, most_symbols=6, most_phones=8))
def test_every_alternative_equals_its_own_ctc_loss(case: tuple[torch.Tensor, list[int]]) -> None:
    log_probs, targets = case
    found = gop.exact(log_probs, targets)
    expected = naive(log_probs, targets)
    torch.testing.assert_close(found.alternatives, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.inserted, naive_insertions(log_probs, targets), atol=1e-4, rtol=0)
    assert float(found.log_likelihood) == pytest.approx(likelihood(log_probs, targets), abs=1e-4)


@settings(max_examples=30)
@given(
    st.integers(2, 4).flatmap(
        lambda symbols: st.tuples(
            st.just(symbols), st.lists(st.integers(1, symbols - 1), min_size=1, max_size=3), st.integers(0, 10**6)
        )
    )
)
def test_likelihoods_and_durations_by_listing_every_path(drawn: tuple[int, list[int], int]) -> None:
    symbols, targets, seed = drawn
    log_probs = posteriors(5, symbols, seed)
    total, emitted = 0.0, [0.0] * len(targets)
    for path in itertools.product(range(symbols), repeat=5):
        runs = [(symbol, len(list(run))) for symbol, run in itertools.groupby(path)]
        phones = [(symbol, length) for symbol, length in runs if symbol]
        if [symbol for symbol, _ in phones] == targets:
            chance = math.exp(sum(float(log_probs[t, s]) for t, s in enumerate(path)))
            total += chance
            emitted = [frames + chance * length for frames, (_, length) in zip(emitted, phones, strict=True)]
    found = gop.exact(log_probs, targets)
    assert float(found.log_likelihood) == pytest.approx(math.log(total), abs=1e-5)
    assert found.expected_frames.tolist() == pytest.approx([frames / total for frames in emitted], abs=1e-5)


@settings(max_examples=40)
@given(st.lists(cases(most_frames=20, most_symbols=2, most_phones=5), min_size=1, max_size=4), st.integers(0, 999))
def test_a_batch_gives_what_each_utterance_gives_alone(drawn: list[tuple[torch.Tensor, list[int]]], seed: int) -> None:
    tables = [posteriors(len(log_probs), 4, seed + i, 2.0) for i, (log_probs, _) in enumerate(drawn)]
    targets = [[1 + (phone + i) % 3 if i % 2 else phone for i, phone in enumerate(phones)] for _, phones in drawn]
    for together, table, phones in zip(gop.exact_batch(tables, targets), tables, targets, strict=True):
        alone = gop.exact(table, phones)
        torch.testing.assert_close(together.alternatives, alone.alternatives, atol=1e-9, rtol=0)
        torch.testing.assert_close(together.inserted, alone.inserted, atol=1e-9, rtol=0)
        torch.testing.assert_close(together.log_likelihood, alone.log_likelihood, atol=1e-9, rtol=0)
        torch.testing.assert_close(together.expected_frames, alone.expected_frames, atol=1e-9, rtol=0)


def test_long_utterances_neither_underflow_nor_lose_digits() -> None:
    log_probs = posteriors(800, 40, seed=1, sharpness=3.0)
    targets = [1 + i * 7 % 39 for i in range(60)] + [5, 5]
    found = gop.exact(log_probs, targets)
    for i, q in [(0, 3), (30, 0), (59, 5), (60, 7), (61, 0), (61, 2)]:
        altered = targets[:i] + ([q] if q else []) + targets[i + 1 :]
        assert float(found.alternatives[i, q]) == pytest.approx(likelihood(log_probs, altered), abs=1e-4)
    assert bool(torch.isfinite(found.gop).all())


@pytest.mark.parametrize("seed", range(3))
def test_frames_far_from_a_place_change_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(seed)
    targets = torch.randint(1, 9, (40,), generator=random).tolist()  # more than are bridged at once
    said = torch.tensor([symbol for phone in targets for symbol in (0, phone, 0, 0)])
    log_probs = (9 * torch.nn.functional.one_hot(said, 9) + torch.randn(len(said), 9, generator=random)).log_softmax(-1)
    tables = [log_probs, log_probs[:80]]
    read = [targets, targets[:20]]
    found = gop.exact_batch(tables, read)
    widths = list[int]()
    near = lattice.Lattice._near

    def spied(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
        first, last = near(*given)
        widths.append(int((last - first).max()) + 1)
        return first, last

    monkeypatch.setattr(lattice.Lattice, "_near", spied)
    gop.exact_batch(tables, read)
    monkeypatch.setattr(lattice, "NEGLIGIBLE", math.inf)
    everywhere = gop.exact_batch(tables, read)
    assert widths[0] < 80 < widths[1]
    for one, other in zip(found, everywhere, strict=True):
        torch.testing.assert_close(one.alternatives, other.alternatives, atol=1e-9, rtol=0)
        torch.testing.assert_close(one.inserted, other.inserted, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_said_for_long_in_place_of_a_phone_is_heard_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(seed)
    heard = torch.randint(1, 9, (20,), generator=random)
    said = torch.stack([heard, torch.zeros_like(heard)], 1).flatten().repeat_interleave(8)  # eight frames of everything
    log_probs = (9 * torch.nn.functional.one_hot(said, 9) + torch.randn(len(said), 9, generator=random)).log_softmax(-1)
    targets = torch.where(torch.arange(20) % 3 == 0, heard % 8 + 1, heard).tolist()  # every third was another phone
    found = gop.exact(log_probs, targets)
    monkeypatch.setattr(lattice, "NEGLIGIBLE", math.inf)
    everywhere = gop.exact(log_probs, targets)
    torch.testing.assert_close(found.alternatives, everywhere.alternatives, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.inserted, everywhere.inserted, atol=1e-9, rtol=0)


@settings(max_examples=60)
@given(cases(most_frames=20, most_symbols=6, most_phones=6))
def test_gop_is_a_log_probability_and_own_phone_costs_nothing(case: tuple[torch.Tensor, list[int]]) -> None:
    log_probs, targets = case
    found = gop.exact(log_probs, targets)
    assert bool((found.gop <= 1e-12).all())
    own = found.ratios.gather(1, torch.tensor(targets)[:, None])
    torch.testing.assert_close(own, torch.zeros_like(own), atol=1e-9, rtol=0)
    competitors = found.competitors(targets)
    assert all(int(q) != phone for q, phone in zip(competitors, targets, strict=True))


def certain(symbols: list[int], size: int) -> torch.Tensor:
    return (12.0 * torch.nn.functional.one_hot(torch.tensor(symbols), size)).log_softmax(-1)


def test_what_was_said_instead_is_named() -> None:
    said = certain([0, 1, 0, 3, 0, 0, 2, 0], 5)
    found = gop.exact(said, [1, 4, 2])
    assert int(found.competitors([1, 4, 2])[1]) == 3
    assert float(found.ratios[1, 3]) == pytest.approx(-12, abs=0.05)
    assert found.gop[1] < -10 < -0.1 < float(found.gop[0])
    left_out = gop.exact(certain([0, 1, 0, 0, 0, 0, 2, 0], 5), [1, 4, 2])
    assert int(left_out.competitors([1, 4, 2])[1]) == 0


def test_aligned_gop_by_hand() -> None:
    table = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.6, 0.2]]).log()
    found = gop.aligned(table, [1, 1], [Span(0, 2, 0.0), Span(2, 3, 0.0)])
    first = (math.log(0.5) + math.log(0.2)) / 2
    assert found.log_posterior.tolist() == pytest.approx([first, math.log(0.1)], abs=1e-6)
    assert found.ratio.tolist() == pytest.approx(
        [first - (math.log(0.3) + math.log(0.1)) / 2, math.log(0.1 / 0.8)], abs=1e-6
    )
    assert found.competitor.tolist() == [2, 2]


@settings(max_examples=60)
@given(cases(most_frames=20, most_symbols=6, most_phones=6))
def test_aligned_gop_agrees_with_the_alignment_and_with_a_plain_loop(case: tuple[torch.Tensor, list[int]]) -> None:
    log_probs, targets = case
    spans = align.force(log_probs, targets)
    found = gop.features(log_probs, targets, spans).aligned
    for i, (span, phone) in enumerate(zip(spans, targets, strict=True)):
        assert float(found.log_posterior[i]) == pytest.approx(span.score, abs=1e-4)
        means = log_probs[span.start_frame : span.end_frame].double().mean(0)
        others = [float(mean) for q, mean in enumerate(means) if q not in (0, phone)]
        expected = float(means[phone]) - max(others, default=-math.inf)
        assert float(found.ratio[i]) == pytest.approx(expected, abs=1e-5)


def test_what_does_not_fit_is_refused_and_the_input_is_untouched() -> None:
    log_probs = posteriors(4, 4, 0)
    before = log_probs.clone()
    gop.exact(log_probs, [1, 2])
    gop.aligned(log_probs, [1], [Span(0, 2, 0.0)])
    assert torch.equal(log_probs, before)
    with pytest.raises(AlignmentError) as caught:
        gop.exact(log_probs, [1, 1, 1])
    assert caught.value.reason is Misfit.TOO_FEW_FRAMES
    assert gop.exact_batch([], []) == []


def test_posteriors_of_exactly_zero_give_no_nan() -> None:
    log_probs = certain([0, 1, 0, 2, 0], 4)
    log_probs[:, 3] = float("-inf")
    found = gop.exact(log_probs, [1, 2])
    assert bool(torch.isfinite(found.gop).all())
    assert not bool(torch.isnan(found.alternatives).any() | torch.isnan(found.expected_frames).any())
    assert float(found.alternatives[0, 3]) == pytest.approx(lattice.FLOOR)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same() -> None:
    tables, targets = [posteriors(50, 12, s, 2.0) for s in range(3)], [[1, 2, 2], [3], [4, 5, 6, 7]]
    here = gop.exact_batch(tables, targets)
    there = gop.exact_batch([table.cuda() for table in tables], targets)
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(a.alternatives, b.alternatives.cpu(), atol=1e-8, rtol=0)
