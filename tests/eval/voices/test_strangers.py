"""One person under two ids is found by voice; strangers are not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from collection.schema import Split
from eval.voices.strangers import by_voice, compare
from tests.releases import utterance, write_release

RNG = np.random.default_rng(7)


def voices(count: int, start: int = 0, noise: float = 0.1):
    """Return people with well separated voices: one axis each, their halves a little off it."""
    found = {}
    for number in range(start, start + count):
        halves = np.eye(64)[number] + noise * RNG.normal(size=(2, 64)) / 8
        found[f"spk_{number}"] = halves / np.linalg.norm(halves, axis=1, keepdims=True)
    return found


def test_strangers_are_strangers():
    told = compare(voices(5, 40), voices(20))
    assert told["alike"] == []
    assert told["finds"] == 1.0
    assert (told["evaluated"], told["known"]) == (5, 20)


def test_somebody_with_two_ids_is_found():
    known = voices(20)
    again = {"spk_new": voices(1, 3)["spk_3"], **voices(4, 40)}
    told = compare(again, known)
    most = max(told["alike"], key=lambda one: one["likeness"])
    assert (most["evaluated"], most["known"]) == ("spk_new", "spk_3")
    assert most["likeness"] > 0.9 > told["threshold"]


def test_voices_nobody_can_tell_apart_find_nobody_and_say_so():
    told = compare(voices(5, 40, noise=40.0), voices(20, noise=40.0))
    assert told["finds"] < 0.5


def test_too_few_voices_are_no_answer():
    told = compare(voices(1), voices(1, 9))
    assert told["alike"] is None
    assert told["reason"] == "too few voices to compare"


def test_a_release_is_compared_with_itself(tmp_path):
    rows = {
        split: [utterance(100 * place + number, f"spk_{split}_{number % 3}", ("AA", "S")) for number in range(6)]
        for place, split in enumerate((Split.TRAIN, Split.TEST))
    }
    release = write_release(tmp_path, rows)
    names = {split: frozenset(f"spk_{split}_{number}" for number in range(3)) for split in rows}
    told = by_voice(release, names[Split.TEST], names[Split.TRAIN], ["train", "test"], date(2026, 11, 1), 4)
    assert (told["evaluated"], told["known"]) == (3, 3)
    # All of them are the same tone: no voice can be told from another, so nobody can be found.
    assert told["threshold"] == pytest.approx(1.0, abs=1e-3)
    assert told["finds"] < 1.0
