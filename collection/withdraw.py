"""Withdraw a learner: destroy what is theirs, and mark everything that was made of it.

Usage::

    python -m collection.withdraw intake=INTAKE key=KEY learner=ID releases=[RELEASE,…] runs=[RUNS]
    python -m collection.withdraw intake=INTAKE key=KEY learner=ID releases=[RELEASE,…] confirm=DATASET

The first shows what would be done and writes nothing. The second, confirmed by the name of the dataset (the ``source``
of the intake), does it: the ledger of withdrawals beside the key and the register say so, every past release is marked
superseded, and recordings, voiceprint, unfinished builds and the learner's lines in the lists of the intake are
destroyed. Stopped at any moment, the same command goes on. Without ``learner=`` it is about everyone in the ledger who
is back, because an old backup of the intake was restored, or whose withdrawal was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from omegaconf import MISSING
from rich.table import Table

from collection import cli
from collection.classes import voiceprints
from collection.errors import ConfigError, IntakeError
from collection.intake import REGISTER, read_intake
from collection.keys import check_outside_data, read_key
from collection.register import ConsentRecord, Event, EventState, Role, read_register
from collection.releases import publications, release_names
from collection.withdrawal import past_releases, tombstones
from collection.withdrawal.past_releases import Model
from collection.withdrawal.steps import Vault, Withdrawal, find, steps

OnStep = Callable[[str], None]
"""Hears what the next step is about, before it is taken."""


@dataclass
class WithdrawConfig:
    """Configuration of the verb."""

    intake: str = MISSING
    """The intake folder that holds the learner."""
    key: str = MISSING
    """Key file of the releases; the ledger of withdrawals lies beside it."""
    learner: str | None = None
    """Learner id, as on the roster. Left out: everyone in the ledger who is back, or only partly gone."""
    releases: list[str] = field(default_factory=list)
    """Folders of every release and of every unfinished build made of this intake; copies count."""
    runs: list[str] = field(default_factory=list)
    """Folders under which to look for models; they are listed here, and marked by ``training.lineage``."""
    by: str = "learner"
    """Who withdrew: learner or guardian; controller when nobody did and the announced retention is over."""
    entity: str | None = None
    """Opaque id, in the register, of who withdrew; needed when the register knows several, or none, of them."""
    destroy: bool = False
    """Destroy these copies of past releases too, with everybody's rows; their manifests stay."""
    destroy_classes: bool = False
    """Destroy the recordings of whole classes they read in too, with everybody's voices. Afterwards nobody can tell
    which recordings these were: it is now or never."""
    forget_name: bool = False
    """Note no digests of their name in the ledger. From then on, texts that others read may give it away."""
    split_ledger: str | None = None
    """As for the build; ``<key>.splits.jsonl`` when not given."""
    head: str | None = None
    """A copy of the ledger's head, kept elsewhere, to hold the ledger against."""
    confirm: str | None = None
    """Name of the dataset, ``source`` in intake.json, to do it; without it nothing is written."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is or was to be done, and whom it concerns.

    ``models`` learned from the learner; ``holders`` are (release, place it was sent to); ``not_given`` are names of
    releases that were not looked at.
    """

    withdrawals: tuple[Withdrawal, ...]
    models: tuple[Model, ...]
    holders: tuple[tuple[str, str], ...]
    not_given: tuple[str, ...]
    done: bool
    head: tombstones.Head | None


def withdraw(config: WithdrawConfig, on_step: OnStep | None = None, now: datetime | None = None) -> Report:
    """Find what is left to withdraw and, when it is confirmed, do it; ``now`` is the present unless given.

    Raises a ``ParlureError`` before anything is written when the learner is unknown, the ledger was tampered with, the
    key is another one, the confirmation is wrong, or a build is at work.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    ledger_path = tombstones.beside(Path(config.key).expanduser())
    if config.confirm is None:
        return _look(config, ledger_path, now)[1]
    with tombstones.lock(ledger_path):
        vault, report = _look(config, ledger_path, now)
        if config.confirm != vault.intake.source:
            raise ConfigError(
                f"confirm={config.confirm} is not the name of this dataset, which is {vault.intake.source}: nothing "
                "was changed. Check that this is the intake you mean."
            )
        for folder in (folder for found in report.withdrawals for folder in found.unfinished):
            with past_releases.idle(folder):
                pass
        for found in report.withdrawals:
            for name, act in steps(found, vault, now, config.forget_name):
                if on_step is not None:
                    on_step(name)
                act()
        head = tombstones.read_verified(ledger_path, vault.key).head
    return replace(report, done=True, head=head)


def _look(config: WithdrawConfig, ledger_path: Path, now: datetime) -> tuple[Vault, Report]:
    """Return the vault and the report of what is to be done; nothing is written."""
    vault = _vault(config, ledger_path)
    folders = [Path(folder).expanduser().resolve() for folder in config.releases]
    roots = [cli.existing(folder, "Folder of runs") for folder in config.runs]
    source = vault.intake.source
    withdrawals: list[Withdrawal] = []
    models: list[Model] = []
    for learner_id in _learners(config, vault):
        found = find(
            vault,
            learner_id,
            partial(_event, config),
            past_releases.unfinished(folders),
            tuple(past_releases.past(folders, vault.key, source, learner_id, config.destroy)),
            now,
            config.destroy_classes,
        )
        models += past_releases.models(roots, vault.key, source, learner_id)
        if found.due:
            withdrawals.append(found)
    given = past_releases.names(folders)
    key_path = Path(config.key).expanduser()
    not_given = tuple(sorted(set(release_names.read(release_names.beside(key_path))) - given))
    sent = publications.read(publications.beside(key_path))
    held = dict.fromkeys(past.name for found in withdrawals for past in found.releases)
    holders = tuple((name, place) for name in held for place in publications.holders(sent, name))
    return vault, Report(tuple(withdrawals), tuple(models), holders, not_given, False, vault.ledger.head)


def _vault(config: WithdrawConfig, ledger_path: Path) -> Vault:
    root = cli.existing(config.intake, "the intake folder").resolve()
    key_path = Path(config.key).expanduser()
    key = read_key(key_path)
    check_outside_data(key_path, f"The key {key_path} is not used, whoever gets the data would get it too", (root,))
    voiceprints.check_key(root, key)
    ledger = tombstones.read_verified(ledger_path, key)
    if config.head is not None:
        ledger.verify(tombstones.read_head(Path(config.head).expanduser()), config.head)
    return Vault(
        root=root,
        key=key,
        intake=read_intake(root),
        register=read_register(root / REGISTER),
        ledger_path=ledger_path,
        ledger=ledger,
        splits_path=Path(config.split_ledger or f"{key_path}.splits.jsonl").expanduser(),
    )


def _learners(config: WithdrawConfig, vault: Vault) -> list[str]:
    """Return whom this is about: the learner that was named, or everyone who is back or was left half-way."""
    known = dict.fromkeys([*vault.intake.learners, *vault.register])
    gone = vault.ledger.subjects
    if config.learner is None:
        return [learner_id for learner_id in known if vault.subject(learner_id) in gone]
    if config.learner not in known and vault.subject(config.learner) not in gone:
        raise IntakeError(
            f"that learner is on neither the roster nor the register of {vault.root.name}, and has not withdrawn "
            "before: check the id, letter by letter. Nothing was changed."
        )
    return [config.learner]


def _event(config: WithdrawConfig, record: ConsentRecord, at: datetime) -> Event:
    """Return the register's event of a withdrawal, by the person who is known in that role.

    Where an old register was restored nobody knows who it was: the controller then says that the consent has ended.
    """
    if config.learner is None or config.by == Role.CONTROLLER:
        return Event(EventState.EXPIRED, at, Role.CONTROLLER, record.controller)
    if config.by not in (Role.LEARNER, Role.GUARDIAN):
        raise ConfigError(f"by={config.by}: give {Role.LEARNER}, {Role.GUARDIAN} or {Role.CONTROLLER}.")
    said = {(one.role, one.entity) for one in record.signatures} | {(one.role, one.entity) for one in record.events}
    people = {config.entity} if config.entity else {entity for role, entity in said if role == config.by}
    if len(people) != 1:
        raise ConfigError(
            f"record {record.record_id} of the register knows {len(people)} persons as {config.by}: give the opaque id "
            "of who withdrew as entity=…"
        )
    event = Event(EventState.WITHDRAWN, at, Role(config.by), str(people.pop()))
    others = {role for role, entity in said if entity == event.entity} - {event.role}
    learners = {entity for role, entity in said if role is Role.LEARNER}
    if others or (event.role is Role.LEARNER and learners - {event.entity}):
        raise ConfigError(f"entity={event.entity} is someone else in record {record.record_id}: check by= and entity=.")
    return event


def _table(found: Withdrawal) -> Table:
    rows = {
        "sound files": len(found.sounds),
        "lines in the list of recordings": len(found.recordings),
        "class recordings in which they become nobody, sound kept (destroy_classes=true)": len(found.classes),
        "ratings": len(found.ratings),
        "line on the roster": int(found.on_roster),
        "voiceprint": int(found.enrolled),
        "event in the consent register, which is kept": int(found.event is not None),
        "name, kept in the ledger as digests (forget_name=true: not at all)": int(found.on_roster),
        "line in the split ledger": int(found.split is not None),
        "half-written lists": len(found.leftovers),
        "unfinished builds, whole": len(found.unfinished),
    }
    table = Table("what", "how much", title=f"Withdrawal {found.subject} of {found.at:%Y-%m-%d}", title_justify="left")
    for what, count in rows.items():
        table.add_row(what, str(count))
    for past in found.releases:
        marked = "marked before" if past.rows is None else f"{past.rows} row(s) to mark as withdrawn"
        table.add_row(f"release {past.name}", f"{marked}; this copy to destroy" if past.doomed else marked)
    return table


def _next(config: WithdrawConfig, report: Report) -> list[str]:
    """Return what is to be done besides, a line each."""
    runs = f"runs=[{','.join(config.runs)}]" if config.runs else "runs=[FOLDER,…]"
    releases = {past.folder: past.name for found in report.withdrawals for past in found.releases}
    lines = [f"Mark the models: python -m training.lineage release={folder} {runs} mark=true" for folder in releases]
    lost = {model.speaker for model in report.models if not model.marked and model.release not in releases.values()}
    lines += [f"Mark the models: python -m training.lineage speaker={one} {runs} mark=true" for one in sorted(lost)]
    kept = [past for found in report.withdrawals for past in found.releases if not past.doomed]
    if kept:
        lines.append("The voice is still in these copies of past releases, though no verb uses it: destroy=true.")
    lines.append("Then build the next release under a new name, and send withdrawn.json to whoever holds an old one.")
    return lines


def _verb(config: WithdrawConfig) -> None:
    """Withdraw, and say what was or would be done and what is left to others."""
    report = withdraw(config)

    def say(text: str) -> None:
        cli.console.print(text, soft_wrap=True, markup=False, highlight=False)

    for found in report.withdrawals:
        cli.console.print(_table(found))
    for model in report.models:
        say(f"Model {model.folder} learned from {model.speaker}{' (marked)' if model.marked else ''}.")
    for name, place in report.holders:
        say(f"Release {name} was sent to {place}.")
    if report.not_given:
        say(
            f"Not looked at, though made with this key: {', '.join(report.not_given)}. Give every copy in releases=[…]."
        )
    if not report.withdrawals:
        say("Nothing to do: nothing of a learner who withdrew is left here.")
    elif report.done:
        for line in ("Done.", *_next(config, report)):
            say(line)
    else:
        say("Nothing was written. To do it, give the same command with confirm=DATASET, the source in intake.json.")
    if report.head is not None:
        say(f"Head of the ledger: line {report.head.seq}, {report.head.sha256}. Keep a copy of it elsewhere.")


def main() -> None:
    """Run the verb."""
    cli.run_verb("withdraw", WithdrawConfig, _verb)


if __name__ == "__main__":
    main()
