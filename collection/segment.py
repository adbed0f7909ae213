"""Where people speak: a recording's samples in, utterance intervals out.

Silero VAD (Silero Team, 2021; weights inside the ``silero-vad`` package) gives one speech probability for each 32 ms.
Pure functions turn probabilities into runs of speech, merge, split and pad them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from collection.errors import ConfigError
from collection.schema import SAMPLE_RATE, Seconds

Samples = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float32]

FRAME = 512
"""Samples a probability stands for (32 ms)."""

CONTEXT = 64
"""Samples of the frame before that the model sees too."""

BLOCK_FRAMES = 1024
"""Frames encoded at once: about 33 s, so that memory does not grow with the recording."""

FRAME_SECONDS = FRAME / SAMPLE_RATE


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A stretch of a recording, seconds from its start; ``end`` is exclusive."""

    start: Seconds
    end: Seconds

    @property
    def duration(self) -> Seconds:
        """Length in seconds."""
        return self.end - self.start


@dataclass
class SegmentConfig:
    """How probabilities become utterances. Treat as read-only."""

    threshold: float = 0.5
    """Speech probability (0-1) that begins a run; lower finds quiet learners, and more noise."""
    release: float = 0.35
    """Speech probability (0-1) below which a run may end; the gap to ``threshold`` bridges weak sounds."""
    min_silence: float = 0.3
    """Seconds below ``release`` that end a run; raise it for learners who pause between words."""
    min_speech: float = 0.2
    """Seconds; shorter runs are dropped as clicks and coughs."""
    merge_gap: float = 0.0
    """Seconds; utterances closer than this become one, within ``max_utterance``. 0 merges nothing."""
    padding: float = 0.2
    """Seconds added at both sides, so that soft first and last sounds stay; never into a neighbour."""
    max_utterance: float = 30.0
    """Seconds with padding; longer utterances are split where speech is least likely."""


class Segmenter:
    """Finds utterances; holds the network (loaded once), no state between recordings."""

    def __init__(self, config: SegmentConfig | None = None) -> None:
        self.config = config or SegmentConfig()
        check(self.config)
        # The package sets the threads of the whole process to one when it is imported; training may share it.
        with _one_thread():
            from silero_vad import load_silero_vad

            model = load_silero_vad()._model.eval()
        self._spectrum, self._encoder, self._head = model.stft, model.encoder, model.decoder.decoder
        # The recurrent cell alone depends on the frame before: it runs over a block in one fused call.
        self._recurrent = torch.nn.LSTM(CONTEXT * 2, CONTEXT * 2)
        weights = model.decoder.rnn.state_dict()
        self._recurrent.load_state_dict({f"{name}_l0": value for name, value in weights.items()})
        self._recurrent.eval()

    def probabilities(self, samples: Samples) -> Probabilities:
        """Return the speech probability of each 512 samples (n / 512 rounded up,); the last frame is filled with zeros.

        The same as calling Silero's model frame by frame, up to float rounding, without a Python step a frame.
        """
        parts: list[Probabilities] = []
        state: tuple[torch.Tensor, torch.Tensor] | None = None
        with _one_thread(), torch.inference_mode():
            for windows in _windows(samples):
                features = self._encoder(self._spectrum(torch.from_numpy(windows))).squeeze(-1)
                hidden, state = self._recurrent(features, state)
                parts.append(self._head(hidden.unsqueeze(-1)).reshape(-1).numpy())
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def intervals(self, samples: Samples) -> list[Interval]:
        """Return the utterances of a recording (n,) at 16 kHz: sorted, disjoint, inside it, none over the maximum."""
        return utterances(self.probabilities(samples), len(samples), self.config)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _windows(samples: Samples) -> Iterator[Samples]:
    """Yield blocks (up to 1024, 576): each frame behind the last samples of the frame before it."""
    step = BLOCK_FRAMES * FRAME
    for start in range(0, len(samples), step):
        piece = samples[start : start + step]
        frames = -(-len(piece) // FRAME)
        block = np.zeros(CONTEXT + frames * FRAME, np.float32)
        if start:
            block[:CONTEXT] = samples[start - CONTEXT : start]
        block[CONTEXT : CONTEXT + len(piece)] = piece
        windows = np.lib.stride_tricks.sliding_window_view(block, CONTEXT + FRAME)[::FRAME]
        yield windows.copy()


def check(config: SegmentConfig) -> None:
    """Raise ``ConfigError`` for settings that contradict each other."""
    if not 0 < config.release <= config.threshold < 1:
        raise ConfigError(
            f"0 < release <= threshold < 1 is needed: release={config.release}, threshold={config.threshold}"
        )
    for name in ("min_silence", "min_speech", "merge_gap", "padding"):
        if getattr(config, name) < 0:
            raise ConfigError(f"{name}={getattr(config, name)} s: give 0 or more")
    if config.max_utterance < 2 * config.padding + 4 * FRAME_SECONDS:
        raise ConfigError(
            f"max_utterance={config.max_utterance} s leaves no room beside padding={config.padding} s: raise it"
        )


def cut(samples: Samples, interval: Interval) -> Samples:
    """Return the samples of an interval, as a view."""
    return samples[round(interval.start * SAMPLE_RATE) : round(interval.end * SAMPLE_RATE)]


def utterances(probabilities: Probabilities, length: int, config: SegmentConfig) -> list[Interval]:
    """Return padded utterances of a recording of ``length`` samples from its probabilities (one for 512 samples)."""
    found = runs(probabilities, config)
    most = int((config.max_utterance - 2 * config.padding) / FRAME_SECONDS)
    found = [part for run in found for part in split(run, probabilities, most)]
    found = merge(found, config.merge_gap / FRAME_SECONDS, most)
    return pad([(start * FRAME, min(end * FRAME, length)) for start, end in found], config.padding, length)


def runs(probabilities: Probabilities, config: SegmentConfig) -> list[tuple[int, int]]:
    """Return runs of speech as frames (start, end exclusive) by hysteresis; short silences close, short runs drop.

    A run begins at ``threshold`` and goes on to the last frame at ``release`` or above before ``min_silence`` below it.
    """
    alive = np.flatnonzero(probabilities >= config.release)
    if not len(alive):
        return []
    gaps = np.flatnonzero((np.diff(alive) - 1) * FRAME_SECONDS >= max(config.min_silence, FRAME_SECONDS))
    firsts, lasts = alive[np.r_[0, gaps + 1]], alive[np.r_[gaps, len(alive) - 1]]
    strong = np.flatnonzero(probabilities >= config.threshold)
    found = []
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        at = int(np.searchsorted(strong, first))
        if at < len(strong) and strong[at] <= last and (last + 1 - strong[at]) * FRAME_SECONDS >= config.min_speech:
            found.append((int(strong[at]), last + 1))
    return found


def split(run: tuple[int, int], probabilities: Probabilities, most: int) -> list[tuple[int, int]]:
    """Return the run cut into parts of at most ``most`` frames, each cut where speech is least likely.

    A cut lies in the second half of the room that is left, so that no part is a needless crumb; nothing is lost.
    """
    start, end = run
    parts = []
    while end - start > most:
        low, high = start + max(1, most // 2), start + most
        # Both sides of a cut count; of equals the latest, which leaves the fewest parts.
        doubt = probabilities[low - 1 : high] + probabilities[low : high + 1]
        cut = high - int(np.argmin(doubt[::-1]))
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]


def merge(found: Sequence[tuple[int, int]], gap: float, most: int) -> list[tuple[int, int]]:
    """Return sorted runs with neighbours closer than ``gap`` frames joined, never to more than ``most`` frames."""
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start - merged[-1][1] < gap and end - merged[-1][0] <= most:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def pad(found: Sequence[tuple[int, int]], padding: Seconds, length: int) -> list[Interval]:
    """Return runs (samples) widened by ``padding`` seconds at both sides, at most half the way to a neighbour."""
    width = int(padding * SAMPLE_RATE)
    padded = []
    for index, (start, end) in enumerate(found):
        before = (found[index - 1][1] + start) // 2 if index else 0
        after = (end + found[index + 1][0]) // 2 if index + 1 < len(found) else length
        first, last = max(start - width, before), min(end + width, after)
        padded.append(Interval(first / SAMPLE_RATE, last / SAMPLE_RATE))
    return padded
