"""Build a release from consented recordings.

Usage::

    python -m collection.build source=folder intake=INTAKE out=RELEASE key=KEY name=NAME
    python -m collection.build source=speechocean762 corpus=CORPUS out=RELEASE key=KEY name=NAME workers=2

Stopped at any moment, the same command goes on where it was and ends with the same bytes. Once finished, it does
nothing; with other settings or other input it refuses, because a release never changes under its name. Unfinished work
lies in ``RELEASE.work``. Exit code 0 when a release stands, even if recordings were refused; 1 when nothing was kept.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.table import Table

from collection import cli, manifest, runner
from collection.building import work
from collection.building.admission import refused_readings
from collection.building.assemble import CONSENT_CAME_LATE, Tally, assemble, in_full, inventories, settle
from collection.building.plan import (
    Inputs,
    OnProgress,
    Plan,
    fractions,
    gather,
    identity,
    make_plan,
    official_splits,
)
from collection.config import BuildConfig
from collection.consent import asked_on
from collection.errors import NothingKeptError, ReleaseError, WithdrawnMeanwhileError
from collection.pseudonyms import ledger
from collection.pseudonyms.columns import Fate, declaration
from collection.pseudonyms.naming import ledger_id
from collection.release import KIND, Release, read_release
from collection.releases import release_names, work_folder
from collection.schema import Split
from collection.withdrawal import tombstones


@dataclass(frozen=True, slots=True)
class Report:
    """The release, and whether this run made it or found it finished."""

    release: Release
    made: bool
    dropped: Mapping[str, int]
    """Readings left out, by reason in full: the manifest, which others read, sums up those of consent."""
    removed_again: int
    """Learners who have withdrawn and stand in the intake all the same, as after an old backup: they are left out."""


def build(config: BuildConfig, on_progress: OnProgress | None = None) -> Report:
    """Build the release that ``config`` describes, going on where an interrupted build stopped.

    Raises a ``ParlureError`` when the input is wrong, when ``out`` holds anything but this release, or when nothing is
    kept.
    """
    inputs = gather(config)
    if inputs.out.exists() and any(inputs.out.iterdir()):
        done, plan = _finished(config, inputs, on_progress)
        work_folder.close_folder(inputs.work)
        refused = refused_readings(inputs.intake, plan.admission)
        return Report(done, False, in_full(done.manifest["dropped"], refused), plan.removed_again)
    recordings = work_folder.open_folder(inputs.work)
    try:
        with FileLock(inputs.work / work_folder.LOCK, timeout=0), work.room(inputs.work, len(inputs.intake.recordings)):
            dropped, removed_again = _build(config, inputs, recordings, on_progress)
    except Timeout:
        raise ReleaseError(
            f"another build is writing {inputs.out}: wait until it ends, or choose another out."
        ) from None
    work_folder.close_folder(inputs.work)
    return Report(read_release(inputs.out), True, dropped, removed_again)


def _build(
    config: BuildConfig, inputs: Inputs, recordings: Path, on_progress: OnProgress | None
) -> tuple[Counter[str], int]:
    """Make the release; return the readings dropped, by reason in full, and how many learners were removed again."""
    folder = inputs.work / "release"
    # A killed run may have left one, with rows of learners who have withdrawn since.
    shutil.rmtree(folder, ignore_errors=True)
    plan = make_plan(config, inputs, asked_on(config.on), on_progress)
    work_folder.purge(recordings, (job.path for job in plan.jobs))
    release_names.check(inputs.names, identity(config, inputs, plan))
    set_aside = _carry_out(config, plan, on_progress)
    # Hours may have passed: consent is asked again before anything is put together.
    _check_nobody_left(inputs, plan)
    plan = make_plan(config, inputs, asked_on(config.on), known=plan.digests)
    work_folder.purge(recordings, (job.path for job in plan.jobs))
    entries, tally, languages = _results(inputs, plan, set_aside)
    if not entries:
        work_folder.close_folder(inputs.work)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.dropped.items()))
        raise NothingKeptError(
            f"nothing could be kept, so no release is written. Readings dropped: {reasons or 'none'}.", tally.dropped
        )
    present = sorted({entry.speaker_id for entry in entries})
    what = identity(config, inputs, plan)
    facts = {
        **what,
        "usage": config.usage,
        "licence": inputs.intake.licence and asdict(inputs.intake.licence),
        "inventory": inventories(languages),
    }
    assemble(
        folder,
        entries,
        _splits(config, inputs, plan, set(present)),
        settle(plan.people, present, config.k, plan.on),
        tally,
        facts,
        config.shard_bytes,
    )
    with tombstones.lock(inputs.tombstones):
        _check_nobody_left(inputs, plan)
        release_names.claim(inputs.names, what)
        folder.rename(inputs.out)
    return tally.dropped, plan.removed_again


def _check_nobody_left(inputs: Inputs, plan: Plan) -> None:
    """Raise ``ReleaseError`` when somebody has withdrawn since the plan was made; the work, theirs too, is removed."""
    if tombstones.read_verified(inputs.tombstones, inputs.key).head != plan.withdrawals:
        work_folder.close_folder(inputs.work)
        raise WithdrawnMeanwhileError(
            "a learner withdrew while the release was being built: run the same command again."
        )


def _carry_out(config: BuildConfig, plan: Plan, on_progress: OnProgress | None) -> dict[Path, str]:
    """Do the jobs that are not done yet; return the reason of each that had to be set aside."""
    todo = [job for job in plan.jobs if not job.path.exists()]
    work_on = partial(work.carry_out, plan.context)
    set_aside: dict[Path, str] = {}
    done = len(plan.jobs) - len(todo)
    for outcome in runner.run(work_on, todo, config.workers, runner=config.runner):
        if outcome.reason is not None:
            set_aside[outcome.item.path] = outcome.reason
        done += 1
        if on_progress is not None:
            on_progress("recordings", done, len(plan.jobs))
    return set_aside


def _results(inputs: Inputs, plan: Plan, set_aside: Mapping[Path, str]) -> tuple[list[work.Entry], Tally, set[str]]:
    """Return where every row lies, what was dropped and why, and the languages of the rows."""
    tally = Tally(refused_readings(inputs.intake, plan.admission) + plan.set_aside, Counter(), {})
    entries: list[work.Entry] = []
    languages: set[str] = set()
    for job in plan.jobs:
        recording = job.task.recording
        if not job.path.exists():
            tally.dropped[set_aside.get(job.path, CONSENT_CAME_LATE)] += job.task.readings
            continue
        stored = work.read(job.path)
        entries += stored.entries
        tally.dropped.update(stored.drops)
        tally.flagged.update(stored.flags)
        tally.review.update(stored.review)
        if stored.entries:
            languages.add(recording.language)
    return entries, tally, languages


def _splits(config: BuildConfig, inputs: Inputs, plan: Plan, present: set[str]) -> dict[str, Split]:
    """Return the split of every present speaker, by pseudonym; the ledger remembers it under an id of its own."""
    prescribed = official_splits(inputs.intake)
    speaker_of = {inputs.naming.speaker(learner_id): learner_id for learner_id in plan.admission.grants}
    ids = {name: ledger_id(inputs.key, inputs.intake.source, speaker_of[name]) for name in present}
    strata = {
        ids[name]: (plan.people.speakers[name].age_band or "", plan.people.speakers[name].gender or "")
        for name in present
    }
    official = {ids[name]: prescribed[speaker_of[name]] for name in present if speaker_of[name] in prescribed}
    settled = ledger.settle(inputs.ledger, strata, fractions(config, set(prescribed.values())), official)
    return {name: settled[ids[name]] for name in present}


def _finished(config: BuildConfig, inputs: Inputs, on_progress: OnProgress | None) -> tuple[Release, Plan]:
    """Return the release at ``out`` and what would be built today; refuse another release, or none."""
    found = manifest.read(inputs.out)
    if found is None or found.get("kind") != KIND:
        raise ReleaseError(f"{inputs.out} is not empty and holds no release: choose another out.")
    # It was made on a day that is over now; nothing is written, so asking as of that day brings nobody back.
    on = max(date.fromisoformat(found["on"]), date.fromisoformat(config.on or found["on"]))
    plan = make_plan(config, inputs, on, on_progress)
    wanted = identity(config, inputs, plan)
    other = [
        name
        for name, value in wanted.items()
        if manifest.canonical_json(found.get(name)) != manifest.canonical_json(value)
    ]
    if other:
        raise ReleaseError(
            f"{inputs.out} holds release {found['name']}, built with other {', '.join(other)}. A release never "
            "changes: choose another out (and another name, so that the two cannot be joined)."
        )
    return read_release(inputs.out), plan


def _verb(config: BuildConfig) -> None:
    with cli.progress() as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        report = build(config, show)
    if not report.made:
        cli.console.print(f"Nothing to do: {report.release.path} is finished, with these settings and this input.")
    if report.removed_again:
        cli.console.print(
            f"{report.removed_again} learner(s) who have withdrawn stand in the intake again (an old backup?). They "
            f"were left out. Destroy what is there: python -m collection.withdraw intake={config.intake} "
            f"key={config.key}",
            soft_wrap=True,
            markup=False,
        )
    _print({**report.release.manifest, "dropped": report.dropped})
    cli.console.print(f"Release {report.release.name}: {report.release.path}", soft_wrap=True, highlight=False)


def _print(facts: Mapping[str, Any]) -> None:
    kept = Table("split", "speakers", "utterances", "minutes", title="Kept")
    for split, part in ((split.value, facts["splits"].get(split.value)) for split in Split):
        if part is None:
            continue
        kept.add_row(split, str(part["speakers"]), str(part["rows"]), f"{part['seconds'] / 60:.1f}")
    cli.console.print(kept)
    for title in ("dropped", "flagged"):
        table = Table("reason", "readings", title=title.capitalize())
        for reason, count in sorted(facts[title].items(), key=lambda pair: (-pair[1], pair[0])):
            table.add_row(reason, str(count))
        if table.row_count:
            cli.console.print(table)
    fates = Table("fate", "columns", title="What became of every column")
    for fate in Fate:
        fates.add_row(fate.value, ", ".join(column.name for column in declaration() if column.fate is fate))
    cli.console.print(fates)


def main() -> None:
    """Run the verb."""
    cli.run_verb("build", BuildConfig, _verb, "configs.build")


if __name__ == "__main__":
    main()
