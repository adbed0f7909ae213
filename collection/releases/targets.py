"""Where a release can be sent: a Hugging Face Hub dataset, or any place that fsspec reaches (folder, S3, ...).

Credentials come from the environment or the tools' own files (``HF_TOKEN``, ``AWS_PROFILE``), never from settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import fsspec
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.hf_api import RepoFile

from collection.errors import ConfigError, ReleaseError
from collection.manifest import file_sha256

HUB = "hf://datasets/"
_HUB_OWN = frozenset({".gitattributes"})
"""Files that the Hub puts into a new dataset by itself."""
_FORMS = f"{HUB}ORGANISATION/NAME, file:///FOLDER, s3://BUCKET/PREFIX or another address that fsspec knows"


class Target(Protocol):
    """A place for one release; names are relative to it, with forward slashes."""

    def prepare(self) -> None:
        """Make the place ready to receive, closed to others as far as the settings say."""

    def names(self) -> frozenset[str]:
        """Return what lies there."""

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""

    def holds(self, name: str, path: Path) -> bool:
        """Tell whether the file there is, byte for byte, the one at ``path``."""

    def put(self, name: str, path: Path) -> None:
        """Send a file, replacing one that is there."""


class Files:
    """Any file system that fsspec knows."""

    def __init__(self, url: str) -> None:
        try:
            self.fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ConfigError(f"to={url} cannot be used: {error}. Give {_FORMS}.") from None
        self.root = root.rstrip("/")

    def prepare(self) -> None:
        """Make the folder."""
        self.fs.makedirs(self.root, exist_ok=True)

    def names(self) -> frozenset[str]:
        """Return what lies there, asked anew."""
        self.fs.invalidate_cache()
        return frozenset(path.removeprefix(self.root).lstrip("/") for path in self.fs.find(self.root))

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        return bytes(self.fs.cat_file(f"{self.root}/{name}"))

    def holds(self, name: str, path: Path) -> bool:
        """Compare sizes first, then content: what a store calls its checksum differs from store to store."""
        remote = f"{self.root}/{name}"
        if self.fs.size(remote) != path.stat().st_size:
            return False
        with self.fs.open(remote, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == file_sha256(path)

    def put(self, name: str, path: Path) -> None:
        """Send a file."""
        remote = f"{self.root}/{name}"
        self.fs.makedirs(remote.rsplit("/", 1)[0], exist_ok=True)
        self.fs.put_file(str(path), remote)


class Hub:
    """A dataset of the Hugging Face Hub, private and gated unless told otherwise."""

    def __init__(self, repo_id: str, private: bool, gated: bool, api: HfApi | None = None) -> None:
        if repo_id.count("/") != 1 or not all(repo_id.split("/")):
            raise ConfigError(f"to={HUB}{repo_id} names no dataset: give {HUB}ORGANISATION/NAME.")
        self.repo_id, self.private, self.gated = repo_id, private, gated
        self.api = api or HfApi()
        self.files: Mapping[str, RepoFile] = {}

    def prepare(self) -> None:
        """Make the dataset and close it before anything is sent; raises ``ReleaseError`` when it stays open."""
        self.api.create_repo(self.repo_id, repo_type="dataset", private=self.private, exist_ok=True)
        gate: Any = "manual" if self.gated else False
        self.api.update_repo_settings(self.repo_id, repo_type="dataset", private=self.private, gated=gate)
        info = self.api.dataset_info(self.repo_id)
        if (self.private and not info.private) or (self.gated and info.gated != "manual"):
            raise ReleaseError(
                f"{self.repo_id} could not be made private and gated, so nothing was sent: check your rights there."
            )

    def names(self) -> frozenset[str]:
        """Return what lies there, asked anew; a dataset that does not exist yet is empty."""
        if not self.api.repo_exists(self.repo_id, repo_type="dataset"):
            return frozenset()
        tree = self.api.list_repo_tree(self.repo_id, repo_type="dataset", recursive=True)
        self.files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
        return frozenset(self.files) - _HUB_OWN

    def read(self, name: str) -> bytes:
        """Return the content of a small file."""
        return Path(self.api.hf_hub_download(self.repo_id, name, repo_type="dataset")).read_bytes()

    def holds(self, name: str, path: Path) -> bool:
        """Compare by the digest that the Hub gives."""
        return same_on_hub(self.files[name], path)

    def put(self, name: str, path: Path) -> None:
        """Send a file as one commit, so that a cut loses one file at most."""
        operations = [hub_operation(name, path)]
        self.api.create_commit(self.repo_id, operations, commit_message=f"Add {name}", repo_type="dataset")


def hub_operation(name: str, path: Path) -> CommitOperationAdd:
    """Return the commit operation that puts a file into a dataset."""
    return CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(path))


def same_on_hub(entry: RepoFile, path: Path) -> bool:
    """Tell whether the Hub's entry is this file: by SHA-256 for large files, by git's SHA-1 for small ones."""
    if entry.size != path.stat().st_size:
        return False
    if entry.lfs is not None:
        return entry.lfs.sha256 == file_sha256(path)
    data = path.read_bytes()
    return entry.blob_id == hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


def open_target(url: str, private: bool, gated: bool) -> Target:
    """Return the target that an address names; raises ``ConfigError`` for one that cannot be used."""
    if url.startswith(HUB):
        return Hub(url.removeprefix(HUB).rstrip("/"), private, gated)
    if "://" not in url or url.startswith("hf://"):
        raise ConfigError(f"to={url} is no address for a release: give {_FORMS}.")
    return Files(url)
