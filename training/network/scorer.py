"""From phone features to scores: a small masked transformer over the canonical phones of an utterance.

Shapes: B utterances, S phones, W words, F measures, L encoder layers of width D. Scores are on the human scales: phones
0-2, words and utterances 0-10.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import pad_sequence

from training.network.phone_features import PhoneFeatures

PHONE_SCALE, SCALE = 2.0, 10.0
"""Best phone accuracy; best score of a word or an utterance."""
WORD_SCORES = ("accuracy", "stress", "total")
UTTERANCE_SCORES = ("accuracy", "fluency", "completeness", "prosody", "total")


@dataclass(frozen=True)
class ScorerShape:
    """What a scorer must know to be built again; it travels in the configuration of its model.

    ``symbols`` V (blank included), ``measures`` F, ``state_layers`` which encoder states are heard, ``state_width`` D;
    the rest as in ``training.config.ScorerConfig``.
    """

    symbols: int
    measures: int
    state_layers: tuple[int, ...]
    state_width: int
    members: int = 1
    size: int = 96
    layers: int = 3
    heads: int = 4
    projection: int = 64
    dropout: float = 0.2
    states_dropout: float = 0.4
    untold: tuple[str, ...] = ()
    """Scores that nobody gave in training, ``word.stress`` or ``utterance.completeness``: they stay unknown."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a configuration file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ScorerBatch:
    """Padded features of several utterances.

    ``phones`` (B, S) symbol indices, 0 where padded; ``words`` (B, S); ``places`` (B, S): 0 first in its word, 1
    inside, 2 last; ``measures`` (B, S, F); ``states`` (B, S, L, D).
    """

    phones: Tensor
    words: Tensor
    places: Tensor
    measures: Tensor
    states: Tensor

    def to(self, device: torch.device) -> ScorerBatch:
        """Return the batch on a device."""
        return ScorerBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class ScorerOutput:
    """Scores of several utterances; what is padded has no meaning.

    ``accuracy`` (B, S) 0-2; ``bad`` (B, S) logit of a mispronunciation; ``words`` (B, W, 3) and ``utterance`` (B, 5),
    0-10, in the order of ``WORD_SCORES`` and ``UTTERANCE_SCORES``.
    """

    accuracy: Tensor
    bad: Tensor
    words: Tensor
    utterance: Tensor


def collate(features: Sequence[PhoneFeatures]) -> ScorerBatch:
    """Pad the features of several utterances."""
    return ScorerBatch(
        pad_sequence([each.targets for each in features], batch_first=True),
        pad_sequence([each.words for each in features], batch_first=True),
        pad_sequence([_places(each.words) for each in features], batch_first=True),
        pad_sequence([each.measures for each in features], batch_first=True),
        pad_sequence([each.states.float() for each in features], batch_first=True),
    )


def _places(words: Tensor) -> Tensor:
    """Return (S,): 0 for the first phone of a word, 2 for the last of a longer one, 1 inside."""
    changes = words[1:] != words[:-1]
    edge = torch.ones(1, dtype=torch.bool)
    first, last = torch.cat([edge, changes]), torch.cat([changes, edge])
    return torch.where(first, 0, torch.where(last, 2, 1))


class Scorer(nn.Module):
    """Several equal networks that learned from different seeds; their scores are averaged."""

    shift: Tensor
    scale: Tensor
    threshold: Tensor

    def __init__(self, shape: ScorerShape) -> None:
        super().__init__()
        self.shape = shape
        self.members = nn.ModuleList(Member(shape) for _ in range(shape.members))
        # Calibration of the probability of a mispronunciation (Platt 2000) and the threshold: from validation speakers.
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))
        self.register_buffer("threshold", torch.tensor(0.5))

    def forward(self, batch: ScorerBatch, joined: Member | None = None) -> ScorerOutput:
        """Return the scores of a batch; whoever asks often gives ``joined``, what ``together`` returned."""
        each = joined(batch) if joined else functional_call(self.members[0], self._stacked(), (batch,))
        mean = {part.name: getattr(each, part.name).mean(0) for part in fields(ScorerOutput)}
        return ScorerOutput(**{**mean, "bad": self.scale * mean["bad"] + self.shift})

    @torch.no_grad()
    def together(self) -> Member:
        """Return one network with the weights of all members, one axis more at the front: one pass asks them all."""
        found = cast(Member, copy.deepcopy(self.members[0]))
        stacked = self._stacked()
        for name, tensor in _tensors(found).items():
            # Matrices lie column by column: products of few rows with them then take half the time.
            tensor.data = stacked[name].mT.contiguous().mT if stacked[name].dim() > 2 else stacked[name]
        return found

    def _stacked(self) -> dict[str, Tensor]:
        each = [_tensors(member) for member in self.members]
        return {name: torch.stack([tensors[name] for tensors in each]) for name in each[0]}


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(chain(module.named_parameters(), module.named_buffers()))


class Member(nn.Module):
    """One network: symbol, measures and states of each phone, three layers of attention, a head for each level.

    Its weights may have one more axis at the front, for several networks at once; what it returns has it then too.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: ScorerShape) -> None:
        super().__init__()
        size = shape.size
        self.register_buffer("mean", torch.zeros(shape.measures))
        self.register_buffer("deviation", torch.ones(shape.measures))
        self.symbol = nn.Embedding(shape.symbols, size)
        self.place = nn.Embedding(3, size)
        self.measure = nn.Linear(shape.measures, size)
        self.layer_weights = nn.Parameter(torch.zeros(len(shape.state_layers)))
        self.project = nn.Sequential(
            nn.Dropout(shape.states_dropout),
            nn.Linear(shape.state_width, shape.projection),
            nn.GELU(),
            nn.Linear(shape.projection, size),
        )
        layer = nn.TransformerEncoderLayer(
            size, shape.heads, 2 * size, shape.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.attention = nn.TransformerEncoder(layer, shape.layers, nn.LayerNorm(size), enable_nested_tensor=False)
        # Neighbours are told apart by their distance in the canonical sequence; texts longer than this share a place.
        self.position = nn.Embedding(256, size)
        nn.init.normal_(self.position.weight, std=0.02)
        self.phone = nn.Linear(size, 2)
        self.word = nn.Linear(size, len(WORD_SCORES))
        self.utterance = nn.Linear(size, len(UTTERANCE_SCORES))

    def forward(self, batch: ScorerBatch) -> ScorerOutput:
        """See ``Scorer.forward``."""
        real = batch.phones > 0
        order = torch.arange(real.shape[1], device=real.device).clamp(max=self.position.num_embeddings - 1)
        x = _looked_up(batch.phones, self.symbol) + _looked_up(batch.places, self.place)
        x = x + _looked_up(order.expand_as(real), self.position)
        measures = (batch.measures.flatten(0, 1) - self.mean.unsqueeze(-2)) / self.deviation.unsqueeze(-2)
        x = x + _linear(measures, self.measure)
        if self.layer_weights.shape[-1]:
            states = nn.functional.layer_norm(batch.states, batch.states.shape[-1:]).flatten(0, 1)
            mixed = torch.einsum("nld,...l->...nd", states, self.layer_weights.softmax(-1))
            dropout, narrow, gelu, widen = self.project
            x = x + _linear(gelu(_linear(dropout(mixed), narrow)), widen)
        x = among(x, self.attention, real)
        accuracy, bad = _linear(x, self.phone).unflatten(-2, real.shape).unbind(-1)
        x = x.unflatten(-2, real.shape)
        share = real[..., None].to(x)
        whole = (x * share).sum(-2) / share.sum(1).clamp(min=1)
        words = by_word(x, batch.words, real)
        told = _linear(words.flatten(-3, -2), self.word).unflatten(-2, words.shape[-3:-1])
        # Most phones are right: two above 0 is where learning begins.
        return ScorerOutput(
            PHONE_SCALE * torch.sigmoid(accuracy + 2.0),
            bad - 2.0,
            SCALE * torch.sigmoid(told + 1.0),
            SCALE * torch.sigmoid(_linear(whole, self.utterance) + 1.0),
        )


def _looked_up(indices: Tensor, table: Any) -> Tensor:
    """Return (…, B S, size): the rows of an embedding at ``indices`` (B, S)."""
    return cast(Tensor, table.weight.index_select(-2, indices.flatten()))


def _linear(x: Tensor, layer: Any) -> Tensor:
    """Return (…, N, out) of ``x`` (…, N, in) by a linear layer."""
    return cast(Tensor, x @ layer.weight.mT + layer.bias.unsqueeze(-2))


def _norm(x: Tensor, layer: Any) -> Tensor:
    """Return (…, N, size): each row of ``x`` normalised by a layer norm."""
    normal = nn.functional.layer_norm(x, x.shape[-1:], eps=layer.eps)
    return torch.addcmul(layer.bias.unsqueeze(-2), normal, layer.weight.unsqueeze(-2))


def among(x: Tensor, attention: nn.TransformerEncoder, real: Tensor) -> Tensor:
    """Return (…, B S, size): ``x`` behind the layers of a transformer, among the ``real`` (B, S) phones of each row."""
    copies = x.numel() // (real.numel() * x.shape[-1])  # several networks: a longer batch
    heard = None if real.all() else real.repeat(copies, 1)[:, None, None]
    for layer in cast(Any, attention.layers):
        x = x + layer.dropout1(_attention(_norm(x, layer.norm1), layer.self_attn, real.shape[1], heard))
        wide = nn.functional.gelu(_linear(_norm(x, layer.norm2), layer.linear1))
        x = x + layer.dropout2(_linear(layer.dropout(wide), layer.linear2))
    return _norm(x, attention.norm)


def _attention(x: Tensor, layer: Any, phones: int, heard: Tensor | None) -> Tensor:
    """Return (…, B S, size): what each row of ``x`` takes from those of its utterance of S ``phones``.

    ``heard`` (…, 1, 1, S) says which are real, ``None`` where all are.
    """
    joint = x @ layer.in_proj_weight.mT + layer.in_proj_bias.unsqueeze(-2)
    parts = joint.view(-1, phones, 3, layer.num_heads, layer.head_dim)
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    dropout = layer.dropout if layer.training else 0.0
    seen = nn.functional.scaled_dot_product_attention(query, key, value, heard, dropout)
    return _linear(seen.transpose(1, 2).reshape(x.shape), layer.out_proj)


def by_word(x: Tensor, words: Tensor, real: Tensor) -> Tensor:
    """Return (…, B, W, size): the mean over each word's phones of ``x`` (…, B, S, size); W is the highest word + 1."""
    count = int(words.max()) + 1
    member = (words[:, None] == torch.arange(count, device=words.device)[None, :, None]) & real[:, None]
    share = member.to(x)
    return share @ x / share.sum(-1, keepdim=True).clamp(min=1)
