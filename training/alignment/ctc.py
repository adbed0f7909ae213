"""The CTC loss of phone logits, also where a target holds places that any phone fits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.alignment.align import BLANK


def ctc_loss(logits: Tensor, frames: Tensor, labels: Tensor) -> Tensor:
    """Return the CTC loss a target phone, in float32 whatever the logits (half precision overflows).

    ``logits`` (batch, frames, classes), ``frames`` (batch,), ``labels`` (batch, phones) padded with -100; the label
    ``classes`` is a wildcard, which any phone fits. Infeasible examples are filtered before; what is still infeasible
    costs nothing.
    """
    counts = (labels >= 0).sum(1)
    with torch.autocast(logits.device.type, enabled=False):
        table = logits.float().log_softmax(-1)
        if bool((labels == table.shape[-1]).any()):
            losses = _with_wildcards(table, frames, labels, counts)
            return (losses / counts.clamp(min=1)).mean()
        return nn.functional.ctc_loss(
            table.transpose(0, 1),
            labels.clamp(min=0),
            frames,
            counts,
            blank=BLANK,
            reduction="mean",
            zero_infinity=True,
        )


def _with_wildcards(table: Tensor, frames: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """Return (batch,): minus the log likelihood of labels among which one more than the phones stands for any phone.

    In a frame the wildcard is as likely as all phones together, so what it covers may be one phone or several, but not
    silence; two in a row need a blank between, as equal phones do. The same frames may be shared out between a wildcard
    and its neighbours in several ways, which all count: the loss can fall a little below 0. A relative of the star of
    Pratap et al. (arXiv 2201.12208), which stands for any number of tokens.
    """
    table = torch.cat([table, table[..., BLANK + 1 :].logsumexp(-1, keepdim=True)], -1)
    losses = nn.functional.ctc_loss(
        table.transpose(0, 1), labels.clamp(min=0), frames, counts, blank=BLANK, reduction="none", zero_infinity=True
    )
    # torch takes exp(table) - occupancy for the gradient of the table, which is right under a softmax over whole rows
    # only (their sum, 1, has no gradient then). The gradient itself is - occupancy: the first term goes again.
    real = torch.arange(table.shape[1], device=frames.device) < frames[:, None]
    mass = (table.exp().sum(-1) * real).sum(1) * (losses.detach() != 0)
    return losses - (mass - mass.detach())
