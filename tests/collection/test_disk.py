"""A disk that fills: a clear message, nothing half-written, and the same command goes on to the same bytes."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from collection import disk, manifest
from collection.build import build, main
from collection.config import BuildConfig
from tests.intakes import ON, Class, files, make_class

PAGE = 4096


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a disk of so many bytes, or give the mounted one another size; skip where nobody may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: int) -> Path:
        how = f"remount,size={size}" if folder.is_mount() else f"size={size}"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here (root may): {done.stderr.strip()}")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def settings(made: Class, out: Path) -> BuildConfig:
    places = {"intake": str(made.folder), "out": str(out), "key": str(made.key)}
    return BuildConfig(importer="folder", **places, name="autumn", on=ON, workers=0)


def calm(made: Class, out: Path) -> tuple[dict[str, bytes], int]:
    """Build with room enough; return the release and what its work files took of the disk."""
    taken = 0

    def weigh(step: str, done: int, total: int) -> None:
        nonlocal taken
        if (step, done) == ("recordings", total):
            work_folder = out.with_name(f"{out.name}.work")
            taken = sum(-(-path.stat().st_size // PAGE) * PAGE for path in work_folder.rglob("*") if path.is_file())

    build(settings(made, out), weigh)
    return files(out), taken


@pytest.mark.parametrize("share", [0.5, 1.3], ids=["work", "release"])
def test_a_full_disk_stops_the_build_and_the_same_command_goes_on(
    tmp_path: Path, small_disk: Callable[[int], Path], share: float
) -> None:
    made = make_class(tmp_path, learners=5, each=2)
    expected, taken = calm(made, tmp_path / "calm")
    out = small_disk(round(share * taken) // PAGE * PAGE) / "out"
    with pytest.raises(disk.DiskFullError) as caught:
        build(settings(made, out))
    message = str(caught.value)
    assert str(out.parent) in message
    assert "needs about" in message
    assert "of 10 recordings" in message
    assert "same command" in message
    assert not out.exists()
    assert not [path for path in out.parent.rglob("*") if path.name.endswith((".partial", ".parquet"))]
    small_disk(4 * taken)
    assert build(settings(made, out)).made
    assert files(out) == expected
    assert not out.with_name("out.work").exists()


def test_the_verb_tells_of_a_full_disk_without_a_traceback(
    tmp_path: Path,
    small_disk: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = make_class(tmp_path, learners=1, each=1)
    folder = small_disk(PAGE)
    with suppress(OSError):
        (folder / "filler").write_bytes(bytes(PAGE))
    given = [f"intake={made.folder}", f"out={folder / 'out'}", f"key={made.key}", "name=n", f"on={ON}", "workers=0"]
    monkeypatch.setattr(sys, "argv", ["collection.build", "source=folder", *given])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert "DiskFullError" in said
    assert "there is no room to write" in said
    assert "Traceback" not in said


def test_a_file_that_has_no_room_leaves_the_old_one_and_no_half(small_disk: Callable[[int], Path]) -> None:
    path = small_disk(4 * PAGE) / "facts.json"
    manifest.atomic_write(path, "old")
    with pytest.raises(OSError, match="No space left") as caught:
        manifest.atomic_write(path, bytes(8 * PAGE))
    assert caught.value.filename == str(path)
    assert files(path.parent) == {"facts.json": b"old"}


def test_only_a_full_disk_or_quota_is_full() -> None:
    assert disk.is_full(OSError(errno.EDQUOT, "quota"))
    assert not disk.is_full(OSError(errno.EACCES, "denied"))
    assert not disk.is_full(ValueError(errno.ENOSPC))


def test_the_room_needed_is_told_of_the_disk_it_is_needed_on(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "full")
    assert "Ten miles." in str(disk.explain(full, tmp_path / "not" / "there", "Ten miles."))
    full.filename = str(tmp_path / "other" / "ledger.jsonl")
    told = str(disk.explain(full, tmp_path / "work", "Ten miles."))
    assert "Ten miles." not in told
    assert full.filename in told
