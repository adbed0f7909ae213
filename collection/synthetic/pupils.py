"""The people of a synthetic class: roster, voices and consents. Names are invented; any likeness is chance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

import numpy as np

from collection.consent import (
    ConsentRecord,
    Event,
    EventState,
    LawfulBasis,
    Notice,
    Role,
    Signature,
    age_on,
)
from collection.errors import ConfigError
from collection.intake import Learner
from collection.schema import Purpose
from collection.synthetic.misreading import LEVELS
from collection.synthetic.voices import Voice

_GIRLS = "Zoé Léa Inès Maëlle Yasmine Chloé Anaïs Lucía Mei Sofia Nour Clémence Éloïse Fatou Romane Beatriz"
_BOYS = "Noé Hugo Rayan Théo Karim Gaël Mateo Jian Loïc Samir Côme Baptiste Anatole Moussa Tiago Félix"
_FAMILIES = (
    "Vauquelin Castagnède Brissaud Ternois Malvoisin Escoffre Lagardelle Pomarède Quérouil Sauvestre "
    "Bellancourt Hautefeuille Rouvillain Chabrillat Desgranges Fontvieille"
)
_FIRST = {"f": _GIRLS.split(), "m": _BOYS.split()}
_LAST = _FAMILIES.split()
_FIRST_LANGUAGES = ("fr", "fr", "fr", "ar", "es", "fr", "pt", "zh", "fr", "de")
_REGIONS = ("FR-IDF", "FR-IDF", "FR-OCC", "FR-BRE")
_ERROR_RATE = {"A1": 0.32, "A2": 0.22, "B1": 0.14, "B2": 0.07, "C1": 0.03}
_PURPOSES = (Purpose.RESEARCH, Purpose.TRAINING, Purpose.EVALUATION)
_NOTICE = "Notice of the synthetic class: these learners do not exist."
SIGNED_DAYS_AGO = 30


class Fate(StrEnum):
    """What becomes of a learner's consent."""

    GRANTED = "granted"
    GUARDIAN_REFUSED = "guardian_refused"
    LEARNER_REFUSED = "learner_refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Pupil:
    """A synthetic learner: roster line, voice, share of open phones that go wrong, and consent."""

    learner: Learner
    voice: Voice
    error_rate: float
    fate: Fate
    consent: ConsentRecord


def make_class(count: int, refusing: int, withdrawn: int, expired: int, on: date, seed: int) -> list[Pupil]:
    """Return ``count`` learners aged 6 to 40, four in five minors; refusals alternate between guardian and learner.

    No birthday that changes who must consent falls between signature and ``on``, nor in the eight weeks after.
    """
    fates = [(Fate.GUARDIAN_REFUSED, Fate.LEARNER_REFUSED)[number % 2] for number in range(refusing)]
    fates += [Fate.WITHDRAWN] * withdrawn + [Fate.EXPIRED] * expired
    if len(fates) >= count:
        raise ConfigError(
            f"{count} learners of whom {len(fates)} without live consent leave nobody to record: raise learners."
        )
    rng = np.random.default_rng([seed, 0])
    ages = [int(rng.integers(6, 18)) if number % 5 else int(rng.integers(18, 41)) for number in range(count)]
    minors = [number for number in range(count) if ages[number] < 18]
    if len(minors) < len(fates):
        raise ConfigError(f"{len(fates)} minors without live consent need a class of at least {2 * len(fates)}.")
    chosen = rng.permutation(minors)[: len(fates)]
    by_pupil = dict(zip((int(number) for number in chosen), fates, strict=True))
    names = rng.permutation(len(_FIRST["f"]) * len(_LAST))
    return [
        _pupil(number, ages[number], int(names[number % len(names)]), by_pupil.get(number, Fate.GRANTED), on, rng)
        for number in range(count)
    ]


def _pupil(number: int, age: int, name: int, fate: Fate, on: date, rng: np.random.Generator) -> Pupil:
    gender = ("f", "m")[int(rng.integers(2))]
    # 80 to 300 days after the last birthday: none near the signature or the day of use.
    birth_date = date(on.year - age, on.month, min(on.day, 28)) - timedelta(days=int(rng.integers(80, 300)))
    learner = Learner(
        learner_id=f"learner-{rng.bytes(5).hex()}",
        name=f"{_FIRST[gender][name // len(_LAST)]} {_LAST[name % len(_LAST)]}",
        birth_date=birth_date,
        gender=gender,
        first_language=_FIRST_LANGUAGES[int(rng.integers(len(_FIRST_LANGUAGES)))],
        level=LEVELS[int(rng.choice(len(LEVELS), p=(0.25, 0.3, 0.25, 0.15, 0.05)))],
        region=_REGIONS[int(rng.integers(len(_REGIONS)))],
        school="Collège Imaginaire des Essais",
    )
    error_rate = _ERROR_RATE[learner.level or "A1"] * float(rng.uniform(0.8, 1.2))
    return Pupil(learner, _voice(number, age, gender, rng), error_rate, fate, _consent(learner, fate, on, rng))


def _voice(number: int, age: int, gender: str, rng: np.random.Generator) -> Voice:
    """Return a voice that no other pupil has: the variants take turns, pitch and vocal tract are drawn."""
    grown = gender == "m" and age >= 14
    variant = f"m{number % 8 + 1}" if grown else f"f{number % 5 + 1}"
    formants = float(np.interp(age, (6, 10, 14, 17), (1.24, 1.16, 1.06, 1.0))) + float(rng.uniform(-0.02, 0.03))
    pitch = int(rng.integers(25, 60)) if grown else int(rng.integers(40, 80))
    return Voice(variant, pitch, int(rng.integers(30, 70)), int(rng.integers(125, 175)), round(formants, 3))


def _consent(learner: Learner, fate: Fate, on: date, rng: np.random.Generator) -> ConsentRecord:
    assert learner.birth_date is not None  # noqa: S101 - every synthetic learner has one
    signed = on - timedelta(days=SIGNED_DAYS_AGO)
    guardian, pupil = f"guardian-{rng.bytes(5).hex()}", f"self-{rng.bytes(5).hex()}"
    signatures = [_signature(Role.LEARNER, pupil, signed, fate is not Fate.LEARNER_REFUSED)]
    speaker = (Role.LEARNER, pupil)
    if age_on(learner.birth_date, signed) < 18:
        signatures.append(_signature(Role.GUARDIAN, guardian, signed, fate is not Fate.GUARDIAN_REFUSED))
        speaker = (Role.GUARDIAN, guardian)
    events: Sequence[Event] = ()
    if fate is Fate.WITHDRAWN:
        events = (Event(EventState.WITHDRAWN, _noon(on - timedelta(days=3)), *speaker),)
    elif fate is Fate.EXPIRED:
        events = (Event(EventState.EXPIRED, _noon(on - timedelta(days=5)), Role.CONTROLLER, "school-office"),)
    return ConsentRecord(
        record_id=f"consent-{rng.bytes(5).hex()}",
        learner_id=learner.learner_id,
        birth_date=learner.birth_date,
        notice=Notice("synthetic-class", "1", hashlib.sha256(_NOTICE.encode()).hexdigest(), "fr-FR"),
        purposes=_PURPOSES,
        lawful_basis=LawfulBasis.CONSENT,
        controller="Collège Imaginaire des Essais",
        recipients=("Parlure",),
        retention_until=on + timedelta(days=3 * 365),
        signatures=tuple(signatures),
        events=tuple(events),
    )


def _signature(role: Role, entity: str, on: date, yes: bool) -> Signature:
    return Signature(role, entity, on, dict.fromkeys(_PURPOSES, yes))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)
