"""The pseudonymisation key: one small file, kept outside the data.

Usage::

    python -m collection.keys path=$HOME/parlure.key

Every id in a release is an HMAC under this key. Who holds it can link a release back to its learners; who loses it can
neither find a learner's rows in a release that exists nor build the same release again.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from collection.cli import console, run_verb
from collection.errors import KeyFileError

SECRET_BYTES = 32
_FORMAT = "parlure-key-1"
_DATA_MARKERS = ("roster.jsonl", "consents.jsonl", "manifest.json", "parlure-work")
_LOSS = (
    "If it is lost, nobody can tell which rows of a release belong to a learner who withdraws, and no release can be "
    "built again with the same ids. If it leaks, every release made with it can be linked back to the learners "
    "whose ids are known. Keep one copy in a safe place, away from recordings and releases."
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key: ``id`` names it and may be printed, ``secret`` (32 bytes) never is."""

    id: str
    secret: bytes = field(repr=False)


@dataclass
class KeysConfig:
    """Configuration of the verb."""

    path: str = MISSING
    """Where to write the new key: a file that does not exist yet, outside every folder of recordings or releases."""


def key_id(secret: bytes) -> str:
    """Return the fingerprint of a secret: 16 hex digits of a SHA-256 that serves nothing else."""
    return hashlib.sha256(b"parlure key id\0" + secret).hexdigest()[:16]


def check_outside_data(path: Path, failed: str, folders: Iterable[Path] = ()) -> None:
    """Raise KeyFileError, beginning with ``failed``, when a secret file lies among what others are given.

    That is below a folder that is an intake, a release, a run or unfinished work, or below one of ``folders``.
    """
    known = {folder.resolve() for folder in folders}
    for folder in path.resolve().parents:
        marker = next((name for name in _DATA_MARKERS if (folder / name).exists()), None)
        if marker or folder in known:
            holds = f"holds data ({marker})" if marker else "is a data folder of this build"
            raise KeyFileError(f"{failed}: {folder} {holds}. Choose a place outside it.")


def create_key(path: Path) -> Key:
    """Write a new random key, readable by its owner only.

    Raises KeyFileError when the file exists, when its folder does not, or when it would lie among the data.
    """
    path = Path(path).expanduser()
    check_outside_data(path, f"Key not written to {path}")
    secret = secrets.token_bytes(SECRET_BYTES)
    key = Key(key_id(secret), secret)
    comment = "\n".join(f"# {line}." for line in ("Parlure pseudonymisation key", *_LOSS.rstrip(".").split(". ")))
    text = f"{comment}\nformat: {_FORMAT}\nid: {key.id}\nsecret: {secret.hex()}\n"
    try:
        # O_EXCL refuses an existing file or link in the same step, and the mode holds from the first byte on.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        problem = "something is there already. A key is never overwritten: its releases would lose their way back."
        raise KeyFileError(f"Key not written to {path}: {problem} Choose another path, or use that key.") from None
    except OSError as error:
        raise KeyFileError(f"Key not written to {path}: {error.strerror}. Choose a folder you can write to.") from error
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return key


def read_key(path: Path) -> Key:
    """Read a key file.

    Raises KeyFileError when it is missing, among the data, open to group or others, or not the file that was written.
    """
    path = Path(path).expanduser()
    check_outside_data(path, f"The key {path} is not used, whoever gets the data would get it too")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(10_000)
    except FileNotFoundError:
        advice = "Bring it back from its safe copy if releases were made with it"
        new = f"for a first release create one: python -m collection.keys path={path}"
        raise KeyFileError(f"No key at {path}. {advice}; {new}") from None
    except OSError as error:
        raise KeyFileError(f"The key {path} cannot be read: {error.strerror}. Give the path of a key file.") from error
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"The key {path} is open to others (mode {mode:04o}) and may have been read. Close it: chmod 600 {path}. "
            "If someone may have copied it, create a new key for the next release."
        )
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> Key:
    lines = [line for line in content.decode("utf-8", "replace").splitlines() if line.strip() and line[0] != "#"]
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        secret = bytes.fromhex(fields.get("secret", ""))
    except ValueError:
        secret = b""
    if fields.get("format") != _FORMAT or len(secret) != SECRET_BYTES or fields.get("id") != key_id(secret):
        advice = "Bring back its safe copy; do not repair it by hand, a changed key changes every id."
        raise KeyFileError(
            f"{path} is not a whole key file of format {_FORMAT}: its id must match its secret. {advice}"
        )
    return Key(fields["id"], secret)


def keys(config: KeysConfig) -> None:
    """Create a key and say what it means to lose it."""
    path = Path(config.path).expanduser()
    key = create_key(path)
    console.print(f"Key {key.id} written to {path} (mode 0600).", soft_wrap=True, markup=False)
    console.print(_LOSS, soft_wrap=True)


def main() -> None:
    """Run the verb."""
    run_verb("keys", KeysConfig, keys)


if __name__ == "__main__":
    main()
