"""Run one function over many items: in this process, on a pool of processes that survives crashes, or on Ray.

The function takes one item and returns one result, both picklable; it stores what is large itself, so that only
summaries travel. Which runner is chosen changes nothing in what is made.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Generic, TypeVar

from collection import disk
from collection.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 3
"""Items handed out per worker: enough that none waits, few enough that memory does not grow with the work."""
ATTEMPTS = 2
CRASHED = "worker_crashed"
FAILED = "worker_failed"


class Runner(StrEnum):
    """Where items are worked on."""

    local = "local"
    ray = "ray"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Result]):
    """What became of one item: a result, or the reason why there is none (with the error's type, never its text)."""

    item: Item
    result: Result | None
    reason: str | None = None
    error: str | None = None


def run(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = 0,
    on_progress: Callable[[int], None] | None = None,
    runner: Runner = Runner.local,
) -> Iterator[Outcome[Item, Result]]:
    """Yield the outcome of every item, in the order in which they finish.

    ``workers`` 0 works in this process, where a crash is the caller's too; ``None`` is one worker a core. A failing
    item is tried once more, then set aside with a reason. When a worker dies, the items that were under way are tried
    again, so that only the one that kills its worker is set aside. A full disk, which every item would meet, ends the
    run with its ``OSError``. ``on_progress`` hears the number of items done.
    """
    if workers is not None and workers < 0:
        raise ConfigError(f"workers must be 0 (this process) or more, not {workers}.")
    for done, outcome in enumerate(_outcomes(function, items, workers, runner), start=1):
        if on_progress is not None:
            on_progress(done)
        yield outcome


def _outcomes(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None, runner: Runner
) -> Iterator[Outcome[Item, Result]]:
    if runner is Runner.ray:
        from collection import ray_runner  # loads Ray, which few have installed

        return ray_runner.run(function, items, workers)
    if workers == 0:
        return (attempt(function, item) for item in items)
    return _Pool(function, workers or len(os.sched_getaffinity(0))).run(items)


def attempt(function: Callable[[Item], Result], item: Item) -> Outcome[Item, Result]:
    """Work on an item in this process, twice if need be; only a full disk raises."""
    for _ in range(ATTEMPTS):
        try:
            return Outcome(item, function(item))
        except Exception as error:
            if disk.is_full(error):
                raise
            outcome: Outcome[Item, Result] = Outcome(item, None, FAILED, type(error).__name__)
    return outcome


class _Pool(Generic[Item, Result]):
    """A process pool that is built anew when one of its workers dies."""

    def __init__(self, function: Callable[[Item], Result], workers: int) -> None:
        self.function = function
        self.workers = workers
        self.executor: ProcessPoolExecutor | None = None
        self.failures: dict[int, int] = {}

    def run(self, items: Iterable[Item]) -> Iterator[Outcome[Item, Result]]:
        """Yield outcomes; at most ``workers * AHEAD`` items are out at a time."""
        source = enumerate(items)
        again: deque[tuple[int, Item]] = deque()
        suspects: deque[tuple[int, Item]] = deque()
        pending: dict[Future[Result], tuple[int, Item]] = {}
        try:
            while True:
                # A suspect runs alone: if the pool breaks again, it is known who broke it.
                room = self.workers * AHEAD - len(pending)
                batch = [suspects.popleft()] if suspects and not pending else []
                if not suspects and not batch:
                    batch = [again.popleft() for _ in range(min(room, len(again)))]
                    batch += islice(source, room - len(batch))
                alone = len(batch) == 1 and not pending
                for entry in batch:
                    self._submit(entry, pending, suspects)
                if not pending:
                    if suspects or again:
                        continue
                    return
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    entry = pending.pop(future)
                    outcome = self._outcome(future, entry, alone, suspects, again)
                    if outcome is not None:
                        yield outcome
        finally:
            self._stop()

    def _submit(
        self,
        entry: tuple[int, Item],
        pending: dict[Future[Result], tuple[int, Item]],
        suspects: deque[tuple[int, Item]],
    ) -> None:
        if self.executor is None:
            # Workers are forked from a server that has imported the code once and never ran it, so no thread of ours or
            # of a library is alive at the fork.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["__main__", getattr(self.function, "func", self.function).__module__])
            self.executor = ProcessPoolExecutor(self.workers, context, initializer=_leave_with_parent)
        try:
            pending[self.executor.submit(self.function, entry[1])] = entry
        except BrokenProcessPool:
            suspects.append(entry)

    def _outcome(
        self,
        future: Future[Result],
        entry: tuple[int, Item],
        alone: bool,
        suspects: deque[tuple[int, Item]],
        again: deque[tuple[int, Item]],
    ) -> Outcome[Item, Result] | None:
        """Return the outcome of a finished item, ``None`` when it is to be tried again."""
        index, item = entry
        try:
            return Outcome(item, future.result())
        except BrokenProcessPool:
            self._stop()
            reason, error, queue = CRASHED, None, suspects
            tries = int(alone)
        except Exception as caught:
            if disk.is_full(caught):
                raise
            reason, error, queue = FAILED, type(caught).__name__, again
            tries = 1
        self.failures[index] = self.failures.get(index, 0) + tries
        if self.failures[index] >= ATTEMPTS:
            return Outcome(item, None, reason, error)
        queue.append(entry)
        return None

    def _stop(self) -> None:
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            self.executor = None


def _leave_with_parent() -> None:
    """Make this worker end when its parent is killed: it would wait for work for ever, and might still write."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
