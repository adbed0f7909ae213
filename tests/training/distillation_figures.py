"""Phone error rates of two ways to train, each over several seeds, and how far they lie apart on the same speakers.

    python -m tests.training.distillation_figures 'runs/small-scratch-*-scores' 'runs/small-distilled-*-scores'

Reads what ``eval.score`` wrote. Errors are averaged over the seeds of a way; speakers are drawn anew for the intervals,
the same ones for both ways.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from collection.cli import console
from eval.bootstrap import BootstrapConfig, interval, rate_statistic, speaker_sums
from eval.metrics import EditCounts, Floats, count_edits


def errors(folder: Path) -> tuple[list[str], Floats]:
    """Return the speaker of each utterance of a run, and its errors and reference phones ``(utterances, 2)``."""
    rows = pq.read_table(folder / "utterances.parquet", columns=["speaker_id", "spoken", "decoded"]).to_pylist()
    counts = [count_edits(row["spoken"], row["decoded"]) for row in rows]
    whole = sum(counts, EditCounts())
    console.print(
        f"{folder.name}: {whole.errors} of {whole.reference} phones wrong ({whole.rate().value:.2%}); substituted "
        f"{whole.substitutions}, left out {whole.deletions}, added {whole.insertions}"
    )
    return [row["speaker_id"] for row in rows], np.array([[one.errors, one.reference] for one in counts], dtype=float)


def way(pattern: str) -> tuple[list[str], Floats]:
    """Return the same for all runs of a way, errors averaged over them."""
    found = [errors(folder) for folder in sorted(Path(pattern).parent.glob(Path(pattern).name))]
    speakers, values = zip(*found, strict=True)
    if any(each != speakers[0] for each in speakers):
        raise SystemExit(f"{pattern}: the runs were scored on different utterances.")
    return speakers[0], np.mean(values, axis=0)


def main(*patterns: str) -> None:
    """Print the error rate of each way and the difference of the two."""
    names, values = zip(*map(way, patterns), strict=True)
    speakers, codes = np.unique(names[0], return_inverse=True)
    config = BootstrapConfig()
    rates = dict(zip(patterns, values, strict=True))
    rates["first less second"] = np.stack([values[0][:, 0] - values[1][:, 0], values[0][:, 1]], axis=1)
    for name, found in rates.items():
        sums = speaker_sums(codes, found, len(speakers))
        ends = interval(sums, rate_statistic, config)
        rate = sums[:, 0].sum() / sums[:, 1].sum()
        console.print(f"{name}: {rate:.1%} ({ends.low:.1%} to {ends.high:.1%}), {len(speakers)} speakers")


if __name__ == "__main__":
    main(*sys.argv[1:3])
