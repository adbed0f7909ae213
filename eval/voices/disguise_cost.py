"""What a disguise costs: phone error rate and phone PCC of the same utterances as they were and disguised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from collection.schema import Phone
from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig
from eval.metrics import EditCounts, Floats, Value
from eval.predictions import encode, spoken_phones
from training.advice.assessment import Assessment


@dataclass(frozen=True, slots=True)
class Pair:
    """One utterance heard twice by a model: edits against what was said, and GOP beside human accuracy (0-2).

    ``phones`` holds (GOP of the original, GOP disguised, accuracy) of each phone that has all three.
    """

    speaker_id: str
    original: EditCounts
    disguised: EditCounts
    phones: tuple[tuple[float, float, float], ...]


def pair(speaker_id: str, phones: Sequence[Phone], original: Assessment, disguised: Assessment, gop: str) -> Pair:
    """Compare two assessments of one utterance with these canonical phones (S,); ``gop`` names a ``PhoneScore`` field.

    What the model could not score stays in the error rate, as deletions.
    """
    said = spoken_phones(phones)
    scored = original.phones and disguised.phones
    both = zip(phones, original.phones, disguised.phones, strict=True) if scored else ()
    return Pair(
        speaker_id,
        metrics.count_edits(said, original.decoded),
        metrics.count_edits(said, disguised.decoded),
        tuple(
            (float(getattr(before, gop)), float(getattr(after, gop)), phone.accuracy)
            for phone, before, after in both
            if phone.accuracy is not None
        ),
    )


def costs(pairs: Sequence[Pair], config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return phone error rate and PCC of raw GOP, original and disguised, and the interval of their difference."""
    codes, speakers = encode(pair.speaker_id for pair in pairs)
    size = {"speakers": len(speakers), "utterances": len(pairs)}
    return [{**size, **_error_rate(pairs, codes, config)}, {**size, **_correlation(pairs, codes, config)}]


def _error_rate(pairs: Sequence[Pair], codes: bootstrap.Codes, config: BootstrapConfig) -> dict[str, Any]:
    before = sum((pair.original for pair in pairs), EditCounts())
    after = sum((pair.disguised for pair in pairs), EditCounts())
    counts = [(pair.disguised.errors - pair.original.errors, pair.original.reference) for pair in pairs]
    sums = bootstrap.speaker_sums(codes, np.array(counts, dtype=np.float64).reshape(-1, 2), _count(codes))
    found = {"phones": before.reference, "edits_original": asdict(before), "edits_disguised": asdict(after)}
    interval = bootstrap.interval(sums, bootstrap.rate_statistic, config)
    return {"figure": "per", **found, **_row(before.rate(), after.rate(), interval)}


def _correlation(pairs: Sequence[Pair], codes: bootstrap.Codes, config: BootstrapConfig) -> dict[str, Any]:
    table = np.array([phone for pair in pairs for phone in pair.phones], dtype=np.float64).reshape(-1, 3)
    before, after = (metrics.pearson(table[:, column], table[:, 2]) for column in (0, 1))
    interval = bootstrap.Interval(None, None, before.reason or after.reason)
    if interval.reason is None:
        owners = np.repeat(codes, [len(pair.phones) for pair in pairs])
        moments = [bootstrap.moments(table[:, column], table[:, 2]) for column in (0, 1)]
        sums = bootstrap.speaker_sums(owners, np.concatenate(moments, axis=1), _count(codes))
        interval = bootstrap.interval(sums, _difference, config)
    return {"figure": "pcc", "phones": len(table), **_row(before, after, interval)}


def _difference(sums: Floats) -> Floats:
    """Return r after minus r before of (B, 12) summed moments."""
    return bootstrap.pearson_statistic(sums[:, 6:]) - bootstrap.pearson_statistic(sums[:, :6])


def _row(before: Value, after: Value, interval: bootstrap.Interval) -> dict[str, Any]:
    change = after.value - before.value if before.value is not None and after.value is not None else None
    return {
        "original": before.value,
        "disguised": after.value,
        "change": change,
        "low": interval.low,
        "high": interval.high,
        "reason": before.reason or after.reason or interval.reason,
    }


def _count(codes: bootstrap.Codes) -> int:
    return int(codes.max()) + 1 if len(codes) else 0
