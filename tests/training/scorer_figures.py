"""Whether prosody helps a scorer: cross-validation over the folds of training speakers, figures for ``docs/lab.md``.

What ``prosody_figures`` says of the same readings comes first.

    python -m tests.training.scorer_figures RELEASE CACHE KEPT [STEP]

CACHE is that of a finished ``stage=score`` run on a frozen encoder (its ``cache=``); what was computed is kept in the
folder KEPT; every STEP-th utterance is used. Each scorer learns from all folds but one and is judged on that one, whose
features come from a recogniser new to it. Differences are paired, with 95 % intervals over speakers.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from collection.audio import decode_flac
from collection.release import read_release
from eval.bootstrap import BootstrapConfig, interval, moments, pearson_statistic, speaker_sums
from tests.training import prosody_figures
from training.alignment import align
from training.config import ScoreConfig, SelectConfig
from training.learning import folds, score_data
from training.learning.score_fit import Labels, fit, predict
from training.learning.score_stage import shape_of
from training.learning.states import StoredStates
from training.network.model import PhoneModel
from training.network.phone_features import PhoneFeatures
from training.network.scorer import UTTERANCE_SCORES, WORD_SCORES, Scorer, ScorerShape
from training.prosodic import prosody
from training.prosodic.pauses import TimedPhone
from training.prosodic.pitch import STEP, PitchSettings, follow, semitones, without_octave_errors
from training.prosodic.prosody import fluency_features

FOLDS = 3
LAYERS = [4, 6]
"""Encoder states that these scorers hear: two of seven, for a third of the time."""
COLUMNS = [
    "audio",
    "text",
    "language",
    "phones",
    "words",
    "scores",
    "speaker_id",
    "speaker",
    "utterance_id",
    "duration",
    "raters",
]
CONFIG = ScoreConfig(state_layers=LAYERS)
console = Console(width=200)


class Placed:
    """A phone where an alignment put it."""

    def __init__(self, phone: dict[str, Any], time: align.Times) -> None:
        self.symbol, self.word_index = phone["canonical"], phone["word_index"]
        self.start, self.end = time.start, time.end


class Said:
    """A word of a text."""

    def __init__(self, text: str) -> None:
        self.text = text


def melody(track: np.ndarray, phones: Sequence[TimedPhone]) -> np.ndarray:
    """Return (S, 3): mean pitch in semitones above the reading's median, its change inside the phone, voiced share."""
    voiced = track[track > 0]
    notes = semitones(track, float(np.median(voiced)) if len(voiced) else 1.0)
    time = np.arange(len(track)) * STEP
    found = np.zeros((len(phones), 3))
    for row, phone in zip(found, phones, strict=True):
        own = notes[(time >= phone.start) & (time < phone.end)]
        sung = own[np.isfinite(own)]
        if len(sung):
            row[:] = (
                sung.mean(),
                sung[len(sung) // 2 :].mean() - sung[: len(sung) // 2 + 1].mean(),
                len(sung) / len(own),
            )
    return found


Measured = dict[int, tuple[prosody.Prosody, np.ndarray]]


def measured(rows: Sequence[dict[str, Any]], chosen: Sequence[int], cache: Path, fold: int) -> Measured:
    """Return the prosody and the melody (S, 3) of the rows at these places, aligned by the recogniser new to a fold."""
    states = min(cache.glob("shared/states/*/*/train.f16"))
    model = PhoneModel.from_pretrained(cache / "folds" / str(fold) / "model").train(False)
    width = model.encoder.width * len(model.config.layers)
    stored = StoredStates(states, np.load(states.with_suffix(".npy")), width, [[]] * len(rows))
    index = {symbol: number for number, symbol in enumerate(model.config.inventory, start=1)}
    settings, result = PitchSettings(), Measured()
    for place in track(chosen, console=console):
        row, sound = rows[place], decode_flac(rows[place]["audio"]["bytes"])
        heard = stored[place]["states"][None]
        with torch.inference_mode():
            table = model(states=heard, frames=torch.tensor([heard.shape[1]])).logits[0].log_softmax(-1)
        found = align.force(table, [index[phone["canonical"]] for phone in row["phones"]])
        times = align.phone_times(found, len(table), model.frame_seconds)
        phones = [Placed(phone, time) for phone, time in zip(row["phones"], times, strict=True)]
        words = [Said(word["text"].lower()) for word in row["words"]]
        told = prosody.measure(sound, words, phones, row["text"], row["language"])
        notes = without_octave_errors(follow(sound - sound.mean(), settings), settings)
        result[place] = told, melody(notes, phones)
    return result


def once(path: Path, make: Callable[[], Any]) -> Any:
    """Return what lies in a file, which is made first where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(make()))
    return pickle.loads(path.read_bytes())


def wider(features: PhoneFeatures, *columns: np.ndarray) -> PhoneFeatures:
    """Return the features with further measures, (S, n) or the same of all phones (n,)."""
    count = len(features.targets)
    more = [torch.from_numpy(np.broadcast_to(each, (count, each.shape[-1])).astype(np.float32)) for each in columns]
    return replace(features, measures=torch.cat([features.measures, *more], 1))


Pairs = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def outcomes(
    features: Sequence[PhoneFeatures],
    labels: Sequence[Labels],
    parts: np.ndarray,
    codes: np.ndarray,
    shape: ScorerShape,
) -> Pairs:
    """Return for each score predictions, labels and speakers where it is known, by scorers new to the readings."""
    found: dict[int, Any] = {}
    shape = replace(shape, measures=features[0].measures.shape[1])
    for fold in range(FOLDS):
        learned, judged = np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)
        scorer = Scorer(shape).eval()
        scorer.members[0] = fit([features[at] for at in learned], [labels[at] for at in learned], shape, CONFIG, 0)
        found |= dict(zip(judged.tolist(), predict(scorer, [features[at] for at in judged]), strict=True))
    outputs = [found[at] for at in range(len(features))]
    pairs = {"phone": ([each.accuracy for each in outputs], [each.phones for each in labels])}
    for column, name in enumerate(WORD_SCORES):
        pairs[f"word {name}"] = (
            [each.words[:, column] for each in outputs],
            [each.words[: len(one.words), column] for each, one in zip(labels, outputs, strict=True)],
        )
    for column, name in enumerate(UTTERANCE_SCORES):
        pairs[name] = (
            [each.utterance[column : column + 1] for each in outputs],
            [each.utterance[column : column + 1] for each in labels],
        )
    result: Pairs = {}
    for name, (told, wanted) in pairs.items():
        speakers = np.repeat(codes, [len(each) for each in wanted])
        x, y = torch.cat(told).double().numpy(), torch.cat(wanted).double().numpy()
        known = np.isfinite(y)
        if known.any():
            result[name] = x[known], y[known], speakers[known]
    return result


def gain(sums: np.ndarray) -> np.ndarray:
    """Return how much higher the first of two correlations is, from the sums of both side by side (B, 2 K)."""
    half = sums.shape[1] // 2
    return pearson_statistic(sums[:, :half]) - pearson_statistic(sums[:, half:])


def main(release: str, cache: str, kept: str, step: str = "1") -> None:
    """Print what each set of features gives, and how it differs from the default."""
    longest, folder = SelectConfig().max_seconds, Path(kept)
    rows = [row for row in read_release(Path(release)).rows("train", COLUMNS) if row["duration"] <= longest]
    parts = folds.assign([row["speaker_id"] for row in rows], [str(row["speaker"]["age_band"]) for row in rows], FOLDS)
    (path,) = Path(cache).glob("features/*/*/train.pt")
    features = {at: each for at, each in score_data.load(path).items() if at % int(step) == 0}
    known = Measured()
    for fold in range(FOLDS):
        chosen = [at for at in features if parts[at] == fold]
        known |= once(folder / f"fold-{fold}.pickle", partial(measured, rows, chosen, Path(cache), fold))
    used = [rows[at] for at in features]
    prosody_figures.scores(used, [known[at][0] for at in features])
    prosody_figures.stresses(used, [known[at][0] for at in features])
    model = PhoneModel.from_pretrained(Path(cache) / "recogniser" / "model")
    ids = [row["utterance_id"] for row in rows]
    rated = score_data.read_rated(read_release(Path(release)), "train", ids, model.config.inventory)
    labels = [rated[at].labels for at in features]  # type: ignore[union-attr]
    codes = np.unique([row["speaker_id"] for row in used], return_inverse=True)[1]
    default = [replace(each, states=each.states[:, LAYERS]) for each in features.values()]
    columns = [(fluency_features(known[at][0]), known[at][1]) for at in features]
    sets = {
        "default": default,
        "prosody": [wider(each, *both) for each, both in zip(default, columns, strict=True)],
    }
    judged: dict[str, Pairs] = {}
    own = np.array([parts[at] for at in features])
    for name, each in sets.items():  # the default first
        shape = shape_of(CONFIG, model, ())
        judged[name] = once(folder / f"{name}.pickle", partial(outcomes, each, labels, own, codes, shape))
        said = []
        for target, (x, y, speakers) in judged[name].items():
            base = judged["default"][target][0]
            sums = speaker_sums(speakers, np.concatenate([moments(x, y), moments(base, y)], 1), codes.max() + 1)
            ends = interval(sums, gain, BootstrapConfig())
            pcc, mse, change = np.corrcoef(x, y)[0, 1], np.mean((x - y) ** 2), gain(sums.sum(0)[None])[0]
            said.append(
                f"{target} {pcc:.4f} / {mse:.4f} ({change:+.4f}, {ends.low or 0:+.4f} to {ends.high or 0:+.4f})"
            )
        console.print(f"{name}: " + "; ".join(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
