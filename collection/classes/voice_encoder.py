"""A voice as 256 numbers: the speaker encoder of the ``resemblyzer`` package, weights included.

A three-layer LSTM over 40 mel bands, trained to tell speakers apart by the generalised end-to-end loss (Wan et al.,
2018). Two utterances of one speaker have a high cosine. What comes out is biometric data: it identifies a person.

Only the weights of the package are read. Its own code imports ``webrtcvad`` and a part of scipy that is going away,
for a trimming of silence that the encoder does not need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torchaudio.transforms import MelSpectrogram

from collection.errors import ParlureError
from collection.schema import SAMPLE_RATE

Samples = npt.NDArray[np.float32]
Embedding = npt.NDArray[np.float32]

SIZE = 256
"""Length of an embedding."""

_BANDS, _LAYERS = 40, 3
_HOP = 160
"""Samples from frame to frame (10 ms)."""
_WINDOW_FRAMES, _STEP_FRAMES = 160, 77
"""Frames that the network hears at a time, 1.6 s as in its training, and from one such window to the next."""
_LEAST_COVER = 0.75
"""Share of the last window that sound must fill; a single window is taken whatever it holds."""
_LEAST_LEVEL = 10 ** (-30 / 20)
"""RMS to which quieter sound is raised, -30 dBFS as in training; louder sound stays."""
_WINDOWS_AT_ONCE = 64


class _Network(torch.nn.Module):
    """Mel frames (B, T, 40) to unit vectors (B, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(_BANDS, SIZE, _LAYERS, batch_first=True)
        self.linear = torch.nn.Linear(SIZE, SIZE)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(frames)
        return torch.nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


def embed(samples: Samples) -> Embedding:
    """Return the unit vector (256,) of an utterance: float32 samples (n,), mono, 16 kHz, a second or more of speech.

    Raises ``ValueError`` for no samples, another shape, or NaN.
    """
    return np.asarray(embed_many([samples])[0], dtype=np.float32)


def embed_many(utterances: Sequence[Samples]) -> Embedding:
    """Return the unit vectors (len(utterances), 256): each the mean over the windows of its utterance."""
    if not utterances:
        return np.zeros((0, SIZE), np.float32)
    network = _network()
    windows = [_windows(samples) for samples in utterances]
    with torch.inference_mode():
        voices = torch.cat([network(batch) for batch in torch.cat(windows).split(_WINDOWS_AT_ONCE)])
        means = torch.stack([part.mean(0) for part in voices.split([len(window) for window in windows])])
        return np.asarray(torch.nn.functional.normalize(means, dim=1).numpy(), dtype=np.float32)


def window_starts(length: int) -> list[int]:
    """Return the first frame of each window over ``length`` samples; at least one, the last may reach beyond."""
    frames = -(-(length + 1) // _HOP)
    starts = list(range(0, max(1, frames - _WINDOW_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES))
    covered = (length - starts[-1] * _HOP) / (_WINDOW_FRAMES * _HOP)
    return starts[:-1] if covered < _LEAST_COVER and len(starts) > 1 else starts


def _windows(samples: Samples) -> torch.Tensor:
    """Return the mel windows of an utterance (w, 160, 40)."""
    if samples.ndim != 1 or not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"embed takes finite mono samples; these have shape {samples.shape} or hold NaN")
    starts = window_starts(len(samples))
    sound = torch.zeros(max(len(samples), (starts[-1] + _WINDOW_FRAMES) * _HOP))
    sound[: len(samples)] = torch.from_numpy(_raised(samples))
    frames = _mel()(sound).T
    return torch.stack([frames[start : start + _WINDOW_FRAMES] for start in starts])


def _raised(samples: Samples) -> Samples:
    level = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))
    return samples * np.float32(_LEAST_LEVEL / level) if 0 < level < _LEAST_LEVEL else samples.copy()


@cache
def _mel() -> MelSpectrogram:
    # librosa's own filter bank, with which the weights were learned.
    return MelSpectrogram(
        SAMPLE_RATE, n_fft=400, hop_length=_HOP, n_mels=_BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )


@cache
def _network() -> _Network:
    """Return the encoder on the CPU; it loads once a process."""
    found = find_spec("resemblyzer")
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise ParlureError("the speaker encoder is missing: install the package resemblyzer, its weights are needed.")
    stored = torch.load(Path(places[0]) / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
    network = _Network()
    # The two numbers left over scaled similarities in training.
    network.load_state_dict({name: stored[name] for name in network.state_dict()})
    return network.eval()
