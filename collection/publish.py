"""Hand a release to others: a Hugging Face Hub dataset, a folder, an S3 bucket, or any place that fsspec reaches.

Usage::

    python -m collection.publish release=RELEASE to=hf://datasets/ORG/NAME key=KEY intake=INTAKE
    python -m collection.publish release=RELEASE to=s3://BUCKET/PREFIX key=KEY intake=INTAKE

Everybody's consent is asked again today, for sharing and for every purpose of the release. The manifest goes last;
stopped at any moment, the same command sends what is missing, and once everything is there it does nothing. A line
beside the key says who has which release. Exit code 0 when all of the release is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from omegaconf import MISSING
from rich.table import Table

from collection import cli, consent, manifest
from collection.building.admission import admit
from collection.building.sources import FOLDER, read_consents, read_source
from collection.consent import ConsentPolicy, Reason, may_use
from collection.errors import ConfigError, KeyFileError, ParlureError, ReleaseError
from collection.keys import Key, read_key
from collection.pseudonyms.naming import naming
from collection.release import Release, read_release
from collection.releases import publications, targets
from collection.releases.publications import Publication, State
from collection.releases.targets import Target
from collection.schema import Purpose, read_grant
from collection.voice import Tier
from collection.withdrawal import tombstones, withdrawn

OnFile = Callable[[int, int], None]
"""Hears how many files are done, and how many there are."""
Answers = Callable[[Release, Key, date], Mapping[str, str]]
"""Says of each speaker of a release (pseudonyms) whether its purposes are granted on a day, or the reason of the no."""


@dataclass
class PublishConfig:
    """Configuration of the verb."""

    release: str = MISSING
    """Folder of the finished release; it must have been built for sharing-with-partner, besides its other purposes."""
    to: str = MISSING
    """Where to: hf://datasets/ORGANISATION/NAME, file:///FOLDER, s3://BUCKET/PREFIX, ...; empty, or this release's."""
    key: str = MISSING
    """Key file of the release; the list of publications lies beside it."""
    intake: str | None = None
    """Intake folder whose register is asked again; a release of a public corpus has none."""
    private: bool = True
    """Hub: whether only members see the dataset. Turning it off needs ``open_because``."""
    gated: bool = True
    """Hub: whether the controller approves each request for access. Turning it off needs ``open_because``."""
    open_because: str | None = None
    """Why a dataset is not private or not gated: kept in the list of publications."""


@dataclass(frozen=True, slots=True)
class Report:
    """Names of the files that were sent, and of those that were there already."""

    release: Release
    sent: tuple[str, ...]
    skipped: tuple[str, ...]


def publish(config: PublishConfig, on_file: OnFile | None = None, answers: Answers | None = None) -> Report:
    """Send a release, going on where an interrupted publication stopped.

    Whoever keeps answers that are fresher than an intake's register gives them as ``answers`` in its place.

    Raises a ``ParlureError`` before anything is sent when somebody's consent no longer holds, when the release is
    superseded, changed or of another key, and when the target holds anything else.
    """
    if not (config.private and config.gated) and not (config.open_because or "").strip():
        raise ConfigError(
            "private=false and gated=false show voices of minors to more people: say why with open_because=…"
        )
    key_path = Path(config.key).expanduser()
    key = read_key(key_path)
    folder = cli.existing(config.release, "Release")
    release = read_release(folder)
    _check_release(release, key)
    ledger = tombstones.beside(key_path)
    head = tombstones.read_verified(ledger, key).head

    def ask() -> None:
        if refused := ask_again(release, key, ledger, config.intake, consent.today(), answers):
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items()))
            raise ReleaseError(
                f"release {release.name} is not published: consent does not cover {sum(refused.values())} of its "
                f"speakers today ({reasons}). Build a new release without them, under a new name."
            )

    def still(name: str) -> None:
        """Sending takes hours: who withdraws meanwhile stops it, and all are asked again before the manifest."""
        if tombstones.read_verified(ledger, key).head != head or withdrawn.read(folder) is not None:
            raise ReleaseError(
                f"a learner withdrew while release {release.name} was being sent to {config.to}: what is there has no "
                "manifest. Delete it there, build a new release, under a new name, and publish that."
            )
        if name == manifest.NAME:
            ask()

    ask()
    release.verify()
    target = targets.open_target(config.to, config.private, config.gated)
    note = Publication(
        release=release.name,
        manifest=manifest.file_sha256(folder / manifest.NAME),
        target=config.to,
        state=State.STARTED,
        at=datetime.now(UTC),
        private=config.private,
        gated=config.gated,
        open_because=config.open_because,
    )
    try:
        return _send(release, target, publications.beside(key_path), note, on_file, still)
    except ParlureError:
        raise
    except Exception as error:  # every store raises errors of its own library
        raise ReleaseError(
            f"release {release.name} could not be sent to {config.to}: {type(error).__name__}: {error}. Nothing sent "
            "is lost: the same command goes on from here."
        ) from error


def _check_release(release: Release, key: Key) -> None:
    tier = str(release.manifest.get("tier", Tier.PSEUDONYMISED))
    if tier not in set(Tier):
        raise ReleaseError(f"{release.path} is of tier {tier}: only {' and '.join(Tier)} ever leave the intake side.")
    if withdrawn.read(release.path) is not None:
        raise ReleaseError(
            f"release {release.name} is superseded: a learner in it withdrew ({withdrawn.NAME}). Build a new release, "
            "under a new name, and publish that."
        )
    if release.manifest["key_id"] != key.id:
        raise KeyFileError(
            f"release {release.name} was made with key {release.manifest['key_id']}, not with {key.id}: give its key."
        )
    if Purpose.SHARING not in release.manifest["purposes"]:
        raise ReleaseError(
            f"release {release.name} was built for {', '.join(release.manifest['purposes'])}: nobody in it was asked "
            f"for {Purpose.SHARING}. Build one with purposes=[…,{Purpose.SHARING}]."
        )


def ask_again(
    release: Release, key: Key, ledger: Path, intake: str | None, on: date, answers: Answers | None = None
) -> Counter[str]:
    """Return how many speakers of a release may not be used for its purposes on a day, by reason.

    The rows are asked, and for learners the register and the ledger of withdrawals as they are now, or ``answers``; a
    public corpus has its licence instead.
    """
    purposes = [Purpose(purpose) for purpose in release.manifest["purposes"]]
    rows = [row for split in release.files for row in release.rows(split, ["speaker_id", "consent"])]
    speakers = {row["speaker_id"]: read_grant(row["consent"]) for row in rows}
    lapsed = {
        speaker: Reason.EXPIRED.value
        for speaker, grant in speakers.items()
        if not all(may_use(grant, purpose, on) for purpose in purposes)
    }
    if all(grant.record is None for grant in speakers.values()):
        return Counter(lapsed.values())
    asked = answers or partial(_register_answers, ledger=ledger, intake=intake)
    said = asked(release, key, on)
    return Counter(
        reason
        for speaker in speakers
        if (reason := lapsed.get(speaker) or said.get(speaker, Reason.NO_RECORD.value)) != Reason.GRANTED
    )


def _register_answers(release: Release, key: Key, on: date, ledger: Path, intake: str | None) -> dict[str, str]:
    """Return what the register says now, by the speaker's pseudonym in the release."""
    if intake is None:
        raise ConfigError(f"release {release.name} holds learners: give intake=FOLDER, so that they are asked again.")
    root = cli.existing(intake, "Intake")
    found, _ = tombstones.without(read_source(FOLDER, root), key, tombstones.read_verified(ledger, key))
    if found.source != release.manifest["source"]:
        raise ConfigError(
            f"release {release.name} was built from {release.manifest['source']}, the intake is {found.source}: give "
            "the intake it was built from."
        )
    names = naming(key, release.name, found.source)
    purposes = [Purpose(purpose) for purpose in release.manifest["purposes"]]
    policy = ConsentPolicy(**release.manifest["config"]["consent"])
    admission = admit(found, read_consents(FOLDER, root), purposes, on, policy, names)
    answers = {names.speaker(learner_id): Reason.GRANTED.value for learner_id in admission.grants}
    return answers | {names.speaker(learner_id): reason for learner_id, reason in admission.refused.items()}


def missing(target: Target, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the files that have to be sent, the manifest last.

    Raises ``ReleaseError`` when the target holds another release, or files that are no part of this one.
    """
    there = target.names()
    if foreign := sorted(there - files.keys()):
        raise ReleaseError(
            f"the target holds files that are no part of this release ({_some(foreign)}): give an empty place."
        )
    if manifest.NAME in there and not target.holds(manifest.NAME, files[manifest.NAME]):
        raise ReleaseError("the target holds another release: give each release a place of its own.")
    names = sorted(files, key=lambda name: (name == manifest.NAME, name))
    return tuple(name for name in names if name not in there or not target.holds(name, files[name]))


def _send(
    release: Release,
    target: Target,
    log: Path,
    note: Publication,
    on_file: OnFile | None,
    still: Callable[[str], None],
) -> Report:
    """Send what is missing, each file after ``still`` has had no objection to its name."""
    files = {name: release.path / name for name in (*release.manifest["files"], manifest.NAME)}
    todo = missing(target, files)
    done = len(files) - len(todo)
    skipped = tuple(name for name in files if name not in todo)
    said = [line for line in publications.read(log) if (line.target, line.manifest) == (note.target, note.manifest)]
    # With other settings of privacy the target is opened or closed, even when no file is missing.
    if not todo and said and replace(said[-1], at=note.at) == replace(note, state=State.FINISHED):
        return Report(release, (), skipped)
    publications.append(log, note)
    target.prepare()
    for number, name in enumerate(todo, start=done + 1):
        still(name)
        target.put(name, files[name])
        if on_file is not None:
            on_file(number, len(files))
    publications.append(log, replace(note, state=State.FINISHED, at=datetime.now(UTC)))
    return Report(release, todo, skipped)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _verb(config: PublishConfig) -> None:
    with cli.progress() as bars:
        task = bars.add_task("files", total=None)
        report = publish(config, lambda done, total: bars.update(task, completed=done, total=total))
    release, sizes = report.release, report.release.manifest["files"]
    if report.sent:
        table = Table("file", "bytes", title="Sent")
        for name in report.sent:
            table.add_row(name, str(sizes[name]["bytes"] if name in sizes else (release.path / name).stat().st_size))
        cli.console.print(table)
    else:
        cli.console.print("Nothing to do: all of the release is there.")
    if report.skipped and report.sent:
        cli.console.print(f"There already: {len(report.skipped)} file(s).")
    where = f"Release {release.name} (tier {release.manifest.get('tier', Tier.PSEUDONYMISED.value)}): {config.to}"
    cli.console.print(where, soft_wrap=True, markup=False, highlight=False)


def main() -> None:
    """Run the verb."""
    cli.run_verb("publish", PublishConfig, _verb)


if __name__ == "__main__":
    main()
