"""Do a teacher's states lie where ``training.learning.distil.Timing`` says? Asked of real speech, not of geometry.

    python -m tests.training.alignment_figures releases/speechocean762 ../shared/models/whisper-base-encoder

For each shift the energies of the student's own windows (400 samples, 320 apart, in eight bands) are predicted from
the teacher's states, brought to the student's frames and shifted, by ridge regression from one half of the utterances
to the other. The share of variance explained should be highest at a shift of nothing. Interpolation smooths, so shifts
that land on states and shifts that land between two are looked at apart; a parabola tells where each is highest.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from collection.audio import decode_flac
from collection.cli import console
from collection.release import read_release
from training.learning.distil import Teacher, Timing, at_frames

STUDENT = Timing(199.5, 320)
SHIFTS = {"on states": (-840, -520, -200, 120, 440, 760), "between states": (-680, -360, -40, 280, 600)}


def energies(sound: np.ndarray) -> np.ndarray:
    """Return log energies in eight bands (frames, 8) of the windows that wav2vec2's frames see."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 400)[::320] * np.hanning(400)
    bands = np.array_split(np.abs(np.fft.rfft(windows)) ** 2, 8, axis=1)
    return np.log(np.stack([band.sum(1) for band in bands], 1) + 1e-6)


def explained(train: tuple[np.ndarray, np.ndarray], held: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the share of the held-out energies' variance that a ridge regression explains."""
    mean, deviation, middle = train[0].mean(0), train[0].std(0) + 1e-3, train[1].mean(0)
    known, asked = ((states - mean) / deviation for states in (train[0], held[0]))
    weights = np.linalg.solve(known.T @ known + 100 * np.eye(known.shape[1]), known.T @ (train[1] - middle))
    return float(1 - ((asked @ weights + middle - held[1]) ** 2).sum() / ((held[1] - middle) ** 2).sum())


def main(data: str, name: str, layers: tuple[int, ...] = (0, 2, 4), utterances: int = 60) -> None:
    """Print the share of variance explained at each shift, in samples, and the shift where it is highest."""
    torch.set_num_threads(1)
    for layer in layers:
        teacher = Teacher(name, [layer])
        theirs = Timing.of(teacher.frontend)
        heard = []
        for row, _ in zip(read_release(data).rows("train", ["audio"]), range(utterances), strict=False):
            sound = decode_flac(row["audio"]["bytes"])
            with torch.inference_mode():
                heard.append((teacher.states(*teacher.frontend([sound]))[0].numpy(), energies(sound)))
        for kind, shifts in SHIFTS.items():
            found = []
            for shift in shifts:
                ours = Timing(STUDENT.first + shift, STUDENT.step)
                # Three frames at either end are left out: there a shift has nothing to fetch.
                pairs = [(at_frames(one, theirs, ours, len(two))[3:-3], two[3:-3]) for one, two in heard]
                train, held = ([np.concatenate(each) for each in zip(*pairs[n::2], strict=True)] for n in (0, 1))
                found.append(explained((train[0], train[1]), (held[0], held[1])))
            best = int(np.clip(np.argmax(found), 1, len(found) - 2))
            before, top, after = found[best - 1 : best + 2]
            peak = shifts[best] + 160 * (before - after) / (before - 2 * top + after)
            values = ", ".join(f"{shift}: {value:.4f}" for shift, value in zip(shifts, found, strict=True))
            console.print(f"state {layer}, {kind}: {values}; highest at {peak:.0f} samples")


if __name__ == "__main__":
    main(*sys.argv[1:3])
