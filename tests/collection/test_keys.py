from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from collection.errors import KeyFileError
from collection.keys import create_key, key_id, read_key


@pytest.fixture
def path(tmp_path):
    return tmp_path / "parlure.key"


def test_a_created_key_is_read_back_and_only_its_owner_may_read_it(path):
    old = os.umask(0)
    try:
        key = create_key(path)
    finally:
        os.umask(old)
    assert read_key(path) == key
    assert len(key.secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_keys_differ(tmp_path):
    assert create_key(tmp_path / "a").secret != create_key(tmp_path / "b").secret


def test_the_file_says_what_its_loss_and_its_leak_mean(path):
    create_key(path)
    assert "If it is lost" in path.read_text()
    assert "If it leaks" in path.read_text()


def test_the_id_of_a_known_secret_stays_the_same():
    # printf 'parlure key id\0' + 32 zero bytes | sha256sum
    assert key_id(bytes(32)) == "571622053ec9fb8d"


def test_an_existing_file_is_never_overwritten(path):
    path.write_text("precious")
    with pytest.raises(KeyFileError, match="never overwritten"):
        create_key(path)
    assert path.read_text() == "precious"


def test_a_dangling_link_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="there already"):
        create_key(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("marker", ["roster.jsonl", "consents.jsonl", "manifest.json"])
def test_a_key_is_not_written_among_the_data(tmp_path, marker):
    (tmp_path / marker).touch()
    (tmp_path / "inside").mkdir()
    with pytest.raises(KeyFileError, match=f"holds data .{marker}"):
        create_key(tmp_path / "inside" / "parlure.key")


@pytest.mark.parametrize("marker", ["roster.jsonl", "consents.jsonl", "manifest.json", "parlure-work"])
def test_a_key_among_the_data_is_not_used(tmp_path, marker):
    (tmp_path / "data" / "inside").mkdir(parents=True)
    path = tmp_path / "data" / "inside" / "parlure.key"
    key = create_key(path)
    assert read_key(path) == key
    (tmp_path / "data" / marker).touch()
    with pytest.raises(KeyFileError, match=f"is not used.*holds data .{marker}"):
        read_key(path)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(KeyFileError, match="No such file or directory"):
        create_key(tmp_path / "absent" / "parlure.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_key_open_to_others_is_refused(path, mode):
    create_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode 0{mode:o}.*chmod 600"):
        read_key(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-2],
        lambda text: text.replace("secret: ", "secret: 00", 1)[:-3],
        lambda text: text.replace("parlure-key-1", "parlure-key-2"),
        lambda text: text.replace("id: ", "id: f"),
        lambda text: text.replace("secret: ", "secret: not hex "),
        lambda text: "\ufffd" * 100,
    ],
)
def test_a_damaged_key_is_refused_and_its_secret_not_shown(path, damage):
    key = create_key(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(KeyFileError, match="not a whole key file") as caught:
        read_key(path)
    assert key.secret.hex() not in str(caught.value)


def test_a_missing_key_says_how_to_create_one(path):
    with pytest.raises(KeyFileError, match=r"python -m collection\.keys path="):
        read_key(path)


def test_a_folder_is_not_a_key(tmp_path):
    with pytest.raises(KeyFileError, match="Is a directory"):
        read_key(tmp_path)


def test_a_printed_key_hides_its_secret_and_travels_to_a_worker(path):
    key = create_key(path)
    assert key.id in repr(key)
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)
    assert pickle.loads(pickle.dumps(key)) == key


def test_the_verb_creates_a_key_and_refuses_a_second_time(path, tmp_path):
    def verb(*words):
        command = [sys.executable, "-m", "collection.keys", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    made = verb(f"path={path}")
    assert made.returncode == 0, made.stderr
    key = read_key(path)
    assert key.id in made.stdout
    assert key.secret.hex() not in made.stdout + made.stderr
    assert "If it is lost" in made.stdout
    again = verb(f"path={path}")
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["parlure.key"]
