"""Which accepted pronunciation of each word of a text was read.

The variants of all words form one lattice of CTC states: every path through it is an alignment of one reading of the
text. The likeliest path (Viterbi) is found in one pass, however many readings there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from training.alignment.align import BLANK

PREFERENCE = 1e-9
"""Nats a frame by which the canonical variant of a word is liked better, so that nothing is decided by rounding."""

Words = Sequence[Sequence[tuple[int, ...]]]


@dataclass
class _Lattice:
    """CTC states: the symbol of each, those it may follow in the frame before (itself first), and its variant.

    ``variant`` is (word, number of the variant), or ``None`` for the blanks between words.
    """

    symbols: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    variant: list[tuple[int, int] | None] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, words: Words) -> _Lattice:
        """Return the lattice of a text with at least one word; no variant is empty."""
        found = cls()
        gap, last = found._add(BLANK, None), list[int]()
        found.starts = [gap]
        for word, variants in enumerate(words):
            ends = []
            for number, (first, *more) in enumerate(variants):
                own = (word, number)
                phone = found._add(first, own, gap, *(end for end in last if found.symbols[end] != first))
                found.starts += [phone] if word == 0 else []
                for symbol in more:
                    direct = [] if found.symbols[phone] == symbol else [phone]
                    phone = found._add(symbol, own, found._add(BLANK, own, phone), *direct)
                ends.append(phone)
            gap, last = found._add(BLANK, None, *ends), ends
        found.ends = [gap, *last]
        return found

    def _add(self, symbol: int, variant: tuple[int, int] | None, *before: int) -> int:
        own = len(self.symbols)
        self.symbols.append(symbol)
        self.variant.append(variant)
        self.before.append([own, *before])
        return own


def choose_reading(log_probs: torch.Tensor, words: Words) -> list[tuple[int, ...]]:
    """Return one variant a word: the reading of the text with the likeliest alignment.

    ``log_probs`` (T, V), natural logarithms; ``words`` holds the accepted variants of each word as symbol indices, none
    of them empty, the first one canonical. Equally likely, or with too few frames for any, the canonical one stays.
    """
    chosen = [variants[0] for variants in words]
    if all(len(variants) == 1 for variants in words) or not len(log_probs):
        return chosen
    lattice = _Lattice.of(words)
    size = len(lattice.symbols)
    before = np.full((max(map(len, lattice.before)), size), size)  # beyond the last state: never reached
    for state, each in enumerate(lattice.before):
        before[: len(each), state] = each
    disliked = [0.0 if variant is None or variant[1] == 0 else PREFERENCE for variant in lattice.variant]
    emit = log_probs.detach().cpu().double().numpy()[:, lattice.symbols] - disliked
    best = np.full((len(emit), size + 1), -np.inf)
    reached = best[:, :-1]
    reached[0, lattice.starts] = emit[0, lattice.starts]
    preceding = np.empty(before.shape)
    for last, new, said in zip(best[:-1], reached[1:], emit[1:], strict=True):
        last.take(before, out=preceding, mode="clip")  # the default mode would copy
        np.maximum.reduce(preceding, out=new)
        new += said
    if reached[-1, lattice.ends].max() == -np.inf:
        return chosen
    after = lattice.ends
    for scores in reached[::-1]:
        state = max(after, key=scores.__getitem__)
        if (on := lattice.variant[state]) is not None:
            chosen[on[0]] = words[on[0]][on[1]]
        after = lattice.before[state]
    return chosen
