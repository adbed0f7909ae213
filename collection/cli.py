"""What every verb shares: typed hydra configuration, a console, and errors printed without a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from collection import disk
from collection.errors import ParlureError

console = Console()
errors = Console(stderr=True)

T = TypeVar("T")


def quiet() -> None:
    """Give log lines of dependencies a plain shape, and only when something is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False)])


def progress() -> Progress:
    """Return the progress bar that long steps draw."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


def register(name: str, schema: type) -> None:
    """Make a config dataclass known to hydra as ``<name>_schema``, so that typos and wrong types stop the run."""
    ConfigStore.instance().store(name=f"{name}_schema", node=schema)


def run_verb(name: str, schema: type[T], work: Callable[[T], Any], folder: str = "configs") -> None:
    """Run a verb: compose ``<name>.yaml`` over its schema and call ``work``; failure is a message, exit 1.

    A verb with groups of its own keeps them in a ``folder`` of its own: elsewhere the group ``model/`` would forbid
    ``model=PATH``.
    """
    quiet()
    register(name, schema)

    @hydra.main(version_base="1.3", config_path=f"pkg://{folder}", config_name=name)
    def main(config: DictConfig) -> None:
        try:
            typed: T = OmegaConf.to_object(config)  # type: ignore[assignment]
            work(typed)
        except MissingMandatoryValue as error:
            key = error.full_key
            errors.print(f"[red]{key} is required.[/red] Give it on the command line: {key}=… (python -m … --help)")
            sys.exit(2)
        except (ParlureError, OmegaConfBaseException) as error:
            _fail(error)
        except OSError as error:
            if not disk.is_full(error):
                raise
            _fail(disk.explain(error, Path(OmegaConf.select(config, "out") or ".")))
        except KeyboardInterrupt:
            errors.print("Stopped. Nothing finished is lost: the same command goes on from here.")
            sys.exit(130)

    main()


def _fail(error: Exception) -> NoReturn:
    errors.print(f"[red]{type(error).__name__}[/red] {error}", highlight=False, soft_wrap=True)
    sys.exit(1)


def existing(path: str, what: str) -> Path:
    """Return a path that must exist, or raise an error that names what was expected."""
    found = Path(path).expanduser()
    if not found.exists():
        raise ParlureError(f"{what} not found: {found}. Check the path; relative paths start at {Path.cwd()}.")
    return found
