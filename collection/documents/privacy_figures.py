"""What a disguise was measured to be worth: the file that ``eval.privacy`` writes, and how the card says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collection.errors import ConfigError
from collection.voice import Tier, Transform, VoiceConfig

FILE = "privacy.json"
VERSION = "1.0.0"
ATTACKERS = {
    "original": "nothing is disguised",
    "original_retrained": "nothing is disguised, scoring retrained",
    "ignorant": "does not know of the disguise",
    "informed": "knows the transform, not the key",
    "retrained": "knows the transform, scoring retrained on disguised speech",
}
"""Conditions of the measurement, from the sound as it was to the strongest attacker."""
COSTS = {"per": "phone error rate", "pcc": "phone PCC"}


def read(path: Path, voice: VoiceConfig) -> dict[str, Any]:
    """Return the measurement of exactly this disguise; raises ``ConfigError`` for anything else."""
    again = "Measure it: python -m eval.privacy data=RELEASE transform=… out=FOLDER, then privacy=FOLDER/privacy.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        version, measured = str(found["privacy_version"]), found["voice"]
    except OSError as error:
        raise ConfigError(f"privacy={path} cannot be read: {error.strerror}. {again}.") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"privacy={path} is no {FILE} of eval.privacy. {again}.") from None
    if version.split(".")[0] != VERSION.split(".")[0]:
        raise ConfigError(f"privacy={path} has format {version}, this Parlure reads {VERSION}. {again}.")
    if measured != asdict(voice):
        raise ConfigError(
            f"privacy={path} was measured with other voice settings than this build has, so its figures are not those "
            f"of this release. {again}."
        )
    return dict(found)


def section(facts: Mapping[str, Any]) -> str:
    """Return what the card says of voices, for the facts of a manifest (Markdown)."""
    transform = facts["config"]["voice"]["transform"]
    if transform == Transform.NONE:
        return f"Voices are as they were recorded: tier {Tier.PSEUDONYMISED}."
    told = (
        f"Voices are disguised (`{transform}`): tier {Tier.DISGUISED}. This is a disguise, not anonymity: an attacker "
        "who knows the transform may still recognise a speaker, and phones have changed with the voice."
    )
    found = facts.get("privacy")
    if found is None:
        return f"{told} What it is worth was not measured for this release (`python -m eval.privacy`)."
    measured = found["measured_on"]
    return "\n\n".join(
        (
            told,
            f"Measured on `{measured['name']}` with {found['encoder']}: equal error rate of attackers who verify "
            "speakers (50 % is chance, higher hides more; 95 % intervals over speakers), and what the disguise costs.",
            table(found),
        )
    )


def table(found: Mapping[str, Any]) -> str:
    """Return every figure of a measurement as one Markdown table, a column a group."""
    groups = list(dict.fromkeys(row["group"] for row in found["figures"]))
    lines = [["", *groups], ["---"] * (len(groups) + 1)]
    for attacker, what in ATTACKERS.items():
        cells = {row["group"]: row for row in found["figures"] if row["attacker"] == attacker}
        if cells:
            lines.append([f"EER, {what}", *(_percent(cells.get(group)) for group in groups)])
    lines.append(["EER, chance", *["50.0 %"] * len(groups)])
    for name, title in COSTS.items():
        rows = {row["group"]: row for row in found["costs"] if row["figure"] == name}
        if rows:
            lines.append([f"{title}, original → disguised", *(_change(rows.get(group), name) for group in groups)])
    return "\n".join(_line(cells) for cells in lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _percent(row: Mapping[str, Any] | None) -> str:
    if row is None or row["eer"] is None:
        return "–"
    value = f"{100 * row['eer']:.1f} %"
    return value if row["low"] is None else f"{value} ({100 * row['low']:.1f}–{100 * row['high']:.1f})"


def _change(row: Mapping[str, Any] | None, name: str) -> str:
    if row is None or row["original"] is None or row["disguised"] is None:
        return "–"
    if name == "per":
        return f"{100 * row['original']:.1f} % → {100 * row['disguised']:.1f} %"
    return f"{row['original']:.3f} → {row['disguised']:.3f}"
