"""Do a teacher's states lie where ``training.distil.Timing`` says? Asked of real speech, not of geometry.

    python -m tests.training.alignment_figures releases/speechocean762 ../shared/models/whisper-base-encoder

For each shift the energies of the student's own windows (400 samples, 320 apart, in eight bands) are predicted from
the teacher's states, brought to the student's frames and shifted, by ridge regression from one half of the utterances
to the other. The share of variance explained should be highest at a shift of nothing.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from collection.audio import decode_flac
from collection.cli import console
from collection.release import read_release
from training.distil import Teacher, Timing, at_frames

STUDENT = Timing(199.5, 320)
SHIFTS = (-320, -240, -200, -160, -80, -40, 0, 40, 80, 120, 160, 240, 320)


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


def main(data: str, name: str, layer: int = 4, utterances: int = 40) -> None:
    """Print the share of variance explained at each shift, in samples."""
    torch.set_num_threads(1)
    teacher = Teacher(name, [layer])
    theirs = Timing.of(teacher.frontend)
    heard = []
    for row, _ in zip(read_release(data).rows("train", ["audio"]), range(utterances), strict=False):
        sound = decode_flac(row["audio"]["bytes"])
        with torch.inference_mode():
            heard.append((teacher.states(*teacher.frontend([sound]))[0].numpy(), energies(sound)))
    for shift in SHIFTS:
        ours = Timing(STUDENT.first + shift, STUDENT.step)
        pairs = [(at_frames(states, theirs, ours, len(wanted)), wanted) for states, wanted in heard]
        halves = [
            (np.concatenate([one for one, _ in half]), np.concatenate([two for _, two in half]))
            for half in (pairs[::2], pairs[1::2])
        ]
        console.print(f"{shift:5d} samples: {explained(halves[0], halves[1]):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
