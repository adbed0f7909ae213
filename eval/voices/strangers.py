"""Are the evaluated speakers strangers to the model by their voices too? Ids say so only if nobody has two of them.

Embeddings live in memory while the question is asked and nowhere else: comparing voices is biometric, and the usage
policy of a release allows it to nobody but the controller, who checks an own release.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from collection.audio import decode_flac
from collection.classes.voice_encoder import embed_many
from collection.release import Release
from eval.metrics import Floats
from eval.voices import speakers


def by_voice(
    release: Release, evaluated: frozenset[str], known: frozenset[str], splits: Sequence[str], on: date, most: int
) -> dict[str, Any]:
    """Compare the voices of evaluated speakers with those the model learned from, ``most`` utterances each.

    ``splits`` are where they are found; consent for evaluation is asked for every utterance.
    """
    chosen = speakers.choose(release, splits, on, most, None)
    halves: dict[str, Floats] = {}
    for rows in chosen.by_speaker(release):
        if (name := rows[0]["speaker_id"]) in evaluated | known:
            voices = embed_many([decode_flac(row["audio"]["bytes"]) for row in rows]).astype(np.float64)
            halves[name] = np.stack([_direction(voices[0::2]), _direction(voices[1::2])])
    return compare(
        {name: halves[name] for name in sorted(evaluated & halves.keys())},
        {name: halves[name] for name in sorted(known & halves.keys())},
    )


def compare(evaluated: dict[str, Floats], known: dict[str, Floats]) -> dict[str, Any]:
    """Return which evaluated speakers sound like a known one more than any two known speakers sound like each other.

    Voices are (2, D): the mean direction of each half of a speaker's utterances. ``finds`` is the share of known
    speakers whose own halves are that much alike: how many of those with two ids this would find.
    """
    told: dict[str, Any] = {"evaluated": len(evaluated), "known": len(known)}
    if not evaluated or len(known) < 2:
        return {**told, "threshold": None, "finds": None, "alike": None, "reason": "too few voices to compare"}
    first, second = (np.stack([voices[half] for voices in known.values()]) for half in (0, 1))
    within = first @ second.T  # (K, K): a speaker's own halves on the diagonal
    threshold = float(within[~np.eye(len(known), dtype=bool)].max())
    likeness = np.stack([voices[1] for voices in evaluated.values()]) @ first.T  # (E, K)
    names, known_names = list(evaluated), list(known)
    alike = [
        {"evaluated": names[row], "known": known_names[column], "likeness": float(likeness[row, column])}
        for row, column in zip(*np.nonzero(likeness > threshold), strict=True)
    ]
    finds = float(np.mean(np.diag(within) > threshold))
    return {**told, "threshold": threshold, "finds": finds, "alike": alike, "reason": None}


def _direction(voices: Floats) -> Floats:
    """Return the mean direction of unit vectors (n, D): (D,)."""
    mean = voices.mean(0)
    return np.asarray(mean / np.linalg.norm(mean))
