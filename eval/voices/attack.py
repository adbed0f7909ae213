"""Attackers on disguised voices: what each hears, and how often each recognises a speaker.

The attacked are enrolled from one half of their utterances and tested on the other. The release disguises under its
key, one draw a speaker. An attacker who knows the transform disguises what they have themselves, with draws of their
own, one an utterance: that averages over what they cannot know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from collection.audio import decode_flac
from collection.classes.voice_encoder import embed_many
from collection.documents.privacy_figures import ATTACKERS
from collection.schema import Phone
from collection.voice import Samples, VoiceConfig, speaker_seed, transform
from eval import bootstrap
from eval.bootstrap import BootstrapConfig
from eval.metrics import Floats, Value
from eval.predictions import encode
from eval.voices import verification
from eval.voices.disguise_cost import Pair, pair
from eval.voices.verification import BackEnd, Trials
from training.assess import Assessor

GROUPS = ("all", "adults", "children")
"""Who is attacked; impostors come from the same group. Whoever states no age is among all of them only."""
ADULTS = "18+"
BATCH = 8
"""Utterances in one pass of the model."""


class Sound(StrEnum):
    """An utterance as it was, as the release disguises it, or as an attacker does."""

    ORIGINAL = "original"
    RELEASE = "release"
    ATTACKER = "attacker"


class Role(StrEnum):
    """What an utterance serves for."""

    ENROL = "enrol"
    TEST = "test"
    LEARN = "learn"


class Attack(NamedTuple):
    """The sound that an attacker enrols, tests, and learns to score from, if they do."""

    enrolled: Sound
    tested: Sound
    learned: Sound | None = None


ATTACKS = {
    "original": Attack(Sound.ORIGINAL, Sound.ORIGINAL),
    "original_retrained": Attack(Sound.ORIGINAL, Sound.ORIGINAL, Sound.ORIGINAL),
    "ignorant": Attack(Sound.ORIGINAL, Sound.RELEASE),
    "informed": Attack(Sound.ATTACKER, Sound.RELEASE),
    "retrained": Attack(Sound.ATTACKER, Sound.RELEASE, Sound.ATTACKER),
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """How utterances are heard: the disguise, the seed of both keys, and the model that pays its price, if any.

    The price is not asked for speakers ``known`` to the model, who would flatter it.
    """

    voice: VoiceConfig
    seed: int
    gop: str
    assessor: Assessor | None = None
    known: frozenset[str] = frozenset()

    def disguised(self, row: dict[str, Any], samples: Samples, sound: Sound) -> Samples:
        """Return the samples (n,) of a row as the release or an attacker makes them; each has a key of its own."""
        key = f"{sound}\0{self.seed}".encode()
        owner = row["speaker_id"] if sound is Sound.RELEASE else row["utterance_id"]
        return transform(samples, self.voice, speaker_seed(key, owner))


@dataclass(frozen=True, slots=True)
class Heard:
    """Embeddings (n, 256) of one speaker's utterances by role and sound, and what the disguise did to the tested."""

    embeddings: dict[tuple[Role, Sound], Floats]
    pairs: list[Pair]


@dataclass(slots=True)
class Voices:
    """Embeddings of many speakers, by role and sound, and each attacked speaker's group."""

    owners: defaultdict[tuple[Role, Sound], list[str]] = field(default_factory=lambda: defaultdict(list))
    embeddings: defaultdict[tuple[Role, Sound], list[Floats]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, str | None] = field(default_factory=dict)

    def add(self, heard: Heard, row: dict[str, Any]) -> None:
        """Add one speaker, of whom ``row`` is a row."""
        for part, found in heard.embeddings.items():
            self.owners[part] += [row["speaker_id"]] * len(found)
            self.embeddings[part].append(found)
        self.groups[row["speaker_id"]] = group_of(row)

    def part(self, role: Role, sound: Sound) -> tuple[list[str], Floats]:
        """Return the speaker of each utterance (n) and its embedding (n, 256)."""
        found = self.embeddings[role, sound]
        return self.owners[role, sound], np.concatenate(found) if found else np.zeros((0, 1))


def group_of(row: dict[str, Any]) -> str | None:
    """Return adults, children, or ``None`` when the age is not stated."""
    band = row["speaker"]["age_band"]
    return None if band is None else "adults" if band == ADULTS else "children"


def hear(rows: Sequence[dict[str, Any]], hearing: Hearing, attacked: bool) -> Heard:
    """Hear the utterances of one speaker: as an attacked one (two rows or more), or as one to learn from."""
    halves = [(Role.ENROL, rows[::2], Sound.ATTACKER), (Role.TEST, rows[1::2], Sound.RELEASE)]
    embeddings: dict[tuple[Role, Sound], Floats] = {}
    pairs: list[Pair] = []
    for role, own, sound in halves if attacked else [(Role.LEARN, rows, Sound.ATTACKER)]:
        samples = [decode_flac(row["audio"]["bytes"]) for row in own]
        changed = [hearing.disguised(row, one, sound) for row, one in zip(own, samples, strict=True)]
        embeddings[role, Sound.ORIGINAL] = embed_many(samples).astype(np.float64)
        embeddings[role, sound] = embed_many(changed).astype(np.float64)
        if role is Role.TEST and hearing.assessor is not None and rows[0]["speaker_id"] not in hearing.known:
            pairs = _compare(own, samples, changed, hearing.assessor, hearing.gop)
    return Heard(embeddings, pairs)


def _compare(
    rows: Sequence[dict[str, Any]],
    originals: Sequence[Samples],
    changed: Sequence[Samples],
    assessor: Assessor,
    gop: str,
) -> list[Pair]:
    found = []
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        canonicals = [[(phone["canonical"], phone["word_index"]) for phone in row["phones"]] for row in rows[part]]
        before = assessor.assess_batch(originals[part], canonicals=canonicals)
        after = assessor.assess_batch(changed[part], canonicals=canonicals)
        for row, one, other in zip(rows[part], before, after, strict=True):
            phones = [Phone(**phone) for phone in row["phones"]]
            found.append(pair(row["speaker_id"], phones, one, other, gop))
    return found


def figures(voices: Voices, config: BootstrapConfig) -> list[dict[str, Any]]:
    """Return one row an attacker and group: counts at the equal error threshold, the rate, its interval."""
    return [row for attacker in ATTACKERS for row in _figures_of(attacker, voices, config)]


def _figures_of(attacker: str, voices: Voices, config: BootstrapConfig) -> list[dict[str, Any]]:
    attack = ATTACKS[attacker]
    names, enrolled = voices.part(Role.ENROL, attack.enrolled)
    codes, speakers = encode(names)
    owners, tested = voices.part(Role.TEST, attack.tested)
    if attack.learned is not None:
        learned_names, learned = voices.part(Role.LEARN, attack.learned)
        back_end, reason = learn(learned, learned_names)
        if back_end is None:
            return [{"group": group, "attacker": attacker, **_nothing(reason)} for group in GROUPS]
        enrolled, tested = back_end(enrolled), back_end(tested)
    trials = verification.make_trials(verification.enrol(enrolled, codes), tested, encode(owners)[0])
    rows = []
    for group in GROUPS:
        inside = np.array([code for code, name in enumerate(speakers) if group in ("all", voices.groups[name])])
        rows.append({"group": group, "attacker": attacker, **figure(trials.among(inside), len(inside), config)})
    return rows


def learn(embeddings: Floats, speakers: Sequence[str]) -> tuple[BackEnd | None, str | None]:
    """Return scoring learned on development speakers, or the reason why there is none."""
    codes, names = encode(speakers)
    if len(names) < verification.FEWEST_LEARNED_FROM:
        return None, f"only {len(names)} development speaker(s), scoring needs {verification.FEWEST_LEARNED_FROM}"
    try:
        return BackEnd(embeddings, codes), None
    except np.linalg.LinAlgError:
        return None, "the utterances of a development speaker are too much alike to learn from"


def figure(trials: Trials, speakers: int, config: BootstrapConfig) -> dict[str, Any]:
    """Return counts, equal error rate and interval of one group's trials."""
    if speakers < bootstrap.FEWEST_SPEAKERS:
        return _nothing(f"fewer than {bootstrap.FEWEST_SPEAKERS} speakers")
    counts = verification.error_counts(trials.scores, trials.targets)
    rate: Value = counts.equal_error_rate()
    interval = verification.equal_error_interval(trials, config)
    at = counts.crossing()
    return {
        "speakers": speakers,
        "targets": int(counts.targets),
        "nontargets": int(counts.nontargets),
        "false_rejects": int(counts.false_rejects[at]),
        "false_accepts": int(counts.false_accepts[at]),
        "eer": rate.value,
        "low": interval.low,
        "high": interval.high,
        "reason": rate.reason or interval.reason,
    }


def _nothing(reason: str | None) -> dict[str, Any]:
    """Return the figure of a group too small to be shown, or of an attacker who could not learn."""
    counts = dict.fromkeys(("speakers", "targets", "nontargets", "false_rejects", "false_accepts"))
    return {**counts, "eer": None, "low": None, "high": None, "reason": reason}
