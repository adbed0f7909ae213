"""How prosody goes with human scores on real learners' speech, and what it costs: figures for ``docs/lab.md``.

    python -m tests.training.prosody_figures RELEASE MODEL CACHE [splits] [utterances]

So many utterances are taken of each split, at even distances, so that nearly every speaker is heard; what is measured
is kept in CACHE. Intervals are 95 % over speakers. Never run it on the test split: thresholds were chosen with it.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from sklearn.metrics import roc_auc_score

from collection.audio import decode_flac
from collection.manifest import fingerprint
from collection.release import read_release
from collection.schema import SAMPLE_RATE, Split
from eval.bootstrap import BootstrapConfig, interval, moments, pearson_statistic, speaker_sums
from training.advice.sound_check import AssessSettings
from training.assess import Assessor
from training.prosodic.prosody import FLUENCY_FEATURES, Prosody, fluency_features, measure
from training.prosodic.stress import StressVerdict

COLUMNS = ["audio", "text", "language", "words", "scores", "raters", "speaker"]
GROUPS = (("all", lambda band: True), ("adults", lambda band: band == "18+"), ("others", lambda band: band != "18+"))
BATCH = 8
console = Console(width=250)


def correlate(speakers: Sequence[str], measured: np.ndarray, human: np.ndarray) -> str:
    """Return Pearson's r of two (N,) with its interval."""
    if len(measured) < 3 or measured.std() == 0:
        return "-"
    names, codes = np.unique(speakers, return_inverse=True)
    sums = speaker_sums(codes, moments(measured, human), len(names))
    ends = interval(sums, pearson_statistic, BootstrapConfig())
    return f"{pearson_statistic(sums.sum(0)[None])[0]:+.2f} [{ends.low or np.nan:+.2f}, {ends.high or np.nan:+.2f}]"


def scores(rows: Sequence[dict[str, Any]], found: Sequence[Prosody]) -> None:
    """Print how each feature goes with human fluency and prosody."""
    table = np.stack([fluency_features(each) for each in found]).astype(np.float64)
    speakers = np.array([row["speaker_id"] for row in rows])
    bands = np.array([str(row["speaker"]["age_band"]) for row in rows])
    known = np.ones(len(rows), bool)
    for name, column in zip(FLUENCY_FEATURES, table.T, strict=True):
        if name.endswith("_known"):
            known = column > 0
            console.print(f"{name}: {known.mean():.1%}")
            continue
        told = [f"median {np.median(column[known]):.2f}" if known.any() else "never measured"]
        for target in ("fluency", "prosody"):
            human = np.array([row["scores"][target] for row in rows], float)
            for group, belongs in GROUPS:
                chosen = known & np.array([belongs(band) for band in bands])
                told.append(f"{target} {group} {correlate(speakers[chosen], column[chosen], human[chosen])}")
        console.print(f"  {name}: " + "; ".join(told))


def stresses(rows: Sequence[dict[str, Any]], found: Sequence[Prosody]) -> None:
    """Print how stress verdicts go with the experts' stress scores of words of several syllables."""
    kept: list[tuple[str, float, float, StressVerdict, int]] = []
    polysyllabic = unknown = 0
    for row, each in zip(rows, found, strict=True):
        for word in each.stress or ():
            polysyllabic += 1
            unknown += word.verdict is None
            if word.verdict is None or len(word.expected) == len(word.vowels):
                continue
            sure = sum(word.vowels[place].probability for place in word.expected)
            objections = sum(rater["words"][word.word_index]["stress"] < 10 for rater in row["raters"])
            score = row["words"][word.word_index]["stress"]
            kept.append((row["speaker_id"], score, sure, word.verdict, objections))
    console.print(
        f"{polysyllabic} words of several vowels, {unknown} not in the dictionary as read, {len(kept)} judged"
    )
    score, sure = np.array([each[1] for each in kept]), np.array([each[2] for each in kept])
    verdicts, objections = np.array([each[3] for each in kept]), np.array([each[4] for each in kept])
    console.print(f"probability of the expected vowel and the score: {correlate([e[0] for e in kept], sure, score)}")
    if len(set(score)) > 1:
        console.print(f"AUC for a score under 10: {roc_auc_score(score < 10, -sure):.2f}")
    for name, chosen in (
        *((f"score {value:g}", score == value) for value in np.unique(score)),
        *((f"{count} of the experts object", objections == count) for count in np.unique(objections)),
    ):
        shares = ", ".join(f"{verdict} {(verdicts[chosen] == verdict).sum()}" for verdict in StressVerdict)
        console.print(f"  {name}: {chosen.sum()} words: {shares}; mean probability {sure[chosen].mean():.2f}")


def cost(assessor: Assessor, sound: np.ndarray, text: str) -> None:
    """Print CPU milliseconds on one core for 3 s: the encoder alone, the phone model, prosody."""
    torch.set_num_threads(1)
    model: Any = assessor.model
    assessment = assessor.assess(sound, text)
    inputs, lengths = model.frontend([sound])

    def encode() -> None:
        with torch.inference_mode():
            model.states(inputs, lengths)

    def prosody() -> None:
        measure(sound, assessment.words, assessment.phones, text, assessor.language)

    steps: dict[str, Callable[[], object]] = {
        "encoder": encode, "phone model": lambda: model.hear([sound]), "prosody": prosody
    }  # fmt: skip
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(21):
        for name, step in steps.items():
            before = time.process_time()
            step()
            taken[name].append(1000 * (time.process_time() - before))
    console.print(f"{len(sound) / SAMPLE_RATE:.2f} s of sound, one core, median of 20 after one to warm up:")
    for name, values in taken.items():
        console.print(f"  {name}: {np.median(values[1:]):.1f} ms")


def prosodies(rows: Sequence[dict[str, Any]], model: str, kept: Path) -> list[Prosody]:
    """Return the prosody of each row; batches that were measured before lie in ``kept``."""
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    assessor: Assessor | None = None
    found: list[Prosody] = []
    for batch in track(batches, console=console):
        place = kept / f"{fingerprint([model, *(row['utterance_id'] for row in batch)])[:16]}.pickle"
        if not place.exists():
            assessor = assessor or Assessor.from_pretrained(model, "cpu", AssessSettings(prosody=True))
            sounds = [decode_flac(row["audio"]["bytes"]) for row in batch]
            told = [each.prosody or Prosody() for each in assessor.assess_batch(sounds, [row["text"] for row in batch])]
            place.write_bytes(pickle.dumps(told))
        found += pickle.loads(place.read_bytes())
    return found


def main(release: str, model: str, cache: str, splits: str = "train,validation", utterances: str = "600") -> None:
    """Print the figures."""
    if Split.TEST in splits.split(","):
        raise SystemExit("The test split is not for choosing thresholds: give train or validation.")
    kept = Path(cache)
    kept.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for split in splits.split(","):
        everything = list(read_release(Path(release)).rows(Split(split), COLUMNS))
        count = min(int(utterances), len(everything))
        places = np.unique(np.linspace(0, len(everything) - 1, count).round().astype(int))
        rows += [everything[place] for place in places]
    rows.sort(key=lambda row: row["duration"])
    found = prosodies(rows, model, kept)
    speakers = len({row["speaker_id"] for row in rows})
    console.print(f"{len(rows)} utterances of {speakers} speakers of {splits}")
    scores(rows, found)
    stresses(rows, found)
    row = min(rows, key=lambda row: abs(row["duration"] - 3))
    cost(Assessor.from_pretrained(model, "cpu"), decode_flac(row["audio"]["bytes"]), row["text"])


if __name__ == "__main__":
    main(*sys.argv[1:])
