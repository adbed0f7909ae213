"""Voiceprints of consenting learners: biometric data, kept encrypted in the intake vault and nowhere else.

``<intake>/voiceprints/<HMAC>.bin`` holds one learner's print under AES-256-GCM; name and key are derived from the key
file by HMAC-SHA256 and HKDF (RFC 5869). The name says whose it is to the holder of the key only. A print counts under
the consent record it was made under; it never enters a release and is erased with its learner.
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from collection import manifest
from collection.consent import ConsentPolicy, ConsentRecord, decide
from collection.errors import KeyFileError, VoiceprintError
from collection.intake import VOICEPRINTS
from collection.keys import Key
from collection.pseudonymise import pseudonym
from collection.schema import SAMPLE_RATE, Purpose

Samples = npt.NDArray[np.float32]
Embed = Callable[[list[Samples]], npt.NDArray[np.float32]]

FOLDER = VOICEPRINTS
LEAST_SECONDS = 6.0
"""Speech that an enrolment must hold, of the 10 s that are asked for."""
TOO_CLOSE = 0.95
"""Cosine from which two prints are one voice: the closest two learners of 32 classes of 12 were at 0.935."""
_MAGIC = b"parlure-voiceprint-1\n"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Voiceprint:
    """A voice: the mean embedding (256,), how much speech made it, and under which consent record."""

    vector: npt.NDArray[np.float32] = field(repr=False)
    seconds: float
    record_id: str
    sound: str
    """Keyed digest of the samples: the same recording handed in for two learners is found by it."""


def path_of(intake: Path, key: Key, learner_id: str) -> Path:
    """Return where a learner's voiceprint is kept, whether or not there is one."""
    subkey = hmac.digest(key.secret, b"parlure voiceprints\0", sha256)
    return intake / FOLDER / f"{pseudonym(subkey, 'voice', learner_id)}.bin"


def measure(key: Key, samples: Samples, record_id: str, embed: Embed) -> Voiceprint:
    """Return the voiceprint of an enrolment: speech (n,) at 16 kHz, about 10 s."""
    seconds = len(samples) / SAMPLE_RATE
    if seconds < LEAST_SECONDS:
        raise VoiceprintError(
            f"an enrolment holds {seconds:.1f} s of speech, {LEAST_SECONDS:.0f} are needed: record about 10 s again."
        )
    sound = hmac.digest(key.secret, b"parlure enrolment\0" + samples.tobytes(), sha256).hex()
    return Voiceprint(embed([samples])[0], seconds, record_id, sound)


def consenting(
    intake: Path, key: Key, learner_id: str, record: ConsentRecord | None, on: date, policy: ConsentPolicy
) -> ConsentRecord:
    """Return the record of a learner who consents to at least one purpose on a day; raises VoiceprintError if not."""
    decisions = [decide(record, purpose, on, policy) for purpose in Purpose]
    if record is None or not any(decision.keep for decision in decisions):
        name = path_of(intake, key, learner_id).stem
        raise VoiceprintError(f"{name} is not enrolled: no live consent ({decisions[0].reason.value}).")
    return record


def enrol(intake: Path, key: Key, learner_id: str, samples: Samples, record: ConsentRecord, embed: Embed) -> Voiceprint:
    """Make and store the voiceprint of a learner under their consent ``record``; an older one is replaced.

    ``samples`` are speech alone (n,), 16 kHz. Raises VoiceprintError for too little speech, and for a voice or
    recording that another learner is enrolled with; KeyFileError for a vault of another key.
    """
    made = measure(key, samples, record.record_id, embed)
    own = path_of(intake, key, learner_id)
    for path, other in read_all(intake, key).items():
        if path != own and (other.sound == made.sound or float(other.vector @ made.vector) >= TOO_CLOSE):
            raise VoiceprintError(
                f"{own.stem} and {path.stem} have one enrolment: the same recording, or voices that cannot be told "
                "apart. Record both learners again, each alone; with twins, enrol neither."
            )
    store(intake, key, learner_id, made)
    return made


def store(intake: Path, key: Key, learner_id: str, made: Voiceprint) -> None:
    """Write a voiceprint, readable by its owner only, whole or not at all."""
    path = path_of(intake, key, learner_id)
    body = {
        "vector": b64encode(made.vector.astype("<f4").tobytes()).decode(),
        "seconds": made.seconds,
        "record_id": made.record_id,
        "sound": made.sound,
    }
    nonce = os.urandom(_NONCE_BYTES)
    header = _MAGIC + key.id.encode() + b"\n"
    # The file's own name is authenticated too: a print moved to another learner's name does not open.
    sealed = AESGCM(_cipher_key(key)).encrypt(nonce, manifest.canonical_json(body).encode(), _bound(path))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    manifest.atomic_write(path, header + nonce + sealed, mode=0o600)


def read(intake: Path, key: Key, learner_id: str) -> Voiceprint | None:
    """Return a learner's voiceprint, ``None`` when there is none.

    Raises KeyFileError when the vault was made under another key, VoiceprintError when the file is damaged.
    """
    check_key(intake, key)
    path = path_of(intake, key, learner_id)
    return _open(path, key) if path.exists() else None


def read_all(intake: Path, key: Key) -> dict[Path, Voiceprint]:
    """Return every voiceprint of the vault by its file."""
    check_key(intake, key)
    return {path: _open(path, key) for path in sorted((intake / FOLDER).glob("*.bin"))}


def erase(intake: Path, key: Key, learner_id: str) -> bool:
    """Remove a learner's voiceprint; tell whether there was one. The file system may keep the bytes for a while."""
    path = path_of(intake, key, learner_id)
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed


def check_key(intake: Path, key: Key) -> None:
    """Raise KeyFileError when a voiceprint of the vault was made under another key."""
    for path in sorted((intake / FOLDER).glob("*.bin")):
        made_with = _key_id(path)
        if made_with != key.id:
            raise KeyFileError(
                f"the voiceprints in {intake / FOLDER} were made with key {made_with}, this is key {key.id}: give that "
                "key, or remove the folder and enrol again."
            )


def _key_id(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _damaged(path)
        return file.readline(64).decode("ascii", "replace").strip()


def _open(path: Path, key: Key) -> Voiceprint:
    content = path.read_bytes()[len(_MAGIC) + len(key.id) + 1 :]
    try:
        body = json.loads(
            AESGCM(_cipher_key(key)).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], _bound(path))
        )
    except (InvalidTag, ValueError):
        raise _damaged(path) from None
    vector = np.frombuffer(b64decode(body["vector"]), "<f4")
    return Voiceprint(vector, body["seconds"], body["record_id"], body["sound"])


def _damaged(path: Path) -> VoiceprintError:
    return VoiceprintError(f"the voiceprint {path.name} is damaged: remove the file and enrol that learner again.")


def _bound(path: Path) -> bytes:
    return _MAGIC + path.name.encode()


def _cipher_key(key: Key) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"parlure voiceprints").derive(key.secret)
