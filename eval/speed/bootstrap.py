"""Cost of intervals: sums of speakers under all draws at once, beside drawing the phones of each resample anew."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rich.table import Table
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from eval import bootstrap, metrics
from eval.bootstrap import BootstrapConfig, Codes
from eval.conventions import ranking_interval
from eval.metrics import Flags, Floats

PHONES, SPEAKERS, RESAMPLES = 47_000, 125, 10_000
"""As many phones and speakers as the test half of speechocean762 has."""
NAIVE = 100
"""Resamples that the usual way is timed on; its time is told for as many as ours."""
BELOW = 0.5
"""Threshold of detection."""

Data = tuple[Floats, Floats, Codes]
"""Scores and human accuracies (0-2), (N,) each, and the speaker of each phone."""


def table() -> Table:
    """Measure four figures both ways on one core, in CPU seconds of this process."""
    config, data = BootstrapConfig(resamples=RESAMPLES), phones()
    title = f"{RESAMPLES:,} resamples of {SPEAKERS} speakers with {PHONES:,} phones"
    printed = Table("interval of", "sums of speakers", f"phones drawn anew ({NAIVE} timed)", "ratio", title=title)
    bootstrap.draw(SPEAKERS, config)  # once for all the figures of a run
    total = 0.0
    for name, (ours, usual) in WAYS.items():
        seconds = _cpu_seconds(lambda ours=ours: ours(data, config))  # type: ignore[misc]
        naive = _cpu_seconds(lambda usual=usual: _naive(data, usual)) * RESAMPLES / NAIVE  # type: ignore[misc]
        total += seconds
        printed.add_row(name, f"{seconds:.2f} s", f"{naive:.0f} s", f"{naive / seconds:.0f} x")
    drawing = _cpu_seconds(lambda: bootstrap.draw(SPEAKERS, BootstrapConfig(RESAMPLES, seed=1)))
    printed.add_row("the draws, shared by all", f"{drawing:.2f} s", "", "")
    printed.add_row("together", f"{total + drawing:.2f} s", "", "")
    return printed


def phones(seed: int = 0) -> Data:
    """Return made-up phones: one in twenty is mispronounced, and speakers differ."""
    random = np.random.default_rng(seed)
    codes = np.sort(random.integers(0, SPEAKERS, PHONES)).astype(np.intp)
    share = random.beta(0.5, 9.5, SPEAKERS)[codes]
    labels = np.where(random.random(PHONES) < share, random.choice([0.0, 0.2, 0.4], PHONES), 1.9)
    return np.clip(labels + random.normal(0, 0.5, PHONES), 0, 2), labels, codes


def _bad(labels: Floats) -> Flags:
    return labels < metrics.MISPRONOUNCED_BELOW


def _correlation(data: Data, config: BootstrapConfig) -> object:
    scores, labels, codes = data
    sums = bootstrap.speaker_sums(codes, bootstrap.moments(scores, labels), SPEAKERS)
    return bootstrap.interval(sums, bootstrap.pearson_statistic, config)


def _f1(data: Data, config: BootstrapConfig) -> object:
    scores, labels, codes = data
    sums = bootstrap.speaker_sums(codes, bootstrap.flag_cells(scores < BELOW, _bad(labels)), SPEAKERS)
    return bootstrap.interval(sums, bootstrap.FLAG_STATISTICS["f1"], config)


def _auc(data: Data, config: BootstrapConfig) -> object:
    scores, labels, codes = data
    return bootstrap.auc_interval(codes, scores, _bad(labels), SPEAKERS, config)


def _average_precision(data: Data, config: BootstrapConfig) -> object:
    scores, labels, codes = data
    return ranking_interval(scores, _bad(labels), codes, SPEAKERS, config)


WAYS: dict[str, tuple[Callable[[Data, BootstrapConfig], object], Callable[[Floats, Floats], float]]] = {
    "correlation": (_correlation, lambda x, y: float(pearsonr(x, y).statistic)),
    "F1": (_f1, lambda x, y: float(f1_score(_bad(y), x < BELOW))),
    "AUC": (_auc, lambda x, y: float(roc_auc_score(_bad(y), -x))),
    "average precision": (_average_precision, lambda x, y: float(average_precision_score(_bad(y), -x))),
}


def _naive(data: Data, figure: Callable[[Floats, Floats], float]) -> list[float]:
    """Draw speakers, gather the phones of those drawn, and compute the figure, one resample after the other."""
    scores, labels, codes = data
    own = [np.flatnonzero(codes == speaker) for speaker in range(SPEAKERS)]
    random = np.random.default_rng(0)
    found = []
    for _ in range(NAIVE):
        drawn = np.concatenate([own[speaker] for speaker in random.integers(0, SPEAKERS, SPEAKERS)])
        found.append(figure(scores[drawn], labels[drawn]))
    return found


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
