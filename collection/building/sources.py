"""Where a build reads from: an intake folder or a public corpus, each with its consent register."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from collection.building import bystanders
from collection.errors import ConfigError, IntakeError
from collection.importers import epadb, l2arctic, speechocean762
from collection.intake import REGISTER, Intake, read_intake
from collection.register import ConsentRecord, read_register

FOLDER = "folder"
CORPORA: Mapping[str, Callable[[Path], Intake]] = {
    epadb.SOURCE: epadb.read,
    l2arctic.SOURCE: l2arctic.read,
    speechocean762.SOURCE: speechocean762.read,
}
"""Importers of public corpora by the name of their source."""


def read_source(importer: str, root: Path) -> Intake:
    """Read everything but the sound; raises ``IntakeError``, or ``ConfigError`` that lists the sources."""
    if importer == FOLDER:
        intake = read_intake(root)
        if intake.source in CORPORA:
            raise IntakeError(
                f"intake.json calls this folder {intake.source}, the name of a public corpus: choose another source "
                "name, or build the published corpus with its own source."
            )
        return intake
    if importer not in CORPORA:
        raise ConfigError(f"no source {importer!r}; sources: {', '.join((FOLDER, *CORPORA))}.")
    return CORPORA[importer](root)


def read_consents(importer: str, root: Path) -> dict[str, ConsentRecord]:
    """Read the register of an intake folder; a public corpus has a licence instead."""
    return read_register(root / REGISTER) if importer == FOLDER else {}


def limited(intake: Intake, schools: Collection[str], languages: Collection[str]) -> Intake:
    """Return an intake with the recordings of these schools and languages only; empty means all of them.

    Everybody stays on the roster, so that their names are still taken out of what others read. In the recording of a
    class, readers of other schools are nobody.
    """

    def here(learner_id: str | None) -> bool:
        learner = intake.learners.get(learner_id or "")
        return not schools or (learner is not None and learner.school in schools)

    kept = []
    for one in intake.recordings:
        readers = tuple(reader if here(reader) else None for reader in one.readers)
        if (here(one.learner_id) or any(readers)) and (not languages or one.language in languages):
            kept.append(replace(one, readers=readers))
    ids = {one.recording_id for one in kept}
    annotations = {which: said for which, said in intake.annotations.items() if which[0] in ids}
    return replace(intake, recordings=tuple(kept), annotations=annotations)


def read_bystanders(importer: str, root: Path) -> frozenset[str]:
    """Read the digests of names that stand in no list of an intake folder; a public corpus has none."""
    return bystanders.read(root) if importer == FOLDER else frozenset()
