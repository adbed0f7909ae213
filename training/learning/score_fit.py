"""How a scorer learns: masked squared errors against human scores, then calibration on other speakers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from training.config import ScoreConfig
from training.learning.dataset import MISPRONOUNCED
from training.network.phone_features import PhoneFeatures
from training.network.scorer import (
    PHONE_SCALE,
    SCALE,
    UTTERANCE_SCORES,
    WORD_SCORES,
    Member,
    Scorer,
    ScorerOutput,
    ScorerShape,
    collate,
)

WARMUP = 0.05
CLIP = 1.0
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Labels:
    """Scores of an utterance, NaN where nobody gave one: ``phones`` (S,), ``words`` (W, 3), ``utterance`` (5,)."""

    phones: Tensor
    words: Tensor
    utterance: Tensor


def fit(
    features: Sequence[PhoneFeatures],
    labels: Sequence[Labels],
    shape: ScorerShape,
    config: ScoreConfig,
    seed: int,
    on_epoch: Callable[[int], None] = lambda done: None,
) -> Member:
    """Return one network that has learned from these utterances."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    member = Member(shape)
    standardise(member, features)
    optimiser = torch.optim.AdamW(member.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    total = config.epochs * math.ceil(len(features) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step / total))
    member.train()
    for epoch in range(config.epochs):
        for chosen in _batches([len(each.targets) for each in features], config.batch_size, random):
            output = member(collate([features[index] for index in chosen]))
            found = loss(output, [labels[index] for index in chosen], config)
            optimiser.zero_grad()
            found.backward()
            torch.nn.utils.clip_grad_norm_(member.parameters(), CLIP)
            optimiser.step()
            schedule.step()
        on_epoch(epoch + 1)
    return member.eval()


def untold(labels: Sequence[Labels]) -> tuple[str, ...]:
    """Return which scores nobody gave, as ``ScorerShape.untold`` names them."""
    words = torch.isnan(torch.cat([each.words for each in labels])).all(0).tolist()
    utterance = torch.isnan(torch.stack([each.utterance for each in labels])).all(0).tolist()
    named = [
        *zip((f"word.{name}" for name in WORD_SCORES), words, strict=True),
        *zip((f"utterance.{name}" for name in UTTERANCE_SCORES), utterance, strict=True),
    ]
    return tuple(name for name, unknown in named if unknown)


def standardise(member: Member, features: Sequence[PhoneFeatures]) -> None:
    """Measure mean and deviation of the measures over all phones, and keep them in the network."""
    rows = torch.cat([each.measures for each in features]).double()
    member.mean.copy_(rows.mean(0))
    member.deviation.copy_(rows.std(0).clamp(min=1e-3))


def loss(output: ScorerOutput, labels: Sequence[Labels], config: ScoreConfig) -> Tensor:
    """Return the weighted sum of the errors, every scale brought to 0-2; what nobody scored costs nothing."""
    phones = pad_sequence([each.phones for each in labels], batch_first=True, padding_value=NAN)
    words = torch.full(output.words.shape, NAN)
    for row, each in zip(words, labels, strict=True):
        row[: len(each.words)] = each.words[: len(row)]
    utterance = torch.stack([each.utterance for each in labels])
    known = ~torch.isnan(phones)
    bad = functional.binary_cross_entropy_with_logits(
        output.bad[known], (phones[known] < MISPRONOUNCED).float(), reduction="sum"
    ) / max(int(known.sum()), 1)
    scale = PHONE_SCALE / SCALE
    return (
        squared_error(output.accuracy, phones)
        + config.bad_weight * bad
        + config.word_weight * squared_error(output.words * scale, words * scale)
        + config.utterance_weight * squared_error(output.utterance * scale, utterance * scale)
    )


def squared_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared error where ``wanted`` is known, 0 where it is nowhere."""
    known = ~torch.isnan(wanted)
    return (found[known] - wanted[known]).square().sum() / max(int(known.sum()), 1)


def _rate(share: float) -> float:
    return min(1.0, share / WARMUP) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def _batches(lengths: Sequence[int], size: int, random: np.random.Generator) -> Iterator[list[int]]:
    """Yield batches of utterances of similar length, in random order."""
    order = np.argsort(np.asarray(lengths) + random.uniform(0, 15, len(lengths)), kind="stable")
    starts = np.arange(0, len(order), size)
    random.shuffle(starts)
    for start in starts:
        yield [int(index) for index in order[start : start + size]]


@torch.inference_mode()
def predict(scorer: Scorer, features: Sequence[PhoneFeatures], batch_size: int = 32) -> list[ScorerOutput]:
    """Return the scores of each utterance, unpadded and without the batch dimension."""
    found = []
    for start in range(0, len(features), batch_size):
        chosen = features[start : start + batch_size]
        output = scorer(collate(chosen))
        for place, each in enumerate(chosen):
            phones, words = len(each.targets), int(each.words.max()) + 1
            found.append(
                ScorerOutput(
                    output.accuracy[place, :phones],
                    output.bad[place, :phones],
                    output.words[place, :words],
                    output.utterance[place],
                )
            )
    return found


def calibrate(scorer: Scorer, features: Sequence[PhoneFeatures], labels: Sequence[Labels]) -> None:
    """Set the probability of a mispronunciation and its threshold (best F1) on speakers that were not learned from.

    What an earlier calibration set is forgotten; without both mispronounced and correct phones there is none.
    """
    scorer.scale.fill_(1.0)
    scorer.shift.fill_(0.0)
    logits = torch.cat([output.bad for output in predict(scorer, features)])
    accuracy = torch.cat([each.phones for each in labels])
    known = ~torch.isnan(accuracy)
    bad, x = (accuracy[known] < MISPRONOUNCED).numpy(), logits[known].double().numpy()
    if bad.all() or not bad.any():
        return
    platt = LogisticRegression(C=1e6).fit(x[:, None], bad)
    scorer.scale.fill_(float(platt.coef_[0, 0]))
    scorer.shift.fill_(float(platt.intercept_[0]))
    precision, recall, thresholds = precision_recall_curve(bad, platt.predict_proba(x[:, None])[:, 1])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    scorer.threshold.fill_(float(thresholds[int(np.argmax(f1[:-1]))]))
