"""Goodness of pronunciation (GOP) from CTC posteriors: pure functions, exact in the second half.

Shapes: B utterances, T frames, S canonical phones, V symbols (0 is blank). Logarithms are natural, computed in float64.
``aligned`` scores each phone on the frames that forced alignment gave it (Witt & Young 2000, Speech Communication 30;
posteriors as in Hu et al. 2015, Speech Communication 67; with a CTC model's own alignment: GOP-SA of Cao et al., arXiv
2507.16838). ``exact`` needs no alignment: it compares the likelihood of the canonical phones with that of the same
phones with one replaced or left out, over all alignments (GOP-AF of Cao et al.), in one forward-backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from training.align import BLANK, Span, check

NEVER = float("-inf")


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
    ``expected_frames`` (S,): expected number of frames in which phone i is emitted.
    """

    log_likelihood: torch.Tensor
    alternatives: torch.Tensor
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
    return GopFeatures(aligned(log_probs, targets, spans), exact(log_probs, targets))


def aligned(log_probs: torch.Tensor, targets: Sequence[int], spans: Sequence[Span]) -> AlignedGop:
    """Return alignment-based GOP of one utterance; where the model knows one phone only, ``ratio`` is +inf."""
    table = log_probs.detach().double()
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
    O(T S V), memory O(T S + S V + T V) an utterance. Raises ``AlignmentError`` where the canonical phones do not fit.
    """
    for table, phones in zip(log_probs, targets, strict=True):
        check(table, phones)
    if not log_probs:
        return []
    lattice = _Lattice.build(log_probs, targets)
    alpha, beta = lattice.forward(), lattice.backward()
    likelihood = lattice.finish(alpha)
    alternatives = lattice.replaced(alpha, beta)
    alternatives[..., BLANK] = lattice.left_out(alpha, beta)
    emitted = torch.where(lattice.emit > NEVER, alpha + beta - lattice.emit, NEVER)[..., 1::2]
    occupancy = (emitted - likelihood[:, None, None]).exp().sum(1)
    return [
        ExactGop(likelihood[b], alternatives[b, : len(phones)], occupancy[b, : len(phones)])
        for b, phones in enumerate(targets)
    ]


@dataclass(frozen=True, slots=True)
class _Lattice:
    """A padded batch as CTC sees it: states 0..2S alternate blank and phone, phone i at state 2i+1.

    ``table`` (B, T, V); ``emit`` (B, T, 2S+1) log posterior of each state's symbol; ``skip`` (B, 2S+1) whether a state
    may be entered from two states before; ``phones`` (B, S), -1 where padded; ``last_frame`` and ``last_phone`` (B,).
    """

    table: torch.Tensor
    emit: torch.Tensor
    skip: torch.Tensor
    phones: torch.Tensor
    last_frame: torch.Tensor
    last_phone: torch.Tensor

    @classmethod
    def build(cls, log_probs: Sequence[torch.Tensor], targets: Sequence[Sequence[int]]) -> _Lattice:
        device = log_probs[0].device
        table = torch.nn.utils.rnn.pad_sequence([row.double() for row in log_probs], batch_first=True)
        rows = [torch.tensor(list(phones), device=device) for phones in targets]
        phones = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
        states = torch.zeros(len(rows), 2 * phones.shape[1] + 1, dtype=torch.long, device=device)
        states[:, 1::2] = phones.clamp(min=0)
        skip = torch.zeros_like(states, dtype=torch.bool)
        skip[:, 3::2] = phones[:, 1:] != phones[:, :-1]
        emit = table.gather(-1, states[:, None].expand(-1, table.shape[1], -1))
        last_frame = torch.tensor([len(row) - 1 for row in log_probs], device=device)
        last_phone = torch.tensor([len(row) - 1 for row in rows], device=device)
        return cls(table, emit, skip, phones, last_frame, last_phone)

    def forward(self) -> torch.Tensor:
        """Return (B, T, 2S+1): log probability of frames 0..t on paths that are in the state at t."""
        alpha = torch.full_like(self.emit, NEVER)
        alpha[:, 0, :2] = self.emit[:, 0, :2]
        for t in range(1, self.emit.shape[1]):
            before = alpha[:, t - 1]
            stay_or_step = torch.logaddexp(before, pad(before, (1, -1), value=NEVER))
            jump = pad(before, (2, -2), value=NEVER).masked_fill(~self.skip, NEVER)
            alpha[:, t] = self.emit[:, t] + torch.logaddexp(stay_or_step, jump)
        return alpha

    def backward(self) -> torch.Tensor:
        """Return (B, T, 2S+1): log probability of frames t..last on paths that are in the state at t."""
        beta = torch.full_like(self.emit, NEVER)
        after = torch.full_like(self.emit[:, 0], NEVER)
        state = torch.arange(self.emit.shape[2], device=self.emit.device)
        last = (2 * self.last_phone + 1)[:, None]
        ending = torch.where((state == last) | (state == last + 1), 0.0, NEVER).to(after)
        may_jump = pad(self.skip, (-2, 2), value=False)
        for t in range(self.emit.shape[1] - 1, -1, -1):
            stay_or_step = torch.logaddexp(after, pad(after, (-1, 1), value=NEVER))
            jump = pad(after, (-2, 2), value=NEVER).masked_fill(~may_jump, NEVER)
            onward = torch.logaddexp(stay_or_step, jump)
            # Shorter utterances join at their own last frame; their padded frames stay at -inf.
            onward = torch.where((self.last_frame == t)[:, None], ending, onward)
            after = self.emit[:, t] + onward
            beta[:, t] = after
        return beta

    def finish(self, alpha: torch.Tensor) -> torch.Tensor:
        """Return (B,): log likelihood of the canonical phones."""
        return self._ended(alpha, 2 * self.last_phone + 1)

    def _ended(self, alpha: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Return (B,): log probability of ending in ``state`` (B,), a phone (or -1: none), or in the blank after it."""
        final = alpha.gather(1, self.last_frame[:, None, None].expand(-1, 1, alpha.shape[2]))[:, 0]
        phone = torch.where(state < 0, NEVER, final.gather(1, state.clamp(min=0)[:, None])[:, 0])
        return torch.logaddexp(phone, final.gather(1, (state + 1)[:, None])[:, 0])

    def _entries(self, alpha: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what may flow into phone i at frame t, (B, T, S) each: from the blank before it, from phone i-1."""
        from_blank = pad(alpha[:, :-1, 0:-1:2], (0, 0, 1, 0), value=NEVER)
        from_blank[:, 0, 0] = 0.0  # the start of the utterance
        from_phone = pad(alpha[:, :-1, 1:-2:2], (1, 0, 1, 0), value=NEVER)
        return from_blank, from_phone

    def _exits(self, beta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what may follow phone i after frame t, (B, T, S) each: the blank after it (or the end), phone i+1."""
        to_blank = pad(beta[:, 1:, 2::2], (0, 0, 0, 1), value=NEVER)
        batch = torch.arange(len(beta), device=beta.device)
        to_blank[batch, self.last_frame, self.last_phone] = 0.0
        to_phone = pad(beta[:, 1:, 3::2], (0, 1, 0, 1), value=NEVER)
        return to_blank, to_phone

    def replaced(self, alpha: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        """Return (B, S, V): log likelihood with phone i replaced by q, all i and q at once (column 0 is not set)."""
        symbol = torch.arange(self.table.shape[2], device=self.table.device)
        as_before = pad(self.phones, (1, -1), value=-1)[..., None] == symbol
        as_after = pad(self.phones, (-1, 1), value=-1)[..., None] == symbol
        entries, exits = self._entries(alpha), self._exits(beta)
        # Equal neighbours must pass through the blank; others may also follow one another directly.
        entry_any, exit_any = torch.logaddexp(*entries), torch.logaddexp(*exits)
        inside = torch.full(as_before.shape, NEVER, dtype=self.table.dtype, device=self.table.device)
        total = inside.clone()
        for t in range(self.table.shape[1]):
            entry = torch.where(as_before, entries[0][:, t, :, None], entry_any[:, t, :, None])
            inside = self.table[:, t, None, :] + torch.logaddexp(inside, entry)
            leave = torch.where(as_after, exits[0][:, t, :, None], exit_any[:, t, :, None])
            total = torch.logaddexp(total, inside + leave)
        return total

    def left_out(self, alpha: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        """Return (B, S): log likelihood with phone i left out."""
        from_blank, from_phone = self._entries(alpha)
        before, after = pad(self.phones, (1, -1), value=-1), pad(self.phones, (-1, 1), value=-1)
        entry = torch.logaddexp(from_blank, from_phone.masked_fill((before == after)[:, None], NEVER))
        onward = pad(beta[..., 3::2], (0, 1), value=NEVER)
        total = (entry + onward).logsumexp(1)
        batch = torch.arange(len(alpha), device=alpha.device)
        total[batch, self.last_phone] = self._ended(alpha, 2 * self.last_phone - 1)
        return total
