"""Measure a voice disguise: how often attackers still recognise a speaker, and what phone scoring loses.

    python -m eval.privacy data=releases/my-release transform=mcadams model=runs/my-model/model out=privacy/mcadams

The release must hold voices as they were recorded. Writes ``privacy.json`` (``collection.build`` puts it into the card
of a release with ``privacy=FILE``) and, last, ``manifest.json``. Without ``model`` the cost is left out. Voices are
compared in memory: no embedding is written. Attackers and their limits: docs/adr/0013-voice-disguise.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING
from rich.markdown import Markdown

from collection import manifest
from collection.cli import console, existing, progress, run_verb
from collection.consent import asked_on
from collection.documents import privacy_figures
from collection.release import Release, read_release
from collection.schema import Split
from collection.voice import Tier, Transform, VoiceConfig, check
from eval.bootstrap import BootstrapConfig
from eval.errors import ScoreError
from eval.predict import GOP_KINDS
from eval.text import plain
from eval.voices.attack import GROUPS, Hearing, Voices, figures, group_of, hear
from eval.voices.disguise_cost import Pair, costs
from eval.voices.speakers import Chosen, choose
from training import lineage
from training.assess import Assessor
from training.network.checkpoints import contents


@dataclass
class PrivacyConfig:
    """Configuration of ``python -m eval.privacy``."""

    data: str = MISSING
    """Folder of a release of tier T1: its voices are disguised here, in memory."""
    transform: str = MISSING
    """Disguise to measure: mcadams or world."""
    out: str = MISSING
    """Folder to write; a finished one for the same release, model and settings is left as it is."""
    model: str | None = None
    """Folder of a trained checkpoint that hears both versions; without it the cost is not measured."""
    splits: list[str] = field(default_factory=lambda: ["validation", "test"])
    """Parts whose speakers are attacked; the cost is measured on those the model has not learned from."""
    development: str = "train"
    """Part whose speakers the retrained attacker learns from; never one of ``splits``."""
    utterances: int = 8
    """Utterances a speaker at most, an even number: half of them enrol the speaker, half are tested."""
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    """Ranges of the disguise, as in the build; which one it is says ``transform`` above."""
    gop: str = "gop_sf"
    """Which GOP is correlated with human scores: gop_sf, rival_ratio, gop_lp or gop_lpr."""
    seed: int = 20_240
    """Seed of the keys of release and attacker."""
    device: str | None = None
    """torch device of the model; by default the GPU if there is one."""
    on: str | None = None
    """ISO date on which consent for evaluation is asked, never before today; today by default."""
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    """How the intervals are drawn."""


def privacy(config: PrivacyConfig, on_progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Measure a disguise on a release and return what ``privacy.json`` holds."""
    voice = checked(config)
    release = read_release(existing(config.data, "Release"))
    if release.manifest.get("tier", Tier.PSEUDONYMISED) != Tier.PSEUDONYMISED:
        raise ScoreError(
            f"Release {release.name} is disguised already: measure on one built with voice.transform=none."
        )
    assessor, model = None, None
    if config.model is not None:
        model = existing(config.model, "Model folder")
        assessor = Assessor.from_pretrained(model, config.device)
    on = asked_on(config.on)
    inventory = None if assessor is None else frozenset(assessor.inventory)
    attacked = choose(release, config.splits, on, config.utterances, inventory)
    learned_from = choose(release, [config.development], on, config.utterances, None)
    if len(attacked.speakers) < 2:
        raise ScoreError(
            f"Nobody to tell apart: {len(attacked.speakers)} speaker(s) of splits {', '.join(config.splits)} of "
            f"release {release.name} have two utterances that may be evaluated (left out: "
            f"{attacked.left_out or 'none'}). Choose other splits."
        )
    out = Path(config.out).expanduser()
    inputs = _inputs(config, voice, release, model)
    used = manifest.fingerprint([attacked.utterances, learned_from.utterances])
    finished = manifest.read(out)
    if finished is not None and finished.get("inputs") != inputs:
        raise ScoreError(f"{out} holds figures of another release, model or setting. Choose another out=…")
    if finished is not None and finished.get("used") == used:
        return dict(json.loads((out / privacy_figures.FILE).read_text("utf-8")))
    learners = learned(release, model)
    hearing = Hearing(voice, config.seed, config.gop, assessor, learners)
    total = len(attacked.speakers) + len(learned_from.speakers)
    voices, pairs = _hear_all(release, attacked, learned_from, hearing, total, on_progress)
    result = {
        "privacy_version": privacy_figures.VERSION,
        "voice": asdict(voice),
        "encoder": "the speaker encoder of resemblyzer",
        "measured_on": _measured_on(config, release, attacked, learned_from),
        "model": None if model is None else _model(config, release, model, attacked.speakers & learners),
        "figures": figures(voices, config.bootstrap),
        "costs": _costs(pairs, config.bootstrap) if assessor is not None else [],
    }
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    manifest.atomic_write(out / privacy_figures.FILE, text)
    checksums = {privacy_figures.FILE: manifest.file_sha256(out / privacy_figures.FILE)}
    manifest.write(out, {"kind": "privacy", "inputs": inputs, "used": used, "files": checksums})
    return result


def checked(config: PrivacyConfig) -> VoiceConfig:
    """Return the disguise to measure; raises for settings that mean nothing."""
    voice = replace(config.voice, transform=config.transform)
    check(voice)
    if config.transform == Transform.NONE:
        choices = ", ".join(one for one in Transform if one is not Transform.NONE)
        raise ScoreError(f"transform=none disguises nothing. Choose one of: {choices}.")
    if config.utterances < 2 or config.utterances % 2:
        raise ScoreError(f"utterances={config.utterances}: give an even number of 2 or more, half of them enrol.")
    if config.gop not in GOP_KINDS:
        raise ScoreError(f"gop={config.gop} is unknown. Choose one of: {', '.join(GOP_KINDS)}.")
    unknown = [split for split in (*config.splits, config.development) if split not in list(Split)]
    if unknown or not config.splits:
        raise ScoreError(f"splits {unknown} do not exist. Choose among: {', '.join(Split)}.")
    if config.development in config.splits:
        raise ScoreError(
            f"development={config.development} is attacked too: the retrained attacker would know the answer."
        )
    return voice


def learned(release: Release, model: Path | None) -> frozenset[str]:
    """Return the speakers of this release that the model learned from; pseudonyms of others cannot be compared."""
    if model is None:
        return frozenset()
    return frozenset(speaker for one in lineage.read(model).within(release) for speaker in one.speakers)


def _hear_all(
    release: Release,
    attacked: Chosen,
    learned_from: Chosen,
    hearing: Hearing,
    total: int,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[Voices, list[tuple[str | None, Pair]]]:
    """Hear every chosen speaker, one at a time in memory; return embeddings, and pairs with their speaker's group."""
    voices, pairs = Voices(), []
    done = 0
    for chosen, is_attacked in ((attacked, True), (learned_from, False)):
        for rows in chosen.by_speaker(release):
            found = hear(rows, hearing, is_attacked)
            voices.add(found, rows[0])
            pairs += [(group_of(rows[0]), one) for one in found.pairs]
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return voices, pairs


def _costs(pairs: Sequence[tuple[str | None, Pair]], config: BootstrapConfig) -> list[dict[str, Any]]:
    parts = {group: [pair for name, pair in pairs if group in ("all", name)] for group in GROUPS}
    return [{"group": group, **row} for group, part in parts.items() for row in costs(part, config)]


def _measured_on(config: PrivacyConfig, release: Release, attacked: Chosen, learned_from: Chosen) -> dict[str, Any]:
    return {
        "name": release.name,
        "manifest_sha256": lineage.checksum(release),
        "splits": list(config.splits),
        "speakers": len(attacked.speakers),
        "utterances": len(attacked.utterances),
        "left_out": attacked.left_out,
        "development": config.development,
        "development_speakers": len(learned_from.speakers),
        "development_utterances": len(learned_from.utterances),
    }


def _model(config: PrivacyConfig, release: Release, model: Path, left_out: frozenset[str]) -> dict[str, Any]:
    origin = lineage.read(model)
    known = origin.within(release)
    return {
        "gop": config.gop,
        "code_version": origin.code_version,
        "attacked_speakers_it_learned_from": len(left_out),
        "other_releases_learned_from": sorted({one.name for one in origin.releases if one not in known}),
    }


def _inputs(config: PrivacyConfig, voice: VoiceConfig, release: Release, model: Path | None) -> str:
    """Return what a finished run belongs to: settings, weights and release; neither paths nor the day count."""
    settings = {
        name: value for name, value in asdict(config).items() if name not in {"data", "model", "out", "device", "on"}
    }
    weights = contents(model) if model is not None else {}
    return manifest.fingerprint([settings, asdict(voice), weights, lineage.checksum(release)])


def remarks(result: dict[str, Any]) -> list[str]:
    """Return what the table does not show: how much was measured, what was left out, what has no figure and why."""
    measured, model = result["measured_on"], result["model"]
    missing = sorted({row["reason"] for row in [*result["figures"], *result["costs"]] if row["reason"]})
    lines = [
        f"Attacked: {measured['speakers']} speakers, {measured['utterances']} utterances; the retrained attacker "
        f"learned from {measured['development_speakers']} others, {measured['development_utterances']} utterances.",
        *(f"left out: {count} ({plain(reason)})" for reason, count in measured["left_out"].items()),
        *(f"not computed somewhere: {reason}" for reason in missing),
    ]
    if model is not None and model["attacked_speakers_it_learned_from"]:
        lines.append(
            f"left out of the cost: {model['attacked_speakers_it_learned_from']} speaker(s) known to the model"
        )
    if model is not None and model["other_releases_learned_from"]:
        lines.append("The model learned from other releases: that these speakers are new to it is not verified.")
    return [*lines, "A disguise, not anonymity: the lowest equal error rate is the one that counts."]


def work(config: PrivacyConfig) -> None:
    """Measure, then show the figures."""
    with progress() as bar:
        task = bar.add_task("speakers", total=None)
        result = privacy(config, lambda done, total: bar.update(task, completed=done, total=total))
    console.print(Markdown(privacy_figures.table(result)))
    for line in [*remarks(result), f"Figures: {config.out}/{privacy_figures.FILE}"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the verb."""
    run_verb("privacy", PrivacyConfig, work)


if __name__ == "__main__":
    main()
