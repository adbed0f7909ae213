"""Of the mispronunciations that were found: was what was heard what was said? Only where annotators wrote that down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig
from eval.decoding import HEARS_NOTHING_TOLD, was_decoded
from eval.figures import figure
from eval.metrics import Floats, Value
from eval.predictions import Predictions, encode, floats

DEAF = "a model that never hears what was said"
NOT_WRITTEN = "nobody wrote down what was said in place of the mispronounced phones"
NOT_WHOLE = "no utterance has every phone written down as it was said"


def diagnosis_figures(part: Predictions, threshold: float | None, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return the diagnosis error rate without and with false insertions; ``threshold`` is that of detection.

    Without: of the mispronunciations found, how often another phone was heard than was said (Leung et al., 2019). With:
    each phone that the free decoding adds to the text counts as one more wrong diagnosis, in utterances of which every
    phone was written down. A release has no place for phones that a learner really added, so these count as false too.
    """
    rows, why = _found(part.phones, threshold)
    codes, speakers = encode(part.phones.column("speaker_id").to_pylist())
    without = bootstrap.speaker_sums(codes, rows, len(speakers))  # (S, 2): wrong, found
    known = np.array([said is not None for said in part.phones.column("realised").to_pylist()], dtype=bool)
    owners = np.asarray(part.phones.column("utterance_id").to_pylist(), dtype=object)
    whole = set(owners) - set(owners[~known])
    inside = np.array([name in whole for name in owners], dtype=bool)
    added = _added(part.utterances, whole, speakers)
    if added is None or not whole or why is not None:
        with_added, reason = np.zeros_like(without), why or (NOT_WHOLE if not whole else HEARS_NOTHING_TOLD)
    else:
        with_added = bootstrap.speaker_sums(codes[inside], rows[inside], len(speakers)) + added[:, None]
        reason = "no mispronunciation was found"
    return [
        _figure("diagnosis_error", "(diagnosis error)", without, why or "no mispronunciation was found", config),
        _figure(
            "diagnosis_error_insertions", "(diagnosis error, false insertions counted)", with_added, reason, config
        ),
    ]


def _found(phones: pa.Table, threshold: float | None) -> tuple[Floats, str | None]:
    """Return whether each phone was found and wrongly diagnosed, and found, (N, 2), or why none can be."""
    gop, accuracy = floats(phones, "gop"), floats(phones, "accuracy")
    realised, heard = phones.column("realised").to_pylist(), phones.column("heard").to_pylist()
    canonical = phones.column("canonical").to_pylist()
    told = np.array([one is not None for one in heard], dtype=bool)
    known = np.array([said is not None for said in realised], dtype=bool) & np.isfinite(gop) & told
    other = np.array([said != wanted for said, wanted in zip(realised, canonical, strict=True)], dtype=bool)
    bad = known & np.where(np.isfinite(accuracy), accuracy < metrics.MISPRONOUNCED_BELOW, other)
    found = bad & (gop < threshold) if threshold is not None else np.zeros(len(gop), dtype=bool)
    off = np.array([said != was for said, was in zip(realised, heard, strict=True)], dtype=bool)
    silent = len(told) > 0 and not told.any()
    why = (HEARS_NOTHING_TOLD if silent else NOT_WRITTEN) if not bad.any() else None
    rows = np.stack([found & off, found], axis=1).astype(np.float64)
    return rows, why or ("no threshold" if threshold is None else None)


def _added(utterances: pa.Table, whole: set[str], speakers: tuple[str, ...]) -> Floats | None:
    """Return how many phones the decoding adds to the text in the ``whole`` utterances of each speaker, (S,)."""
    if not was_decoded(utterances):
        return None
    place = {name: index for index, name in enumerate(speakers)}
    counts = np.zeros(len(speakers))
    for row in utterances.select(["utterance_id", "speaker_id", "canonical", "decoded"]).to_pylist():
        if row["utterance_id"] in whole:
            counts[place[row["speaker_id"]]] += metrics.count_edits(row["canonical"], row["decoded"]).insertions
    return counts


def _figure(name: str, which: str, sums: Floats, reason: str, config: BootstrapConfig) -> dict[str, Any]:
    wrong, found = sums.sum(0) if len(sums) else (0.0, 0.0)
    value = metrics.ratio(float(wrong), float(found), reason)
    return figure(
        name,
        f"Mispronunciations found, but another phone heard than was said {which}",
        value,
        bootstrap.interval(sums, bootstrap.rate_statistic, config),
        Value(1.0 if value.value is not None else None),
        DEAF,
        better="lower",
        percent=True,
    )
