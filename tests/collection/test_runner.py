"""The runner: every item has one outcome, whatever its worker does."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from collection import runner
from collection.errors import ConfigError


def double(number: int) -> int:
    if number == 13:
        raise ValueError("unlucky, and a secret in the message")
    if number == 66:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def second_time_lucky(folder: Path, number: int) -> int:
    mark = folder / str(number)
    if mark.exists():
        return number
    mark.touch()
    raise OSError


def crash_once(folder: Path, number: int) -> int:
    if number == 5 and not (folder / "crashed").exists():
        (folder / "crashed").touch()
        os._exit(3)
    return number


def no_room(number: int) -> int:
    if number == 3:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "rec_1.arrow")
    return number


@pytest.mark.parametrize("workers", [0, 2])
def test_each_item_has_one_outcome(workers: int) -> None:
    heard: list[int] = []
    outcomes = {outcome.item: outcome for outcome in runner.run(double, range(20), workers, heard.append)}
    assert outcomes.keys() == set(range(20))
    assert {item for item, outcome in outcomes.items() if outcome.reason} == {13}
    assert (outcomes[13].reason, outcomes[13].error) == (runner.FAILED, "ValueError")
    assert "secret" not in repr(outcomes[13])
    assert all(outcome.result == 2 * item for item, outcome in outcomes.items() if item != 13)
    assert heard == list(range(1, 21))


def test_only_the_item_that_kills_its_worker_is_set_aside() -> None:
    outcomes = {outcome.item: outcome for outcome in runner.run(double, [*range(10), 66, *range(20, 30)], 2)}
    assert len(outcomes) == 21
    assert {item: outcome.reason for item, outcome in outcomes.items() if outcome.reason} == {66: runner.CRASHED}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failing_item_is_tried_once_more(tmp_path: Path, workers: int) -> None:
    outcomes = list(runner.run(partial(second_time_lucky, tmp_path), range(5), workers))
    assert sorted(outcome.result for outcome in outcomes if outcome.result is not None) == list(range(5))


def test_an_innocent_crash_costs_nothing(tmp_path: Path) -> None:
    outcomes = list(runner.run(partial(crash_once, tmp_path), range(12), 2))
    assert sorted(outcome.result for outcome in outcomes if outcome.result is not None) == list(range(12))


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def source():
        for number in range(1000):
            taken.append(number)
            yield number

    outcomes = runner.run(double, source(), 2)
    next(outcomes)
    outcomes.close()
    assert len(taken) <= 2 * runner.AHEAD + 1


@pytest.mark.parametrize("workers", [0, 2])
def test_no_item_is_set_aside_for_a_full_disk(workers: int) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        list(runner.run(no_room, range(20), workers))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "rec_1.arrow")


def test_fewer_than_no_workers_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"0 .this process. or more"):
        list(runner.run(double, [1], -1))


PARENT = """
import sys
from pathlib import Path
from collection import runner
from tests.collection.test_runner import linger
from functools import partial
if __name__ == "__main__":
    list(runner.run(partial(linger, Path(sys.argv[1])), range(2), 2))
"""


def linger(folder: Path, number: int) -> int:
    (folder / f"pid-{os.getpid()}").touch()
    time.sleep(60)
    return number


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py"), str(tmp_path)], env={**os.environ, "PYTHONPATH": str(root)}
    )
    while len(list(tmp_path.glob("pid-*"))) < 2 and parent.poll() is None:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    workers = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert len(workers) == 2
    deadline = time.monotonic() + 30
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(worker) for worker in workers)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
