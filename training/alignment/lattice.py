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
PLACES = 32
"""Places bridged at once: more take more memory, fewer more calls."""
NEGLIGIBLE = 40.0
"""Nats: what is so much less likely than all that it could be added to leaves no trace in float64."""


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
        so one sum over the frames spent in q serves both.
        """
        # Where there is no phone, blank stands for one.
        before = pad(self.phones.clamp(min=BLANK), (1, 0), value=BLANK)  # (B, S+1)
        after = pad(self.phones.clamp(min=BLANK), (0, 2), value=BLANK)  # (B, S+2), of place i: phone i
        # Equal neighbours must pass through the blank; others may also follow one another directly.
        entries, exits = ((blank, torch.logaddexp(blank, phone)) for blank, phone in (self._entries(), self._exits()))
        first, last = self._near(*entries, *exits)
        batch = torch.arange(len(first), device=first.device)[:, None, None]
        spent = pad(self.table.cumsum(1), (0, 0, 1, 0))  # (B, T+1, V): in q in all frames before t
        inserted, replaced = list[torch.Tensor](), list[torch.Tensor]()
        for start in range(0, first.shape[1], PLACES):
            stop = min(start + PLACES, first.shape[1])
            here, beyond = slice(start, stop), slice(start + 1, stop + 1)
            width = int((last - first)[:, here].max().clamp(min=0)) + 1
            position = torch.arange(width, device=first.device)[:, None]
            frames = first[:, None, here].clamp(max=self.table.shape[1] - width) + position  # (B, width, places)
            begin = _plus(
                -spent[batch, frames], before[:, here], *(each[..., here].gather(1, frames) for each in entries)
            )
            # (B, width, places, V): in q at the frame, having left the text at the place in this frame or before
            within = begin.logcumsumexp(1) + spent[batch, frames + 1]
            for found, place in ((inserted, here), (replaced, beyond)):
                whole = _plus(within, after[:, place], *(each[..., place].gather(1, frames) for each in exits))
                found.append(whole.logsumexp(1))
        return torch.cat(replaced, 1)[:, :-1], torch.cat(inserted, 1)

    def _near(
        self, from_blank: torch.Tensor, entry: torch.Tensor, to_blank: torch.Tensor, leave: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, S+1) each: first and last frame in which an altered reading may be off the text at each place.

        Every symbol can be said for one frame between two blanks, so no altered reading is less likely than ``least``.
        Ways off the text that are ``NEGLIGIBLE`` beside that, even if each frame were given to its likeliest phone,
        are left out.
        """
        position = torch.arange(entry.shape[1], device=entry.device)[:, None]
        spent = pad(self.table[..., BLANK + 1 :].amax(-1).cumsum(1), (1, 0))[..., None]
        useful = torch.zeros_like(entry, dtype=torch.bool)
        for joins in (slice(0, -1), slice(1, None)):  # inserted: at the place it left; replaced: at the next
            least = (from_blank + to_blank[..., joins] + self.table.amin(-1, keepdim=True)).amax(1, keepdim=True)
            ahead = (leave[..., joins] + spent[:, 1:]).flip(1).cummax(1).values.flip(1)
            most = (entry - spent[:, :-1]).cummax(1).values + ahead
            useful |= (most >= least - NEGLIGIBLE) & (most > NEVER)
        return torch.where(useful, position, len(position)).amin(1), torch.where(useful, position, -1).amax(1)

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


def _plus(table: torch.Tensor, phones: torch.Tensor, if_equal: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """Return ``table`` (B, frames, places, V) plus ``otherwise`` (B, frames, places); ``if_equal`` at the own phone."""
    column = phones[:, None, :, None].expand(*if_equal.shape, 1)
    own = table.gather(-1, column) + if_equal[..., None]
    return (table + otherwise[..., None]).scatter_(-1, column, own)
