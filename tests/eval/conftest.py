"""Made-up prediction tables whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from collection.schema import Phone
from eval.predictions import (
    PhonePrediction,
    Predictions,
    UtterancePrediction,
    phone_predictions,
    spoken_phones,
    to_predictions,
)

SYMBOLS = (
    *("AA", "AE", "AH", "B", "CH", "D", "DH", "EH", "ER", "F", "G", "HH", "IH", "IY", "K"),
    *("L", "M", "N", "NG", "OW", "P", "R", "S", "SH", "T", "TH", "UW", "V", "W", "Z"),
)
LIKELY = {"TH": "S", "DH": "D", "IH": "IY", "V": "W", "Z": "S", "AE": "EH"}


def made_up(
    speakers: int = 24,
    utterances: int = 4,
    skill: float = 1.0,
    rated: bool = True,
    seed: int = 0,
    splits: tuple[str, ...] = ("validation", "test"),
) -> Predictions:
    """Return learners who mispronounce one phone in ten, heard by a model whose GOP follows the truth by ``skill``."""
    rng = np.random.default_rng(seed)
    phone_rows: list[PhonePrediction] = []
    utterance_rows: list[UtterancePrediction] = []
    for split in splits:
        for number in range(speakers):
            speaker = f"spk_{split}_{number:03d}"
            for reading in range(utterances):
                name = f"utt_{split}_{number:03d}_{reading}"
                canonical = rng.choice(SYMBOLS, size=int(rng.integers(8, 24))).tolist()
                bad = rng.random(len(canonical)) < 0.1
                said = [LIKELY.get(phone, "") if wrong else phone for phone, wrong in zip(canonical, bad, strict=True)]
                accuracy = np.where(bad, rng.choice([0.0, 0.2, 0.4]), rng.choice([1.6, 1.8, 2.0, 2.0], len(bad)))
                gops = -np.exp(rng.normal(0, 0.7, len(bad))) - skill * 2.5 * bad
                phones = [
                    Phone(phone, i // 3, None, None, float(a) if rated else None, real if rated else None)
                    for i, (phone, a, real) in enumerate(zip(canonical, accuracy, said, strict=True))
                ]
                decoded = [
                    phone if rng.random() > 0.15 else LIKELY.get(phone, str(rng.choice(SYMBOLS)))
                    for phone in said
                    if phone and rng.random() > 0.05
                ]
                times = [(0.1 * i, 0.1 * i + 0.1) for i in range(len(phones))]
                phone_rows += phone_predictions(name, speaker, split, phones, decoded, gops.tolist(), times)
                utterance_rows.append(
                    UtterancePrediction(
                        name,
                        speaker,
                        split,
                        0.1 * len(phones),
                        tuple(canonical),
                        spoken_phones(phones),
                        tuple(decoded),
                        age_band=("6-8", "9-11", "12-14", "18+")[min(number % 7, 3)],
                        gender=("f", "m")[number % 2] if number % 11 else None,
                    )
                )
    return to_predictions(phone_rows, utterance_rows, "made up")


@pytest.fixture(scope="session", name="made_up")
def made_up_fixture() -> Callable[..., Predictions]:
    """The function above, for tests: folders of tests are no packages."""
    return made_up
