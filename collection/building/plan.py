"""What a build will do: its inputs, the consents asked on a day, one job a recording, and what makes it this build."""

from __future__ import annotations

import hmac
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from collection import cli, manifest, voice
from collection.building import checkpoints, same_sound, work
from collection.building.admission import Admission, admit, describe, held_when_recorded, refused_readings
from collection.building.assemble import People
from collection.building.class_pipeline import NO_GRANT, who_is_enrolled
from collection.building.pipeline import Context, Task
from collection.building.sources import FOLDER, limited, read_bystanders, read_consents, read_source
from collection.classes.class_recording import RECORDED_BEFORE_CONSENT, RECORDED_NOBODY_KNOWS_WHEN
from collection.config import BuildConfig
from collection.documents import privacy_figures
from collection.errors import ConfigError, ReleaseError
from collection.intake import Annotation, Intake, Recording
from collection.keys import Key, check_outside_data, read_key
from collection.pseudonyms.naming import Naming, naming
from collection.pseudonyms.splits import check_fractions
from collection.redact import check_installed
from collection.releases import release_names, work_folder
from collection.schema import Purpose, Split
from collection.withdrawal import tombstones

OnProgress = Callable[[str, int, int], None]
"""Hears a step's name, how many of its items are done, and how many there are."""

_ELSEWHERE = (
    "importer",
    "intake",
    "corpus",
    "out",
    "key",
    "name",
    "on",
    "purposes",
    "privacy",
    "schools",
    "languages",
    "split_ledger",
    "workers",
    "runner",
)
"""Settings that stand in the manifest under a field of their own, or are no part of what a release is."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a build reads, but the sound."""

    key: Key
    root: Path
    out: Path
    work: Path
    ledger: Path
    names: Path
    tombstones: Path
    intake: Intake
    elsewhere: tuple[Recording, ...]
    """Recordings of other schools or languages than were asked for: nobody works on them."""
    naming: Naming
    purposes: tuple[Purpose, ...]
    privacy: dict[str, Any] | None
    """What the disguise was measured to be worth, for the card."""
    checkpoints: Mapping[str, str]
    """What the listeners' checkpoints hold, by path."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build does on a day: jobs for the recordings of admitted learners, and what all of it depends on."""

    on: date
    context: Context
    admission: Admission
    people: People
    jobs: tuple[work.Job, ...]
    digests: Mapping[str, str]
    """What was found in each admitted recording's file, by recording id."""
    set_aside: Counter[str]
    """Readings of admitted learners that are not worked on, by reason."""
    fingerprint: str
    removed_again: int
    """Learners who have withdrawn and stand in the intake all the same, as after an old backup: they are left out."""
    withdrawals: tombstones.Head | None
    """How far the ledger of withdrawals had come."""


def gather(config: BuildConfig) -> Inputs:
    """Read the key and the input, and check the settings that hydra cannot."""
    try:
        purposes = tuple(sorted({Purpose(purpose) for purpose in config.purposes}))
        _ = config.on and date.fromisoformat(config.on)
    except ValueError as error:
        raise ConfigError(
            f"{error}: purposes are {', '.join(Purpose)}; on is an ISO date such as 2026-01-31."
        ) from None
    if not purposes:
        raise ConfigError(f"purposes is empty: name what the release is for, among {', '.join(Purpose)}.")
    if config.shard_bytes <= 0:
        raise ConfigError(f"shard_bytes must be above 0, not {config.shard_bytes}.")
    check_fractions(fractions(config, set()))
    voice.check(config.voice)
    field_name = "intake" if config.importer == FOLDER else "corpus"
    given = config.intake if config.importer == FOLDER else config.corpus
    if given is None:
        raise ConfigError(f"source={config.importer} needs {field_name}=FOLDER.")
    root = cli.existing(given, f"the {field_name} folder").resolve()
    out = Path(config.out).expanduser().resolve()
    if out.is_relative_to(root) or root.is_relative_to(out):
        raise ConfigError(f"out ({out}) and the {field_name} folder lie within each other: personal data stay apart.")
    key_path = Path(config.key).expanduser()
    key = read_key(key_path)
    unfinished = work_folder.beside(out)
    ledger = Path(config.split_ledger or f"{key_path}.splits.jsonl").expanduser()
    for path, what in ((key_path, "key"), (ledger, "split ledger")):
        failed = f"The {what} {path} is not used, whoever gets the data would get it too"
        check_outside_data(path, failed, (root, out, unfinished))
    whole = read_source(config.importer, root)
    intake = limited(whole, config.schools, config.languages)
    entering = {recording.recording_id for recording in intake.recordings}
    if config.redaction.enabled:
        check_installed({recording.language for recording in intake.recordings}, config.redaction)
    return Inputs(
        key=key,
        root=root,
        out=out,
        work=unfinished,
        ledger=ledger,
        names=release_names.beside(key_path),
        tombstones=tombstones.beside(key_path),
        intake=intake,
        elsewhere=tuple(one for one in whole.recordings if one.recording_id not in entering),
        naming=naming(key, config.name, intake.source),
        purposes=purposes,
        privacy=privacy_figures.read(Path(config.privacy), config.voice) if config.privacy else None,
        checkpoints=checkpoints.contents((config.classes.model, config.redaction.model)),
    )


def make_plan(
    config: BuildConfig,
    inputs: Inputs,
    on: date,
    on_progress: OnProgress | None = None,
    known: Mapping[str, str] | None = None,
) -> Plan:
    """Ask consent for everyone, and look at the sound files of those who gave it - at no other.

    ``known`` are the digests of an earlier plan of the same run, whose sound files need not be read again. The same
    sound under two learners is worked on for neither: one of them did not speak it, and may not have allowed it.
    Whoever stands in the ledger of withdrawals is not there, whatever the intake says.
    """
    names = inputs.naming
    withdrawals = tombstones.read_verified(inputs.tombstones, inputs.key)
    intake, removed_again = tombstones.without(inputs.intake, inputs.key, withdrawals)
    register = read_consents(config.importer, inputs.root)
    admission = admit(intake, register, inputs.purposes, on, config.consent, names)
    context = Context(
        naming=names,
        purposes=inputs.purposes,
        on=on,
        usage=config.usage,
        limits=config.audio,
        segment=config.segment,
        match=config.match,
        quality=config.quality,
        voice=config.voice,
        redaction=config.redaction,
        classes=config.classes,
        names=tuple(sorted({learner.name for learner in intake.learners.values() if learner.name})),
        schools=tuple(sorted({learner.school for learner in intake.learners.values() if learner.school})),
        forgotten=tombstones.forgotten(
            inputs.key, intake.source, withdrawals, read_bystanders(config.importer, inputs.root)
        ),
        checkpoints=inputs.checkpoints,
    )
    said: dict[str, dict[int, Annotation]] = defaultdict(dict)
    for (recording_id, index), annotation in intake.annotations.items():
        said[recording_id][index] = annotation
    chosen = [
        recording
        for recording in intake.recordings
        if recording.prompts and any(learner_id in admission.grants for learner_id in recording.readings)
    ]
    digests: dict[str, str] = {}
    for number, recording in enumerate(chosen, start=1):
        found = (known or {}).get(recording.recording_id)
        digests[recording.recording_id] = found or work.input_digest(recording.path, config.audio)
        if on_progress is not None:
            on_progress("checking input", number, len(chosen))
    known_ids = {recording.recording_id for recording in chosen}
    others = [recording for recording in intake.recordings if recording.recording_id not in known_ids]
    shared = same_sound.shared(chosen, digests, (*others, *inputs.elsewhere), config.audio)
    jobs: list[work.Job] = []
    identities: list[str] = []
    set_aside: Counter[str] = Counter()
    for recording in chosen:
        digest = digests[recording.recording_id]
        if digest in shared:
            set_aside[same_sound.SHARED_SOUND] += _admitted(recording, admission)
            continue
        annotations = said.get(recording.recording_id, {})
        if recording.readers:
            enrolled, missing = who_is_enrolled(
                recording, admission, register, inputs.purposes, config.consent, inputs.root, inputs.key
            )
            set_aside += missing
            task = Task(recording, NO_GRANT, annotations, enrolled)
            if not enrolled:
                continue
        elif intake.licence is None and not held_when_recorded(
            register.get(recording.learner_id), recording, inputs.purposes, config.consent
        ):
            why = RECORDED_BEFORE_CONSENT if recording.recorded_on else RECORDED_NOBODY_KNOWS_WHEN
            set_aside[why] += len(recording.prompts)
            continue
        else:
            task = Task(recording, admission.grants[recording.learner_id], annotations)
        made = work.fingerprint(task, context, digest)
        path = work.work_file(inputs.work / "recordings", names.recording(recording.recording_id), made)
        jobs.append(work.Job(task, path))
        identities.append(made)
    demographics = describe(intake, list(admission.grants), on)
    people = People(
        {names.speaker(learner_id): demographics[learner_id] for learner_id in admission.grants},
        {names.speaker(learner_id): grant for learner_id, grant in admission.grants.items()},
    )
    facts = {
        "recordings": sorted(identities),
        "speakers": {name: [asdict(people.speakers[name]), asdict(people.grants[name])] for name in people.speakers},
        "refused": refused_readings(intake, admission),
        "set_aside": set_aside,
        "licence": None if intake.licence is None else asdict(intake.licence),
    }
    fingerprint = hmac.digest(names.subkey, manifest.canonical_json(facts).encode(), sha256).hex()
    return Plan(
        on,
        context,
        admission,
        people,
        tuple(jobs),
        digests,
        set_aside,
        fingerprint,
        removed_again,
        withdrawals.head,
    )


def _admitted(recording: Recording, admission: Admission) -> int:
    return sum(count for learner_id, count in recording.readings.items() if learner_id in admission.grants)


def identity(config: BuildConfig, inputs: Inputs, plan: Plan) -> dict[str, Any]:
    """Return what makes a release this release and no other: fields of its manifest, without paths and secrets."""
    settings = {name: value for name, value in asdict(config).items() if name not in _ELSEWHERE}
    listeners = {name: checkpoints.by_content(settings[name], inputs.checkpoints) for name in ("classes", "redaction")}
    return {
        "name": config.name,
        "source": inputs.intake.source,
        "key_id": inputs.key.id,
        "on": plan.on.isoformat(),
        "purposes": [purpose.value for purpose in inputs.purposes],
        "tier": voice.tier(config.voice).value,
        "privacy": inputs.privacy,
        "config": {**settings, **listeners},
        "inputs": plan.fingerprint,
    }


def official_splits(intake: Intake) -> dict[str, Split]:
    """Return the split of each learner whom the corpus itself assigns; raises ``ReleaseError`` when it gives two."""
    official: dict[str, Split] = {}
    for recording in intake.recordings:
        if recording.split is None:
            continue
        if official.setdefault(recording.learner_id, recording.split) is not recording.split:
            raise ReleaseError(
                f"a speaker of {intake.source} has recordings in the splits {official[recording.learner_id]} and "
                f"{recording.split}: give every recording of a learner the same split, or none."
            )
    return official


def fractions(config: BuildConfig, official: set[Split]) -> dict[Split, float]:
    """Return the shares for speakers without an official split: a split that the corpus fills takes nobody else."""
    shares = {split: getattr(config.splits, split.value) for split in Split}
    open_shares = {split: 0.0 if split in official else share for split, share in shares.items()}
    total = sum(open_shares.values())
    return {split: share / total for split, share in open_shares.items()} if total else shares
