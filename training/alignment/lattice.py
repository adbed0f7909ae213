"""The CTC lattice of a batch of texts: every path through the phones at once, and detours around each of them.

Shapes: B utterances, T frames, S canonical phones, V symbols (0 is blank). Logarithms are natural, in float64: a path
of a thousand frames has a log likelihood whose fourth decimal float32 does not hold. States 0..2S alternate blank and
phone, phone i at state 2i+1; place i is the gap before phone i, place S the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from training.alignment.align import BLANK

NEVER = float("-inf")
FLOOR = -1e4
"""Log posteriors are raised to this: sums over frames stay finite."""
CHUNK = 32
"""Frames bridged at once: more take more memory, fewer more calls."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """A padded batch with its forward and backward variables.

    ``table`` (B, T, V); ``phones`` (B, S), -1 where padded; ``last_frame`` and ``last_phone`` (B,). ``emit``
    (B, T, 2S+1): log posterior of each state's symbol. ``alpha`` and ``beta`` (B, T, 2S+1), which both hold it: log
    probability of frames 0..t, and of frames t..last, on paths that are in the state at t.
    """

    table: torch.Tensor
    phones: torch.Tensor
    last_frame: torch.Tensor
    last_phone: torch.Tensor
    emit: torch.Tensor
    alpha: torch.Tensor
    beta: torch.Tensor

    @classmethod
    def build(cls, log_probs: Sequence[torch.Tensor], targets: Sequence[Sequence[int]]) -> Lattice:
        """Run forward and backward over each utterance's (T_b, V) posteriors and S_b > 0 targets."""
        device = log_probs[0].device
        table = pad_sequence([row.double().clamp(min=FLOOR) for row in log_probs], batch_first=True)
        rows = [torch.tensor(list(phones), device=device) for phones in targets]
        phones = pad_sequence(rows, batch_first=True, padding_value=-1)
        frames = torch.tensor([len(row) for row in log_probs], device=device)
        counts = torch.tensor([len(row) for row in rows], device=device)
        states = torch.zeros(len(rows), 2 * phones.shape[1] + 1, dtype=torch.long, device=device)
        states[:, 1::2] = phones.clamp(min=0)
        emit = table.gather(-1, states[:, None].expand(-1, table.shape[1], -1))
        # Backward is forward over everything turned around.
        turn_frames, turn_phones = _turned(frames, table.shape[1]), _turned(counts, phones.shape[1])
        turned = table.gather(1, turn_frames[..., None].expand_as(table))
        alpha = _forward(table, phones, frames, counts)
        beta = _forward(turned, phones.gather(1, turn_phones), frames, counts)
        beta = beta.gather(1, turn_frames[..., None].expand_as(beta))
        beta = beta.gather(2, _turned(2 * counts + 1, states.shape[1])[:, None].expand_as(beta))
        return cls(table, phones, frames - 1, counts - 1, emit, alpha, beta)

    def likelihood(self) -> torch.Tensor:
        """Return (B,): log likelihood of the canonical phones."""
        return self._ended(2 * self.last_phone + 1)

    def occupancy(self) -> torch.Tensor:
        """Return (B, S): expected number of frames in which each phone is emitted."""
        emitted = (self.alpha + self.beta - self.emit)[..., 1::2]
        return (emitted - self.likelihood()[:, None, None]).exp().sum(1)

    def altered(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, S, V) log likelihood with phone i replaced by q, and (B, S+1, V) with q inserted at place i.

        Column 0 (blank) means nothing in both. Both ways leave the text at the same place and join it again at another,
        so one recurrence over the frames spent in q serves both.
        """
        symbol = torch.arange(self.table.shape[2], device=self.table.device)
        before = pad(self.phones, (1, 0), value=-1)[..., None] == symbol  # (B, S+1, V)
        after = pad(self.phones, (0, 2), value=-1)[..., None] == symbol  # (B, S+2, V), of place i: phone i
        entries, exits = self._entries(), self._exits()
        # Equal neighbours must pass through the blank; others may also follow one another directly.
        entry_any, exit_any = torch.logaddexp(*entries), torch.logaddexp(*exits)
        shape = (len(self.table), before.shape[1], len(symbol))
        inside = torch.full(shape, NEVER, dtype=self.table.dtype, device=self.table.device)
        replaced, inserted = inside[:, 1:].clone(), inside.clone()
        for first in range(0, self.table.shape[1], CHUNK):
            frames = slice(first, first + CHUNK)
            entry = torch.where(before[:, None], entries[0][:, frames, :, None], entry_any[:, frames, :, None])
            entry[:, 0] = torch.logaddexp(entry[:, 0], inside)
            spent = self.table[:, frames].cumsum(1)[:, :, None]
            entry[:, 1:] -= spent[:, :-1]
            within = entry.logcumsumexp(1) + spent  # (B, frames, S+1, V): in q at t, having left at the place
            inside = within[:, -1]
            leave = torch.where(after[:, None], exits[0][:, frames, :, None], exit_any[:, frames, :, None])
            inserted = torch.logaddexp(inserted, (within + leave[:, :, :-1]).logsumexp(1))
            replaced = torch.logaddexp(replaced, (within[:, :, :-1] + leave[:, :, 1:-1]).logsumexp(1))
        return replaced, inserted

    def left_out(self) -> torch.Tensor:
        """Return (B, S): log likelihood with phone i left out."""
        from_blank, from_phone = (entry[..., :-1] for entry in self._entries())
        before, after = pad(self.phones, (1, -1), value=-1), pad(self.phones, (-1, 1), value=-1)
        entry = torch.logaddexp(from_blank, from_phone.masked_fill((before == after)[:, None], NEVER))
        total = (entry + pad(self.beta[..., 3::2], (0, 1), value=NEVER)).logsumexp(1)
        total[torch.arange(len(total), device=total.device), self.last_phone] = self._ended(2 * self.last_phone - 1)
        return total

    def _ended(self, state: torch.Tensor) -> torch.Tensor:
        """Return (B,): log probability of ending in ``state`` (B,), a phone (or -1: none), or in the blank after it."""
        final = self.alpha.gather(1, self.last_frame[:, None, None].expand(-1, 1, self.alpha.shape[2]))[:, 0]
        phone = torch.where(state < 0, NEVER, final.gather(1, state.clamp(min=0)[:, None])[:, 0])
        return torch.logaddexp(phone, final.gather(1, (state + 1)[:, None])[:, 0])

    def _entries(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what leaves the text at place i before frame t, (B, T, S+1) each: from its blank, from phone i-1."""
        from_blank = pad(self.alpha[:, :-1, 0::2], (0, 0, 1, 0), value=NEVER)
        from_blank[:, 0, 0] = 0.0  # the start of the utterance
        return from_blank, pad(self.alpha[:, :-1, 1::2], (1, 0, 1, 0), value=NEVER)

    def _exits(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what joins the text at place i after frame t, (B, T, S+2) each: its blank (or the end), phone i.

        The last column, a place after the end, is never joined.
        """
        to_blank = pad(self.beta[:, 1:, 0::2], (0, 1, 0, 1), value=NEVER)
        batch = torch.arange(len(self.beta), device=self.beta.device)
        to_blank[batch, self.last_frame, self.last_phone + 1] = 0.0
        return to_blank, pad(self.beta[:, 1:, 1::2], (0, 2, 0, 1), value=NEVER)


def _forward(table: torch.Tensor, phones: torch.Tensor, frames: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return (B, T, 2S+1): log probability of frames 0..t on paths from the first state or the second to each."""
    # What the CTC loss itself computes first, and returns to whoever asks it by its inner name.
    _, alpha = torch._ctc_loss(table.transpose(0, 1), phones.clamp(min=0), frames, counts, BLANK)
    real = torch.arange(alpha.shape[1], device=alpha.device) < frames[:, None]
    possible = torch.arange(alpha.shape[2], device=alpha.device) < (2 * counts + 1)[:, None]
    return alpha.masked_fill(~(real[:, :, None] & possible[:, None]), NEVER)


def _turned(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """Return (B, size): positions that turn each row around within its length; what is behind stays."""
    position = torch.arange(size, device=lengths.device)
    return torch.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)
