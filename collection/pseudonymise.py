"""Keyed pseudonyms, generalised demographics and k-anonymity: pure functions between the roster and a release.

Pseudonymised is not anonymous: who holds the key can go back, and a voice identifies its speaker whatever its label.
docs/adr/0002-pseudonyms.md gives the reason for each choice; ``collection.pseudonyms.columns`` declares every column.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from enum import StrEnum
from hashlib import sha256

from collection.consent import age_on
from collection.errors import ConfigError
from collection.intake import Learner
from collection.keys import Key
from collection.pseudonyms.columns import Column, Fate, check_columns, declaration
from collection.schema import Speaker

__all__ = [
    "QUASI_IDENTIFIERS",
    "Column",
    "Fate",
    "Kind",
    "age_band",
    "check_columns",
    "declaration",
    "device_kind",
    "generalise",
    "generalise_expiries",
    "pseudonym",
    "release_key",
    "suppress",
]

QUASI_IDENTIFIERS = ("region", "first_language", "gender", "age_band")
"""What a neighbour may know of a learner, in the order in which it is given up."""

_BANDS = ((6, "0-5"), (9, "6-8"), (12, "9-11"), (15, "12-14"), (18, "15-17"))
_GENDERS = {
    **dict.fromkeys(("f", "female", "femme", "fille", "woman", "girl"), "female"),
    **dict.fromkeys(("m", "male", "h", "homme", "garçon", "man", "boy"), "male"),
    **dict.fromkeys(("x", "other", "autre", "non-binary", "nonbinary", "non-binaire"), "other"),
}
_DEVICES = {
    **dict.fromkeys(("phone", "smartphone", "telephone", "iphone", "android", "mobile", "galaxy", "pixel"), "phone"),
    **dict.fromkeys(("tablet", "tablette", "ipad"), "tablet"),
    **dict.fromkeys(("headset", "casque"), "headset"),
    **dict.fromkeys(("laptop", "computer", "ordinateur", "desktop", "pc", "chromebook", "macbook"), "computer"),
    **dict.fromkeys(("recorder", "enregistreur", "dictaphone", "zoom"), "recorder"),
}
_REGIONS = {
    "FR1": "Île-de-France",
    "FRB": "Centre-Val de Loire",
    "FRC": "Bourgogne-Franche-Comté",
    "FRD": "Normandie",
    "FRE": "Hauts-de-France",
    "FRF": "Grand Est",
    "FRG": "Pays de la Loire",
    "FRH": "Bretagne",
    "FRI": "Nouvelle-Aquitaine",
    "FRJ": "Occitanie",
    "FRK": "Auvergne-Rhône-Alpes",
    "FRL": "Provence-Alpes-Côte d'Azur",
    "FRM": "Corse",
}
_OVERSEAS = "FRY"
"""NUTS 1 joins the overseas regions, each of them small."""
_OVERSEAS_REGIONS = ("Guadeloupe", "Martinique", "Guyane", "Réunion", "La Réunion", "Mayotte")


class Kind(StrEnum):
    """What a pseudonym stands for; equal raw ids of two kinds get unrelated pseudonyms."""

    SPEAKER = "spk"
    UTTERANCE = "utt"
    SESSION = "ses"
    CONSENT = "con"
    RATER = "rat"


def release_key(key: Key, release_name: str) -> bytes:
    """Return the release's sub-key (32 bytes): ids of two releases cannot be joined without the key itself."""
    if not release_name:
        raise ConfigError("The release needs a name: its pseudonyms are derived from it.")
    return hmac.digest(key.secret, b"parlure release\0" + release_name.encode(), sha256)


def pseudonym(subkey: bytes, kind: Kind | str, raw_id: str) -> str:
    """Return ``<kind>_`` and 16 hex digits of HMAC-SHA256 (RFC 2104) over the kind and the raw id."""
    if not re.fullmatch("[a-z]{2,12}", kind):
        raise ValueError(f"kind must be a short lower-case word such as {', '.join(Kind)}")
    digest = hmac.digest(subkey, f"{kind}\0{raw_id}".encode("utf-8", "surrogatepass"), sha256)
    return f"{kind}_{digest.hex()[:16]}"


def age_band(age: int | None) -> str | None:
    """Return the band of an age in years: 0-5, 6-8, 9-11, 12-14, 15-17 or 18+; ``None`` when unknown or negative."""
    if age is None or age < 0:
        return None
    return next((band for above, band in _BANDS if age < above), "18+")


def generalise(learner: Learner, on: date) -> Speaker:
    """Return what may be said of a learner on a day; free text that is not recognised becomes ``None``."""
    age = learner.age if learner.birth_date is None else age_on(learner.birth_date, on)
    return Speaker(
        age_band=age_band(age),
        gender=_GENDERS.get(_plain(learner.gender)),
        first_language=_primary_language(learner.first_language),
        level=_cefr(learner.level),
        region=_region(learner.region),
    )


def device_kind(device: str | None) -> str | None:
    """Return phone, tablet, headset, computer or recorder; a device's own name may be its owner's and is dropped."""
    words = re.findall(r"[a-z]+", _plain(device))
    return next((_DEVICES[word] for word in words if word in _DEVICES), None)


def _plain(text: str | None) -> str:
    return unicodedata.normalize("NFC", text or "").strip().casefold()


def _primary_language(tag: str | None) -> str | None:
    # The variety ("fr-CD") narrows the crowd a learner hides in; a language name is free text.
    found = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", _plain(tag))
    return found[1] if found else None


def _cefr(level: str | None) -> str | None:
    found = re.fullmatch(r"([abc])(?:[12](?:\+|\.[1-9])?)?", _plain(level))
    return found[1].upper() if found else None


def _region(region: str | None) -> str | None:
    plain = _plain(region)
    by_name = {_letters(name): code for code, name in _REGIONS.items()}
    by_name |= dict.fromkeys(map(_letters, _OVERSEAS_REGIONS), _OVERSEAS)
    if re.fullmatch(r"fr[0-9a-z]{1,3}", plain):
        code = plain[:3].upper()
        return code if code in _REGIONS or code == _OVERSEAS else None
    return by_name.get(_letters(plain))


def _letters(name: str) -> str:
    """Return a name without accents, case, spaces and hyphens."""
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", name).casefold())


def suppress(speakers: Mapping[str, Speaker], k: int) -> dict[str, Speaker]:
    """Hide attributes until every combination of quasi-identifiers, ``None`` included, has at least ``k`` speakers.

    A speaker alone in too small a group gives up as little as helps, region first and age band last (Sweeney 2002,
    local suppression). When fewer than ``k`` remain with nothing left to give up, others join them, because a lone
    blank would point at the class's rarest learner. Only a release of fewer than ``k`` speakers ends smaller: there
    everyone is blank. Depends on the speakers only, not on their order. ``level`` is not counted.
    """
    if k < 1:
        raise ConfigError(f"k-anonymity needs k of 1 or more, not {k}.")
    settled: dict[str, Speaker] = {}
    pending = dict(sorted(speakers.items()))
    sizes: Counter[Speaker] = Counter()
    for effort in range(2 ** len(QUASI_IDENTIFIERS)):
        hidden = [name for bit, name in enumerate(QUASI_IDENTIFIERS) if effort >> bit & 1]
        tried = {speaker_id: replace(speaker, **dict.fromkeys(hidden)) for speaker_id, speaker in pending.items()}
        groups = sizes + Counter(map(_group, tried.values()))
        fitting = {name: speaker for name, speaker in tried.items() if groups[_group(speaker)] >= k}
        settled |= fitting
        sizes += Counter(map(_group, fitting.values()))
        pending = {name: speaker for name, speaker in pending.items() if name not in fitting}
    settled |= {name: _blank(speaker) for name, speaker in pending.items()}
    if pending:
        settled |= {name: _blank(settled[name]) for name in _companions(settled, k)}
    return {name: settled[name] for name in speakers}


def _group(speaker: Speaker) -> Speaker:
    return replace(speaker, level=None)


def _blank(speaker: Speaker) -> Speaker:
    return Speaker(level=speaker.level)


def _companions(speakers: Mapping[str, Speaker], k: int) -> list[str]:
    """Choose who joins a too small blank group: some of the largest group if it can spare them, else the smallest."""
    members: dict[Speaker, list[str]] = {}
    for name in sorted(speakers):
        members.setdefault(_group(speakers[name]), []).append(name)
    lacking = k - len(members.pop(Speaker()))
    by_size = sorted(members.values(), key=lambda names: (len(names), names))
    if not by_size:
        return []
    largest, smallest = by_size[-1], by_size[0]
    return largest[:lacking] if len(largest) - lacking >= k else smallest


def generalise_expiries(expiries: Mapping[str, date], on: date, k: int) -> dict[str, date]:
    """Replace each speaker's end of consent (all after ``on``) by an earlier day that at least ``k`` speakers share.

    The exact end may be a birthday, the 15th or 18th. Speakers in order of their end form groups of ``k``; each takes
    its group's earliest end, moved to the first of that month where this is still after ``on``. Never later than the
    consent itself. With fewer than ``k`` speakers all share one day.
    """
    if k < 1:
        raise ConfigError(f"k-anonymity needs k of 1 or more, not {k}.")
    ordered = sorted(expiries, key=lambda name: (expiries[name], name))
    groups = max(1, len(ordered) // k)
    shared: dict[str, date] = {}
    for rank, name in enumerate(ordered):
        earliest = expiries[ordered[min(rank // k, groups - 1) * k]]
        month = earliest.replace(day=1)
        shared[name] = month if month > on else earliest
    return {name: shared[name] for name in expiries}
