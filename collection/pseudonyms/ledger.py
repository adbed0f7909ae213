"""The split ledger: which split each speaker was given, kept on the intake side across releases.

A JSONL file of ``{"speaker": HMAC, "split": NAME}``, readable by its owner only. Speakers stand under an HMAC of source
and learner id with the master key, so that the file alone names nobody, and two releases agree on a speaker without
sharing an identifier.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from pathlib import Path

from collection import manifest
from collection.errors import IntakeError
from collection.pseudonyms.splits import assign
from collection.schema import Split


def read(path: Path) -> dict[str, Split]:
    """Return the settled splits; an absent ledger is empty."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    settled: dict[str, Split] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            settled.setdefault(entry["speaker"], Split(entry["split"]))
        except (ValueError, KeyError, TypeError):
            raise IntakeError(
                f"{path.name} line {number} is not a ledger entry: restore the file from a copy. "
                "Without it, a speaker trained on before may be drawn for a test split."
            ) from None
    return settled


def settle(
    path: Path,
    speakers: Mapping[str, Hashable],
    fractions: Mapping[Split, float],
    official: Mapping[str, Split],
) -> dict[str, Split]:
    """Return every speaker's split, and write the new ones into the ledger before anyone relies on them.

    ``speakers`` maps ledger ids to strata; ``official`` are splits that a corpus prescribes: obeyed, and not written.
    Fractions of 0 keep new speakers out of a split. Two builds at once wait for each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with manifest.lock(path):
        previous = read(path)
        free = {speaker: stratum for speaker, stratum in speakers.items() if speaker not in official}
        splits = {**assign(free, fractions, previous), **official}
        fresh = {
            speaker: split for speaker, split in splits.items() if speaker not in previous and speaker not in official
        }
        if fresh:
            entries = {**previous, **fresh}
            lines = (json.dumps({"speaker": speaker, "split": split}) + "\n" for speaker, split in entries.items())
            manifest.atomic_write(path, "".join(lines), mode=0o600)
    return splits
