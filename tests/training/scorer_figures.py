"""Whether prosody helps a scorer: cross-validation over the folds of training speakers, figures for ``docs/lab.md``.

What ``prosody_figures`` says of the same readings comes first.

    python -m tests.training.scorer_figures RELEASE CACHE KEPT

CACHE is that of a finished ``stage=score`` run on a frozen encoder (its ``cache=``); what is measured is kept in the
file KEPT. Each scorer learns from all folds but one and is judged on that one, whose features come from a recogniser
new to it. Differences are paired, with 95 % intervals over speakers.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
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
from training import align, folds, prosody, score_data
from training.config import ScoreConfig, SelectConfig
from training.model import PhoneModel
from training.pauses import TimedPhone
from training.phone_features import PhoneFeatures
from training.pitch import STEP, PitchSettings, follow, semitones, without_octave_errors
from training.prosody import fluency_features
from training.score_fit import Labels, fit, predict
from training.score_stage import shape_of
from training.scorer import UTTERANCE_SCORES, WORD_SCORES, Scorer
from training.states import StoredStates

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


def measured(
    rows: Sequence[dict[str, Any]], cache: Path, parts: Sequence[int]
) -> tuple[list[prosody.Prosody], list[np.ndarray]]:
    """Return the prosody and the melody (S, 3) of each row, aligned by the recogniser new to it."""
    (states,) = cache.glob("shared/states/*/*/train.f16")
    spans = np.load(states.with_suffix(".npy"))
    told, melodies = [prosody.Prosody()] * len(rows), [np.zeros((0, 3))] * len(rows)
    for fold in range(FOLDS):
        model = PhoneModel.from_pretrained(cache / "folds" / str(fold) / "model").train(False)
        stored = StoredStates(states, spans, model.encoder.width * len(model.config.layers), [[]] * len(rows))
        index = {symbol: number for number, symbol in enumerate(model.config.inventory, start=1)}
        for place in track([at for at, part in enumerate(parts) if part == fold], console=console):
            row, sound = rows[place], decode_flac(rows[place]["audio"]["bytes"])
            heard = stored[place]["states"][None]
            with torch.inference_mode():
                table = model(states=heard, frames=torch.tensor([heard.shape[1]])).logits[0].log_softmax(-1)
            found = align.force(table, [index[phone["canonical"]] for phone in row["phones"]])
            times = align.phone_times(found, len(table), model.frame_seconds)
            phones = [Placed(phone, time) for phone, time in zip(row["phones"], times, strict=True)]
            words = [Said(word["text"].lower()) for word in row["words"]]
            told[place] = prosody.measure(sound, words, phones, row["text"], row["language"])
            settings = PitchSettings()
            melodies[place] = melody(without_octave_errors(follow(sound - sound.mean(), settings), settings), phones)
    return told, melodies


def wider(features: PhoneFeatures, *columns: np.ndarray) -> PhoneFeatures:
    """Return the features with further measures, (S, n) or the same of all phones (n,)."""
    count = len(features.targets)
    more = [torch.from_numpy(np.broadcast_to(each, (count, each.shape[-1])).astype(np.float32)) for each in columns]
    return replace(features, measures=torch.cat([features.measures, *more], 1))


def outcomes(features: list[PhoneFeatures], labels: list[Labels], parts: np.ndarray, width: int) -> dict[str, Any]:
    """Return predictions and labels of all readings, each judged by a scorer new to it."""
    found: dict[int, Any] = {}
    for fold in range(FOLDS):
        learned, judged = np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)
        shape = replace(SHAPES["default"], measures=width)
        member = fit([features[at] for at in learned], [labels[at] for at in learned], shape, ScoreConfig(), 0)
        scorer = Scorer(shape).eval()
        scorer.members[0] = member
        found |= dict(zip(judged.tolist(), predict(scorer, [features[at] for at in judged]), strict=True))
    order = sorted(found)
    human = [labels[at] for at in order]
    return {
        "phone": (torch.cat([found[at].accuracy for at in order]), torch.cat([each.phones for each in human])),
        **{
            f"word {name}": (
                torch.cat([found[at].words[:, column] for at in order]),
                torch.cat([each.words[: len(found[at].words), column] for at, each in zip(order, human, strict=True)]),
            )
            for column, name in enumerate(WORD_SCORES)
        },
        **{
            name: (
                torch.stack([found[at].utterance[column] for at in order]),
                torch.stack([e.utterance[column] for e in human]),
            )
            for column, name in enumerate(UTTERANCE_SCORES)
            if name != "completeness"
        },
    }


def gain(sums: np.ndarray) -> np.ndarray:
    """Return how much higher the first of two correlations is, from the sums of both side by side (B, 2 K)."""
    half = sums.shape[1] // 2
    return pearson_statistic(sums[:, :half]) - pearson_statistic(sums[:, half:])


SHAPES: dict[str, Any] = {}


def main(release: str, cache: str, kept: str) -> None:
    """Print what each set of features gives, and how it differs from the default."""
    longest = SelectConfig().max_seconds
    rows = [row for row in read_release(Path(release)).rows("train", COLUMNS) if row["duration"] <= longest]
    voices = [row["speaker_id"] for row in rows]
    parts = folds.assign(voices, [str(row["speaker"]["age_band"]) for row in rows], FOLDS)
    if not Path(kept).exists():
        Path(kept).write_bytes(pickle.dumps(measured(rows, Path(cache), parts)))
    told, melodies = pickle.loads(Path(kept).read_bytes())
    prosody_figures.scores(rows, told)
    prosody_figures.stresses(rows, told)
    fluency = np.stack([fluency_features(each) for each in told])
    (path,) = Path(cache).glob("features/*/*/train.pt")
    features = {at: replace(each, states=each.states[:, LAYERS]) for at, each in score_data.load(path).items()}
    model = PhoneModel.from_pretrained(Path(cache) / "recogniser" / "model")
    SHAPES["default"] = shape_of(ScoreConfig(state_layers=LAYERS), model, ())
    rated = score_data.read_rated(
        read_release(Path(release)), "train", [row["utterance_id"] for row in rows], model.config.inventory
    )
    order = list(features)
    labels = [rated[at].labels for at in order]  # type: ignore[union-attr]
    codes = np.unique([voices[at] for at in order], return_inverse=True)[1]
    sets = {
        "default": [features[at] for at in order],
        "prosody and pitch of phones": [wider(features[at], fluency[at], melodies[at]) for at in order],
    }
    judged: dict[str, dict[str, Any]] = {}
    for name, each in sets.items():  # "default" first
        judged[name] = outcomes(each, labels, np.array(parts)[order], each[0].measures.shape[1])
        said = []
        for target, (found, wanted) in judged[name].items():
            level = {"phone": [len(one.phones) for one in labels]}.get(target.split()[0])
            if target.startswith("word"):
                level = [min(len(one.words), int(f.words.max()) + 1) for one, f in zip(labels, each, strict=True)]
            speakers = np.repeat(codes, level) if level else codes
            known = ~torch.isnan(wanted)
            x, y = found[known].double().numpy(), wanted[known].double().numpy()
            base = judged["default"][target][0][known].double().numpy()
            both = np.concatenate([moments(x, y), moments(base, y)], 1)
            sums = speaker_sums(speakers[known.numpy()], both, codes.max() + 1)
            ends = interval(sums, gain, BootstrapConfig())
            pcc, mse = np.corrcoef(x, y)[0, 1], np.mean((x - y) ** 2)
            step = pcc - np.corrcoef(base, y)[0, 1]
            said.append(f"{target} {pcc:.4f} / {mse:.4f} ({step:+.4f}, {ends.low or 0:+.4f} to {ends.high or 0:+.4f})")
        console.print(f"{name}: " + "; ".join(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
