"""Goodness of pronunciation (GOP) from CTC posteriors: pure functions, exact in the second half.

Shapes: B utterances, T frames, S canonical phones, V symbols (0 is blank). Logarithms are natural, computed in float64.
``aligned`` scores each phone on the frames that forced alignment gave it (Witt & Young 2000, Speech Communication 30;
posteriors as in Hu et al. 2015, Speech Communication 67; with a CTC model's own alignment: GOP-SA of Cao et al., arXiv
2507.16838). ``exact`` needs no alignment: it compares the likelihood of the canonical phones with that of the same
phones with one replaced, left out or added, over all alignments (GOP-AF of Cao et al.), in one forward-backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from training.alignment.align import BLANK, Span, check
from training.alignment.lattice import NEVER, Lattice


@dataclass(frozen=True, slots=True)
class AlignedGop:
    """GOP on aligned frames: ``log_posterior`` (S,), ``ratio`` (S,), ``competitor`` (S,) symbol indices.

    ``log_posterior``: mean log posterior of the canonical phone over its span, at most 0. ``ratio``: the same minus
    that of the best other phone over the span (blank is no competitor); above 0 where the canonical phone wins.
    """

    log_posterior: torch.Tensor
    ratio: torch.Tensor
    competitor: torch.Tensor


@dataclass(frozen=True, slots=True)
class ExactGop:
    """Segmentation-free GOP.

    ``log_likelihood`` (): log p(canonical phones | sound), all alignments summed.
    ``alternatives`` (S, V): the same with phone i replaced by q (column q) or left out (column 0, blank); where q is
    phone i it equals ``log_likelihood``; -inf where the frames are too few for the alternative.
    ``inserted`` (S+1, V): the same with q added before phone i (row S: at the end); column 0 is ``log_likelihood``.
    ``expected_frames`` (S,): expected number of frames in which phone i is emitted.
    """

    log_likelihood: torch.Tensor
    alternatives: torch.Tensor
    inserted: torch.Tensor
    expected_frames: torch.Tensor

    @property
    def ratios(self) -> torch.Tensor:
        """Log-likelihood ratio of canonical to alternative, (S, V): below 0 where the alternative explains more."""
        return self.log_likelihood - self.alternatives

    @property
    def gop(self) -> torch.Tensor:
        """Log posterior of the canonical phone among all replacements and its omission, (S,): at most 0."""
        return self.log_likelihood - self.alternatives.logsumexp(-1)

    def competitors(self, targets: Sequence[int]) -> torch.Tensor:
        """Return the likeliest alternative to each canonical phone, (S,) symbol indices; 0 (blank) is omission."""
        own = torch.tensor(list(targets), device=self.alternatives.device)[:, None]
        return self.alternatives.scatter(-1, own, NEVER).argmax(-1)


@dataclass(frozen=True, slots=True)
class GopFeatures:
    """Both families for one utterance of S phones; see ``AlignedGop`` and ``ExactGop`` for shapes."""

    aligned: AlignedGop
    exact: ExactGop


def features(log_probs: torch.Tensor, targets: Sequence[int], spans: Sequence[Span]) -> GopFeatures:
    """Return all GOP features of one utterance: ``log_probs`` (T, V), S ``targets`` and their ``spans``."""
    return features_batch([log_probs], [targets], [spans])[0]


def features_batch(
    log_probs: Sequence[torch.Tensor], targets: Sequence[Sequence[int]], spans: Sequence[Sequence[Span]]
) -> list[GopFeatures]:
    """Return all GOP features of each utterance; see ``exact_batch``. Gradients pass those by alignment alone."""
    each = zip(log_probs, targets, spans, exact_batch(log_probs, targets), strict=True)
    return [GopFeatures(aligned(table, phones, own), one) for table, phones, own, one in each]


def aligned(log_probs: torch.Tensor, targets: Sequence[int], spans: Sequence[Span]) -> AlignedGop:
    """Return alignment-based GOP of one utterance; where the model knows one phone only, ``ratio`` is +inf."""
    table = log_probs.double()
    start = torch.tensor([span.start_frame for span in spans], device=table.device)
    end = torch.tensor([span.end_frame for span in spans], device=table.device)
    own = torch.tensor(list(targets), device=table.device)[:, None]
    frame = torch.arange(table.shape[0], device=table.device)
    weights = ((frame >= start[:, None]) & (frame < end[:, None])).double() / (end - start)[:, None]
    # Means as one matrix product rather than by cumulated sums, which would lose digits on long utterances.
    means = weights @ table.clamp(min=torch.finfo(torch.float32).min)
    canonical = means.gather(-1, own)[:, 0]
    others = means.scatter(-1, own, NEVER)
    others[:, BLANK] = NEVER
    best, competitor = others.max(-1)
    return AlignedGop(canonical, canonical - best, competitor)


def exact(log_probs: torch.Tensor, targets: Sequence[int]) -> ExactGop:
    """Return segmentation-free GOP of one utterance: ``log_probs`` (T, V), S ``targets``; see ``exact_batch``."""
    return exact_batch([log_probs], [targets])[0]


@torch.no_grad()
def exact_batch(log_probs: Sequence[torch.Tensor], targets: Sequence[Sequence[int]]) -> list[ExactGop]:
    """Return segmentation-free GOP of each utterance: (T_b, V) posteriors and S_b targets each.

    Equal to one CTC likelihood per phone and alternative, at the cost of one forward-backward pass and one bridge: time
    O(T S + W S V), where W is the longest stretch of frames in which a reading may be off the text at one place; memory
    O(T S + T V + S V) an utterance and O(W V) for each place bridged at once (``lattice.PLACES``). Raises
    ``AlignmentError`` where the canonical phones do not fit.
    """
    for table, phones in zip(log_probs, targets, strict=True):
        check(table, phones)
    if not log_probs:
        return []
    lattice = Lattice.build(log_probs, targets)
    likelihood, occupancy = lattice.likelihood(), lattice.occupancy()
    alternatives, inserted = lattice.altered()
    alternatives[..., BLANK] = lattice.left_out()
    inserted[..., BLANK] = likelihood[:, None]
    return [
        ExactGop(
            likelihood[b], alternatives[b, : len(phones)], inserted[b, : len(phones) + 1], occupancy[b, : len(phones)]
        )
        for b, phones in enumerate(targets)
    ]
