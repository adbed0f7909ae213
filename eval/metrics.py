"""Counts first, then rates: phone errors, agreement with human scores, detection of mispronunciations.

Every rate is a ``Value``: a number, or ``None`` with the reason why it cannot be computed. Arrays are aligned by phone
and written (N,); what nobody rated never enters them. Conventions and sources: ``docs/adr/0007-metric-conventions.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MISPRONOUNCED_BELOW = 0.5
"""A phone whose human accuracy (0-2) lies below this counts as mispronounced."""
LABEL_RANGE = (0.0, 2.0)
DELETED = INSERTED = ""
"""How nothing is written: as the phone heard for a deletion, as the canonical phone for an insertion."""


class Value(NamedTuple):
    """A figure, or ``None`` with the reason why there is none."""

    value: float | None
    reason: str | None = None


NOTHING = Value(None)


def ratio(part: float, whole: float, empty: str) -> Value:
    """Return part / whole, or no value with the reason ``empty`` when there is nothing to divide by."""
    return Value(part / whole) if whole else Value(None, empty)


# Phone errors


@dataclass(frozen=True, slots=True)
class EditCounts:
    """What a shortest edit of the reference into the hypothesis takes; insertions are no part of the reference."""

    correct: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: EditCounts) -> EditCounts:
        return EditCounts(
            self.correct + other.correct,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @property
    def reference(self) -> int:
        """Length of the reference."""
        return self.correct + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    def rate(self) -> Value:
        """Return the error rate with insertions; it may exceed 1."""
        return ratio(self.errors, self.reference, "the reference holds no phone")


def edit_pairs(reference: Sequence[str], hypothesis: Sequence[str]) -> list[tuple[str, str]]:
    """Return a shortest edit as (reference, hypothesis) pairs; "" stands for nothing on either side.

    Of several shortest edits one is taken, always the same. Within a block of substitutions phones pair in order.
    """
    pairs: list[tuple[str, str]] = []
    for step in Levenshtein.opcodes(list(reference), list(hypothesis)):
        said, heard = reference[step.src_start : step.src_end], hypothesis[step.dest_start : step.dest_end]
        if step.tag == "delete":
            pairs.extend((symbol, DELETED) for symbol in said)
        elif step.tag == "insert":
            pairs.extend((INSERTED, symbol) for symbol in heard)
        else:
            pairs.extend(zip(said, heard, strict=True))
    return pairs


def edit_counts(pairs: Iterable[tuple[str, str]]) -> EditCounts:
    """Count the pairs of ``edit_pairs``."""
    kinds = Counter(
        "insertions" if not said else "deletions" if not heard else "correct" if said == heard else "substitutions"
        for said, heard in pairs
    )
    return EditCounts(**kinds)


def count_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> EditCounts:
    """Count a shortest edit of the reference into the hypothesis."""
    return edit_counts(edit_pairs(reference, hypothesis))


def heard_per_slot(canonical: Sequence[str], decoded: Sequence[str]) -> list[str]:
    """Return what was decoded in the place of each canonical phone, "" for nothing: (S,). Insertions have no slot."""
    return [heard for said, heard in edit_pairs(canonical, decoded) if said]


def confusion_counts(pairs: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Count (canonical, heard): ("AH", "") is a deletion, ("", "AH") an insertion."""
    return Counter(pairs)


# Agreement with human scores


def pearson(x: Floats, y: Floats, unit: str = "phone") -> Value:
    """Return Pearson's r of two (N,) arrays, pooled over everything given (the GOPT convention for phones).

    ``unit`` is what reasons call the things that were rated.
    """
    if len(x) < 2:
        return Value(None, f"only one rated {unit}" if len(x) else f"no rated {unit}")
    for values, what in ((x, "scores of the model"), (y, "human scores")):
        if np.ptp(values) == 0:
            return Value(None, f"the {what} are all the same")
    dx, dy = x - x.mean(), y - y.mean()
    return Value(float(np.clip(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)), -1.0, 1.0)))


def mean_squared_error(predicted: Floats, labels: Floats, unit: str = "phone") -> Value:
    """Return the mean squared error of two (N,) arrays on the same scale."""
    return ratio(float(np.sum((predicted - labels) ** 2)), len(labels), f"no rated {unit}")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A monotone, piecewise linear function from GOP to human accuracy (0-2), kept as its knots."""

    gop: tuple[float, ...]
    accuracy: tuple[float, ...]

    def __call__(self, gop: Floats) -> Floats:
        """Map (N,) GOP values; beyond the outermost knots the value stays."""
        return np.asarray(np.interp(gop, self.gop, self.accuracy), dtype=np.float64)


def fit_mapping(gop: Floats, accuracy: Floats) -> Mapping | None:
    """Fit accuracy (N,) on GOP (N,) by isotonic least squares; ``None`` with fewer than two distinct GOP values.

    Isotonic, because GOP is no more than ordinal: any increasing rescaling of it gives the same mapped scores at the
    points it was fitted on (Barlow et al., 1972). Fit it on validation speakers only.
    """
    if len(gop) == 0 or np.ptp(gop) == 0:
        return None
    model = IsotonicRegression(y_min=LABEL_RANGE[0], y_max=LABEL_RANGE[1], out_of_bounds="clip").fit(gop, accuracy)
    return Mapping(tuple(map(float, model.X_thresholds_)), tuple(map(float, model.y_thresholds_)))


# Detection of mispronunciations: low GOP should mean mispronounced


def auc(gop: Floats, bad: Flags) -> Value:
    """Return the probability that a mispronounced phone has a lower GOP than a correct one, ties counting half."""
    if not len(gop):
        return Value(None, "no rated phone")
    if not bad.any():
        return Value(None, "no mispronounced phone among the rated ones")
    if bad.all():
        return Value(None, "no correct phone among the rated ones")
    return Value(float(roc_auc_score(bad, -gop)))


@dataclass(frozen=True, slots=True)
class DetectionCounts:
    """Flagged or passed, against mispronounced (``bad``) or correct (``good``)."""

    bad_flagged: int
    good_flagged: int
    bad_passed: int
    good_passed: int

    @property
    def bad(self) -> int:
        """Mispronounced phones."""
        return self.bad_flagged + self.bad_passed

    @property
    def good(self) -> int:
        """Correct phones."""
        return self.good_flagged + self.good_passed

    @property
    def flagged(self) -> int:
        """Phones the model flags."""
        return self.bad_flagged + self.good_flagged

    def rates(self) -> dict[str, Value]:
        """Return precision, recall, F1, F0.5, false rejection (correct flagged) and false acceptance (1 - recall)."""
        no_bad, no_good = "no mispronounced phone among the rated ones", "no correct phone among the rated ones"
        return {
            "precision": ratio(self.bad_flagged, self.flagged, "the model flags nothing at this threshold"),
            "recall": ratio(self.bad_flagged, self.bad, no_bad),
            "f1": ratio(2 * self.bad_flagged, self.flagged + self.bad, no_bad) if self.bad else Value(None, no_bad),
            "f05": ratio(1.25 * self.bad_flagged, self.flagged + 0.25 * self.bad, no_bad)
            if self.bad
            else Value(None, no_bad),
            "frr": ratio(self.good_flagged, self.good, no_good),
            "far": ratio(self.bad_passed, self.bad, no_bad),
        }

    def chance_rates(self) -> dict[str, Value]:
        """Return the same rates of a coin that flags as often as the model does: the baseline."""
        total = self.bad + self.good
        if not total or not self.bad or not self.good:
            return {name: Value(None, "needs correct and mispronounced phones") for name in self.rates()}
        base, share = self.bad / total, self.flagged / total
        return {
            "precision": Value(base),
            "recall": Value(share),
            "f1": Value(2 * base * share / (base + share)),
            "f05": Value(1.25 * base * share / (share + 0.25 * base)),
            "frr": Value(share),
            "far": Value(1 - share),
        }


def detection_counts(gop: Floats, bad: Flags, threshold: float) -> DetectionCounts:
    """Count what flagging every phone with GOP below ``threshold`` gets right."""
    return flag_counts(gop < threshold, bad)


def flag_counts(flagged: Flags, bad: Flags) -> DetectionCounts:
    """Count what flags (N,) get right."""
    return DetectionCounts(
        int(np.sum(flagged & bad)),
        int(np.sum(flagged & ~bad)),
        int(np.sum(~flagged & bad)),
        int(np.sum(~flagged & ~bad)),
    )


def choose_threshold(gop: Floats, bad: Flags) -> Value:
    """Return the GOP threshold with the best F1, the lowest of equals; choose it on validation speakers only.

    Thresholds lie half-way between neighbouring GOP values, so that a rounding error moves no phone across.
    """
    if not bad.any() or bad.all():
        return Value(None, "needs correct and mispronounced phones to choose a threshold")
    values, codes = np.unique(gop, return_inverse=True)  # (U,), (N,)
    if len(values) < 2:
        return Value(None, "every phone has the same GOP")
    flagged = np.cumsum(np.bincount(codes, minlength=len(values)))[:-1]  # (U-1,) flagged below the i-th midpoint
    hits = np.cumsum(np.bincount(codes, weights=bad, minlength=len(values)))[:-1]
    best = int(np.argmax(2 * hits / (flagged + bad.sum())))
    return Value(float((values[best] + values[best + 1]) / 2))
