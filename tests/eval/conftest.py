"""Made-up prediction tables whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from collection.schema import Phone, Scores, WordScores
from eval.predictions import (
    PhonePrediction,
    Predictions,
    RaterScores,
    UtterancePrediction,
    WordPrediction,
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
    scorer: bool = False,
) -> Predictions:
    """Return learners who mispronounce one phone in ten, heard by a model whose GOP follows the truth by ``skill``.

    With a ``scorer`` the accuracy is predicted too, words and utterances have scores, and three raters gave theirs.
    """
    rng, more = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    words: list[WordPrediction] = []
    raters: list[RaterScores] = []
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
                judged, further = gops, None
                human = predicted = Scores()
                if scorer:
                    judged, further = _judge(accuracy, gops, more)
                    keys = (name, speaker, split)
                    own_words, own_raters, human, predicted = _above(keys, accuracy, judged, more)
                    words += own_words
                    raters += own_raters
                phone_rows += phone_predictions(name, speaker, split, phones, decoded, judged.tolist(), times, further)
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
                        human=human,
                        predicted=predicted,
                    )
                )
    return to_predictions(phone_rows, utterance_rows, "accuracy" if scorer else "made up", words, raters)


def _judge(
    accuracy: np.ndarray, gops: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[dict[str, float | bool]]]:
    """Return predicted accuracies 0.1 too high on average, and what stands beside them."""
    predicted = np.clip(accuracy + rng.normal(0.1, 0.3, len(accuracy)), 0, 2.5)
    probability = 1 / (1 + np.exp(4 * (predicted - 0.9)))
    return predicted, [
        {"gop_sf": float(gop), "gop_lp": float(gop) - 0.5, "mispronounced": float(p), "flagged": bool(p >= 0.4)}
        for gop, p in zip(gops, probability, strict=True)
    ]


def _above(
    keys: tuple[str, str, str], accuracy: np.ndarray, predicted: np.ndarray, rng: np.random.Generator
) -> tuple[list[WordPrediction], list[RaterScores], Scores, Scores]:
    """Return words of three phones and their raters; completeness is 10 for everybody, stress is not predicted."""
    places = range(0, len(accuracy), 3)
    truth = [5 * float(accuracy[place : place + 3].mean()) for place in places]
    said = [5 * float(predicted[place : place + 3].mean()) for place in places]
    words = [
        WordPrediction(*keys, index, WordScores(real, 10.0, real), WordScores(guess, None, guess))
        for index, (real, guess) in enumerate(zip(truth, said, strict=True))
    ]
    raters = []
    for rater in ("rat_a", "rat_b", "rat_c"):
        own = [float(np.clip(real + rng.normal(0, 1.5), 0, 10)) for real in truth]
        whole = float(np.mean(own))
        raters.append(
            RaterScores(
                *keys, rater, Scores(whole, whole, None, whole, whole), tuple(WordScores(x, 10.0, x) for x in own)
            )
        )
    human, guess = float(np.mean(truth)), float(np.mean(said))
    return (
        words,
        raters,
        Scores(human, human, 10.0, human, human),
        Scores(guess, guess, 9.0 + rng.random(), guess, guess),
    )


@pytest.fixture(scope="session", name="made_up")
def made_up_fixture() -> Callable[..., Predictions]:
    """The function above, for tests: folders of tests are no packages."""
    return made_up
