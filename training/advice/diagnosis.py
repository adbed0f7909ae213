"""What was wrong with a phone: the likeliest things said in its place, and the courage to say that one does not know.

Confidences are posteriors under the model: among the canonical phone, every phone in its place, and its omission. What
people hear as one phone may be another to a model, so they are calibrated by what is flagged, not by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.advice.assessment import Alternative, Diagnosis, Fault, Insertion
from training.advice.hints import hint
from training.alignment.align import BLANK
from training.alignment.gop import ExactGop

TOP = 3
"""Alternatives that are told."""


def alternatives(exact: ExactGop, inventory: Sequence[str], top: int = TOP) -> list[tuple[Alternative, ...]]:
    """Return the likeliest things said in the place of each of S phones, likeliest first; "" is nothing."""
    posterior = (exact.alternatives - exact.alternatives.logsumexp(-1, keepdim=True)).exp().cpu()
    best = posterior.topk(min(top, posterior.shape[1]), dim=-1)
    names = ("", *inventory)
    return [
        tuple(Alternative(names[index], share) for index, share in zip(indices, shares, strict=True))
        for indices, shares in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def diagnose(symbol: str, said: Sequence[Alternative], surest: float, language: str) -> Diagnosis:
    """Return what was wrong with a flagged phone, unsure where no explanation reaches the confidence ``surest``."""
    best = said[0]
    if best.confidence < surest:
        return Diagnosis(Fault.UNSURE, None, best.confidence)
    if best.symbol == symbol:
        return Diagnosis(Fault.UNCLEAR, symbol, best.confidence)
    fault = Fault.SUBSTITUTION if best.symbol else Fault.OMISSION
    return Diagnosis(fault, best.symbol, best.confidence, hint(symbol, best.symbol, language))


def insertions(exact: ExactGop, inventory: Sequence[str], surest: float) -> tuple[Insertion, ...]:
    """Return the phones said beside the text whose posterior, against their not being said, is at least ``surest``.

    A phone that was replaced can also be explained by two neighbours, one left out and one added; each gap names its
    likeliest phone only, and only against the text as it stands.
    """
    added = exact.inserted - exact.log_likelihood
    added[:, BLANK] = float("-inf")
    best = added.max(-1)
    sure = torch.sigmoid(best.values).tolist()
    return tuple(
        Insertion(inventory[index - 1], place, share)
        for place, (index, share) in enumerate(zip(best.indices.tolist(), sure, strict=True))
        if share >= surest
    )
