"""How far a forced alignment lies from an expert's boundaries of phones, where a release holds them.

Every boundary of the reference counts once: the start of each phone, and its end where the next phone does not begin
there (before a pause, and at the end). The baseline cuts the speech between the expert's first and last boundary into
phones of equal length, which already knows more than an aligner.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from eval.bootstrap import BootstrapConfig, Codes, Interval
from eval.figures import figure, mean_interval
from eval.metrics import Floats, Value
from eval.predictions import encode, floats

WITHIN_MS = (20, 50)
"""ms; the tolerances that aligners are usually told by."""
TOUCHING = 1e-3
"""s; phones nearer than this share their boundary."""
EVEN = "phones of equal length between the first and the last boundary of the reference"


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Absolute differences (s) at N boundaries: of the model, of the baseline; ``codes`` index the speakers."""

    errors: Floats
    even: Floats
    codes: Codes
    speakers: int


def boundary_figures(phones: pa.Table, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return the mean absolute difference (s) and the shares within 20 and 50 ms, or why there are none."""
    found = boundaries(phones)
    names = [("boundary_error", "Boundaries of phones, mean absolute difference to an expert's (s)", "lower", False)]
    names += [
        (f"boundary_within_{ms}ms", f"Boundaries of phones within {ms} ms of an expert's", "higher", True)
        for ms in WITHIN_MS
    ]
    if isinstance(found, str):
        missing, none = Value(None, found), Interval(None, None, found)
        return [
            figure(name, title, missing, none, missing, EVEN, better=better, percent=percent)
            for name, title, better, percent in names
        ]
    # Half a sample more than the tolerance: stored times are rounded.
    kinds = [
        (found.errors, found.even),
        *(
            tuple((side <= ms / 1000 + 1e-4).astype(np.float64) for side in (found.errors, found.even))
            for ms in WITHIN_MS
        ),
    ]
    return [
        figure(
            name,
            title,
            Value(float(ours.mean())),
            mean_interval(ours, found.codes, found.speakers, config),
            Value(float(even.mean())),
            EVEN,
            better=better,
            percent=percent,
        )
        for (name, title, better, percent), (ours, even) in zip(names, kinds, strict=True)
    ]


def boundaries(phones: pa.Table) -> Boundaries | str:
    """Return the boundaries that both the reference and the model place, or why there are none.

    Phones without a time on either side (left out by the speaker, say) have none; ``phones`` are in reading order.
    """
    reference = np.stack([floats(phones, "reference_start"), floats(phones, "reference_end")], axis=1)  # (N, 2)
    ours = np.stack([floats(phones, "start"), floats(phones, "end")], axis=1)  # (N, 2)
    timed = np.isfinite(reference).all(axis=1)
    if not timed.any():
        return "the release holds no expert's times of phones"
    used = timed & np.isfinite(ours).all(axis=1)
    if not used.any():
        return "the model gives no times of phones"
    utterances = np.asarray(phones.column("utterance_id").to_pylist(), dtype=object)[used]
    codes, speakers = encode(phones.column("speaker_id").filter(pa.array(used)).to_pylist())
    reference, ours = reference[used], ours[used]
    even = _even(reference, utterances)
    follows = np.append(
        (utterances[1:] == utterances[:-1]) & (np.abs(reference[1:, 0] - reference[:-1, 1]) < TOUCHING), False
    )
    kept = np.stack([np.ones_like(follows), ~follows], axis=1)  # starts always, ends before a gap
    owners = np.stack([codes, codes], axis=1)
    return Boundaries(
        np.abs(ours - reference)[kept], np.abs(even - reference)[kept], owners[kept].astype(np.intp), len(speakers)
    )


def _even(reference: Floats, utterances: np.ndarray[Any, Any]) -> Floats:
    """Return starts and ends (N, 2) of phones of equal length, utterance by utterance."""
    even = np.empty_like(reference)
    edges = [0, *(np.flatnonzero(utterances[1:] != utterances[:-1]) + 1).tolist(), len(utterances)]
    for first, last in pairwise(edges):
        cuts = np.linspace(reference[first, 0], reference[last - 1, 1], last - first + 1)
        even[first:last] = np.stack([cuts[:-1], cuts[1:]], axis=1)
    return even
