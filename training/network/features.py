"""Encoder inputs from waveforms with numpy and torch alone: what the library's feature extractors give, without them.

An exported model hears through it: loading the library takes seconds. The export compares both before it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from collection.schema import SAMPLE_RATE
from training.errors import EncoderError

if TYPE_CHECKING:
    from training.network.encoder import Frontend

FILTERS = "mel_filters.npy"


@dataclass(frozen=True)
class Recipe:
    """How one waveform becomes inputs: mel bands where ``hop`` is above 0, else samples."""

    normalise: bool = False
    """Samples are brought to mean 0 and deviation 1."""
    window: int = 0
    """Samples under one window of the spectrum."""
    hop: int = 0
    """Samples between two windows."""
    longest: int | None = None
    """Most input positions the encoder hears at a time, where it has a limit."""


class Features:
    """Waveforms to padded encoder inputs, equal to ``training.network.encoder.Frontend``.

    ``filters`` (bins, mels) weigh the bins of the power spectrum; needed where the recipe makes mel bands.
    """

    def __init__(self, recipe: Recipe, filters: np.ndarray | None = None) -> None:
        self.recipe, self.filters = recipe, filters

    @classmethod
    def of(cls, frontend: Frontend, positions: int | None = None) -> Self:
        """Return the twin of a frontend; ``positions`` is the number of states a Whisper encoder has places for.

        Raises ``EncoderError`` for a feature extractor with settings that are not followed here (dither, for one).
        """
        extractor = frontend.extractor
        if frontend.family == "whisper":
            longest = None if positions is None else 2 * positions  # its second convolution halves the rate
            twin = cls(Recipe(False, extractor.n_fft, extractor.hop_length, longest), np.asarray(extractor.mel_filters))
        else:
            twin = cls(Recipe(bool(extractor.do_normalize)))
        noise = np.random.default_rng(0).normal(0, 0.1, (2, SAMPLE_RATE)).astype(np.float32)
        sounds = [noise[0], noise[1, : SAMPLE_RATE // 3]]
        for theirs, ours in zip(frontend(sounds), twin(sounds), strict=True):
            if theirs.shape != ours.shape or not np.allclose(theirs.numpy(), ours, atol=1e-5):
                raise EncoderError(
                    f"This checkpoint's feature extractor ({type(extractor).__name__}) has settings that an exported "
                    "model does not follow. Use the checkpoint as it is, or train with the extractor's defaults."
                )
        return twin

    def save(self, folder: Path) -> dict[str, Any]:
        """Put the filters into a folder and return the rest as JSON-like data."""
        if self.filters is not None:
            np.save(folder / FILTERS, self.filters)
        return asdict(self.recipe)

    @classmethod
    def load(cls, folder: Path, saved: dict[str, Any]) -> Self:
        """Return what ``save`` put into a folder."""
        recipe = Recipe(**saved)
        return cls(recipe, np.load(folder / FILTERS) if recipe.hop else None)

    def __call__(self, waveforms: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 inputs ``(batch, samples)`` or ``(batch, mels, frames)`` and their true lengths ``(batch,)``.

        Each float32 mono waveform at 16 kHz is normalised by itself and padded with zeros afterwards. Raises
        ``EncoderError`` for one that is longer than the encoder can hear.
        """
        one = self._log_mel if self.recipe.hop else self._samples
        single = [one(np.asarray(waveform, np.float32)) for waveform in waveforms]
        lengths = np.array([values.shape[-1] for values in single], np.int64)
        longest = int(lengths.max())
        if self.recipe.longest is not None and longest > self.recipe.longest:
            seconds = self.recipe.longest * self.recipe.hop / SAMPLE_RATE
            raise EncoderError(
                f"Whisper hears at most {seconds:.0f} s at a time, this batch is longer: split it first."
            )
        inputs = np.zeros((len(single), *single[0].shape[:-1], longest), np.float32)
        for row, values in zip(inputs, single, strict=True):
            row[..., : values.shape[-1]] = values
        return inputs, lengths

    def _samples(self, waveform: np.ndarray) -> np.ndarray:
        if not self.recipe.normalise:
            return waveform
        normal: np.ndarray = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-7)
        return normal

    def _log_mel(self, waveform: np.ndarray) -> np.ndarray:
        """Return (mels, frames) as Whisper hears (Radford et al. 2022): log power, the loudest 80 dB of it, scaled."""
        assert self.filters is not None  # noqa: S101
        window = torch.hann_window(self.recipe.window)
        spectrum = torch.stft(
            torch.from_numpy(waveform), self.recipe.window, self.recipe.hop, window=window, return_complex=True
        )
        power = spectrum.real[:, :-1].square() + spectrum.imag[:, :-1].square()
        bands = (torch.from_numpy(self.filters).float().T @ power).clamp(min=1e-10).log10()
        return ((bands.clamp(min=bands.max() - 8) + 4) / 4).numpy()
