"""The CTC loss with places that any phone fits: value and gradient equal to the sum over all paths."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.alignment.ctc import ctc_loss
from training.config import Targets
from training.learning.dataset import WILDCARD, spoken_phones

CLASSES = 3
ANY = CLASSES


def over_all_paths(logits: Tensor, target: list[int]) -> Tensor:
    """Return -log of the sum over every path of phones, blanks and wildcards that collapses to the target."""
    posteriors = logits.log_softmax(-1)
    table = torch.cat([posteriors, posteriors[:, 1:].logsumexp(-1, keepdim=True)], -1)
    found = []
    for path in product(range(CLASSES + 1), repeat=len(table)):
        merged = [symbol for n, symbol in enumerate(path) if n == 0 or symbol != path[n - 1]]
        if [symbol for symbol in merged if symbol] == target:
            found.append(table[range(len(table)), list(path)].sum())
    return -torch.stack(found).logsumexp(0)


@settings(max_examples=12)
@given(target=st.lists(st.integers(1, ANY), min_size=1, max_size=2), seed=st.integers(0, 99))
def test_value_and_gradient_are_those_of_all_paths(target: list[int], seed: int) -> None:
    target = [*target, ANY]
    logits = torch.randn(2, 5, CLASSES, generator=torch.Generator().manual_seed(seed)).mul(2).requires_grad_()
    rows = torch.tensor([target, [ANY] + [-100] * (len(target) - 1)])
    frames = torch.tensor([5, 2])
    loss = ctc_loss(logits, frames, rows)
    (found,) = torch.autograd.grad(loss, logits)
    by_hand = (over_all_paths(logits[0], target) / len(target) + over_all_paths(logits[1, :2], [ANY])) / 2
    (wanted,) = torch.autograd.grad(by_hand, logits)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_a_wildcard_is_content_with_every_phone_and_not_with_silence() -> None:
    sure = torch.full((3, CLASSES), -20.0)
    sure[[0, 1, 2], [1, 0, 2]] = 20.0
    silent = torch.full((3, CLASSES), -20.0)
    silent[:, 0] = 20.0
    frames, labels = torch.tensor([3]), torch.tensor([[1, ANY]])
    assert ctc_loss(sure[None], frames, labels).item() == pytest.approx(0, abs=1e-6)
    assert ctc_loss(silent[None], frames, labels).item() > 10


def test_what_does_not_fit_costs_nothing_and_moves_nothing() -> None:
    logits = torch.randn(1, 3, CLASSES, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = ctc_loss(logits, torch.tensor([2]), torch.tensor([[ANY, ANY]]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert not gradient.any()


def test_targets_of_mispronounced_phones_nobody_wrote_down() -> None:
    phones = [
        {"canonical": "AA", "accuracy": 2.0, "realised": None},
        {"canonical": "S", "accuracy": 0.4, "realised": None},
        {"canonical": "M", "accuracy": 0.0, "realised": "IY"},
        {"canonical": "S", "accuracy": 0.5, "realised": None},
        {"canonical": "AA", "accuracy": None, "realised": None},
        {"canonical": "IY", "accuracy": 0.0, "realised": ""},
    ]
    assert spoken_phones(phones) == ["AA", "S", "IY", "S", "AA"]
    assert spoken_phones(phones, Targets.dropped) == ["AA", "IY", "S", "AA"]
    assert spoken_phones(phones, Targets.wildcard) == ["AA", WILDCARD, "IY", "S", "AA"]
