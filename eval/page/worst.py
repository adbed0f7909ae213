"""The utterances a model judged worst, to look at and, where the release and the consents allow it, to listen to.

A page that plays voices is a copy of them: it is made on request only, of disguised or public voices only, of learners
who agreed to sharing only, and has to be thrown away when one of them withdraws.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from collection.audio import decode_flac, encode_mp3
from collection.consent import may_use
from collection.release import Release
from collection.schema import Purpose, Split, read_grant
from collection.voice import Tier
from eval.errors import ReportError
from eval.figures import used_mask
from eval.paired import Scored
from training import lineage

Run = dict[str, Any]
PHONES_SHOWN = 4
"""Phones of an utterance that are named: those the model is furthest from the humans on."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Worst:
    """One utterance: its pseudonym, mean squared error, rated phones, and the worst of them (phone, human, model)."""

    utterance: str
    error: float
    phones: int
    worst: tuple[tuple[str, float, float], ...]
    text: str | None = None
    sound: str | None = None
    silent: str | None = None
    """Why there is no sound."""


def worst_utterances(run: Scored, count: int) -> list[Worst]:
    """Return the ``count`` utterances with the largest mean squared error of phone accuracy, worst first."""
    table = run.part.phones.filter(used_mask(run.part.phones))
    scores = run.calibration.scores(run.rated.gop) if len(run.rated.gop) else None
    if scores is None:
        return []
    names = np.asarray(table.column("utterance_id").to_pylist(), dtype=object)
    symbols = table.column("canonical").to_pylist()
    errors = (scores - run.rated.accuracy) ** 2
    found = []
    for name in sorted(set(names)):
        own = np.flatnonzero(names == name)
        last = own[np.argsort(-errors[own], kind="stable")][:PHONES_SHOWN]
        phones = tuple((symbols[i], float(run.rated.accuracy[i]), float(scores[i])) for i in last)
        found.append(Worst(str(name), float(errors[own].mean()), len(own), phones))
    return sorted(found, key=lambda one: (-one.error, one.utterance))[:count]


def why_no_sound(release: Release) -> str | None:
    """Return why no voice of a release may be played on a page; ``None`` where disguised or public voices may be."""
    tier = str(release.manifest.get("tier", Tier.PSEUDONYMISED))
    if tier == Tier.DISGUISED or "licence" in release.manifest:
        return None
    return (
        f"release {release.name} is of tier {tier}, learners' own voices: a page plays disguised voices (tier "
        f"{Tier.DISGUISED}) or those of a public corpus only"
    )


def with_release(found: Sequence[Worst], release: Release, run: Run, on: date, most_mb: float) -> list[Worst]:
    """Return the utterances with their texts and, where that is allowed, sound as ``data:`` addresses.

    Sound is added until the page would hold more than ``most_mb`` megabytes of it; 0 for texts only. Raises
    ``ReportError`` for a release the run was not scored on.
    """
    if lineage.checksum(release) != run["data"]["manifest_sha256"]:
        raise ReportError(f"Release {release.name} is not the one {run['model']['name']} was scored on. Give that one.")
    rows = _rows(release, run["protocol"]["split"], {one.utterance for one in found}, sound=most_mb > 0)
    refused = why_no_sound(release) if most_mb > 0 else "no sound was asked for"
    room = most_mb * MEGABYTE
    told = []
    for one in found:
        row = rows.get(one.utterance)
        sound, silent = None, refused
        if row is not None and not may_use(read_grant(row["consent"]), Purpose.EVALUATION, on):
            row = None
        if row is None:
            silent = "its learner withdrew, or the consent has ended"
        elif silent is None and not may_use(read_grant(row["consent"]), Purpose.SHARING, on):
            silent = "no consent to sharing"
        elif silent is None:
            coded = b64encode(encode_mp3(decode_flac(row["audio"]["bytes"]))).decode()
            sound, silent = (
                (coded, None) if len(coded) <= room else (None, f"the page would pass {most_mb:g} MB of sound")
            )
            room -= len(coded) if sound else 0
        text = None if row is None else str(row["text"])
        address = sound and f"data:audio/mpeg;base64,{sound}"
        told.append(Worst(one.utterance, one.error, one.phones, one.worst, text, address, silent))
    return told


def _rows(release: Release, split: str, wanted: Iterable[str], *, sound: bool) -> dict[str, dict[str, Any]]:
    names = set(wanted)
    columns = ["utterance_id", "text", "consent", *(["audio"] if sound else [])]
    return {row["utterance_id"]: row for row in release.rows(Split(split), columns) if row["utterance_id"] in names}
