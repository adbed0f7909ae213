"""How well a stretch of speech fits a prompt, by a trained phone model: a scorer for ``collection.reading_order``.

Connectionist temporal classification (Graves et al., 2006) gives the likelihood of the prompt's phones over all
alignments; what the model hears without a text is the yardstick.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from collection.phones import PhoneError, transcribe
from collection.reading_order import Scorer
from training.align import BLANK, frames_needed, greedy
from training.assess import Assessor
from training.posteriors import PosteriorModel

CENTRE = -2.5
"""Log-likelihood ratio a phone between readings of a prompt and other speech; measured on development speakers."""


def scorer(model: str) -> Scorer:
    """Return a scorer from a checkpoint folder; it loads once a process, on the CPU."""
    return partial(score, _loaded(str(Path(model).expanduser())))


def score(
    model: PosteriorModel, samples: npt.NDArray[np.float32], prompts: Sequence[str], language: str
) -> list[float]:
    """Return for each prompt the log-likelihood ratio a phone against what is heard freely, above ``CENTRE``.

    ``samples`` (n,) at 16 kHz. A prompt without pronunciation, in another language than the model's or with too many
    phones for the frames gets ``-inf``.
    """
    if language != model.config.language:
        return [-np.inf] * len(prompts)
    table = model.log_probs([samples])[0].clamp(min=-100.0)
    index = {symbol: at for at, symbol in enumerate(model.config.inventory, start=1)}
    targets = [_targets(prompt, language, index) for prompt in prompts]
    heard = greedy(table)
    fit = [at for at, each in enumerate(targets) if each and frames_needed(each) <= len(table)]
    found = [-np.inf] * len(prompts)
    if not heard or not fit:
        return found
    likelihoods = _log_likelihoods(table, [heard, *(targets[at] for at in fit)])
    for at, likelihood in zip(fit, likelihoods[1:], strict=True):
        found[at] = (likelihood - likelihoods[0]) / max(len(targets[at]), len(heard)) - CENTRE
    return found


def _targets(prompt: str, language: str, index: dict[str, int]) -> list[int]:
    try:
        return [index[phone] for word in transcribe(prompt, language) for phone in word.canonical]
    except (PhoneError, KeyError):
        return []


def _log_likelihoods(table: torch.Tensor, texts: Sequence[Sequence[int]]) -> list[float]:
    """Return the natural log CTC likelihood of each phone sequence over ``table`` (T, V)."""
    labels = torch.tensor([target for text in texts for target in text])
    lengths = torch.tensor([len(text) for text in texts])
    frames = torch.full((len(texts),), len(table))
    tables = table.double()[:, None].expand(-1, len(texts), -1)
    losses = torch.nn.functional.ctc_loss(tables, labels, frames, lengths, blank=BLANK, reduction="none")
    return [-float(loss) for loss in losses]


@cache
def _loaded(folder: str) -> PosteriorModel:
    return Assessor.from_pretrained(folder, device="cpu").model
