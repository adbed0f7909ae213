"""The runner on Ray: the items of ``collection.runner`` as Ray tasks, on this machine or on a cluster.

Without ``RAY_ADDRESS``, Ray starts on this machine for the run, with its files in a private folder that goes with it.
With it, the tasks join that cluster: every machine needs this environment and sees the same files under the same paths.
Usage statistics are off either way.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from collection.errors import ConfigError, ParlureError
from collection.runner import AHEAD, ATTEMPTS, CRASHED, Item, Outcome, Result, attempt

# Read when Ray loads.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A task that is killed for its memory would otherwise be tried for ever.
os.environ.setdefault("RAY_task_oom_retries", str(ATTEMPTS - 1))
try:
    import ray
    from ray import exceptions
except ModuleNotFoundError:
    raise ConfigError(
        "runner=ray needs Ray, which is not installed: pip install 'parlure[ray]', or use runner=local."
    ) from None


class RayError(ParlureError):
    """Ray itself failed, rather than an item or its worker."""


def run(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None
) -> Iterator[Outcome[Item, Result]]:
    """Yield the outcome of every item, in the order in which they finish, as ``collection.runner.run`` promises.

    ``workers`` is how many items are worked on at once, ``None`` one a core. Items are taken as they are needed. Ray
    starts with the first one.
    """
    if workers == 0:
        raise ConfigError("runner=ray works in processes of its own: give workers=1 or more, or none for one a core.")
    source = iter(items)
    waiting = list(islice(source, 1))
    if not waiting:
        return
    with started(workers) as most:
        task: Any = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(attempt)
        shared = ray.put(function)
        pending: dict[ray.ObjectRef[Outcome[Item, Result]], Item] = {}
        while True:
            waiting += islice(source, most - len(pending) - len(waiting))
            pending |= {task.remote(shared, item): item for item in waiting}
            waiting = []
            if not pending:
                return
            done, _ = ray.wait(list(pending))
            for reference in done:
                yield _outcome(reference, pending.pop(reference))


def _outcome(reference: ray.ObjectRef[Outcome[Item, Result]], item: Item) -> Outcome[Item, Result]:
    try:
        return ray.get(reference)
    except exceptions.RayTaskError as error:
        raise error.cause from None
    except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError):
        return Outcome(item, None, CRASHED)
    except exceptions.RayError as error:
        raise RayError(
            f"Ray stopped working ({type(error).__name__}). Nothing finished is lost: give the same command again, or "
            "use runner=local."
        ) from error


@contextmanager
def started(workers: int | None) -> Iterator[int]:
    """Run Ray while the context lasts; yield how many tasks may be out at a time. Ray that runs already stays."""
    if ray.is_initialized():
        yield AHEAD * (workers or _cores())
    elif "RAY_ADDRESS" in os.environ:
        with _ray():
            # The cluster may have more cores than workers are asked for, so nothing waits behind them.
            yield workers or AHEAD * _cores()
    else:
        workers = workers or len(os.sched_getaffinity(0))
        # Nobody else on this machine may give orders to it; Ray would keep the token in a file of the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        with (
            tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
            _ray(address="local", num_cpus=workers, include_dashboard=False, _temp_dir=folder),
        ):
            yield AHEAD * workers


@contextmanager
def _ray(**settings: Any) -> Iterator[None]:
    try:
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **settings)
        except Exception as error:  # Ray raises no narrower type
            raise RayError(
                f"Ray did not start: {error} Check RAY_ADDRESS if it is set; on a busy machine try again, or use "
                "runner=local."
            ) from error
        yield
    finally:
        ray.shutdown()


def _cores() -> int:
    return int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
