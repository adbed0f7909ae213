"""``python -m tests.collection.web.postgres [PYTEST OPTION…]``: the portal's tests on a PostgreSQL of their own.

Debian's server (``/usr/lib/postgresql/*/bin``) runs as a user without rights, in a folder that is gone afterwards, and
listens on a Unix socket only. Where it cannot run, one line says so and nothing fails.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
_USER = "portal"


class NoServerError(Exception):
    """Why there is no PostgreSQL here."""


def programs() -> Path:
    """Return the folder of the newest server's programs."""
    versions = sorted((one.parent for one in INSTALLED.glob("*/bin/initdb")), key=lambda one: int(one.parent.name))
    if not versions:
        raise NoServerError("no PostgreSQL on this machine: apt-get install postgresql")
    return versions[-1]


def other_user() -> str | None:
    """Return the user who runs the server: ourselves, unless we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def server() -> Iterator[str]:
    """Start a server and yield its ``DATABASE_URL``; it is stopped and erased at the end."""
    found, user = programs(), other_user()
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a short path: sockets take 107 characters
    if user is not None:
        shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"

    def run(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoServerError(f"PostgreSQL does not start here: {done.stderr.strip() or done.stdout.strip()}")

    pg_ctl = str(found / "pg_ctl")
    try:
        run(str(found / "initdb"), f"--pgdata={data}", f"--username={_USER}", "--auth=trust", "--encoding=UTF8",
            "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(pg_ctl, "--pgdata", str(data), "--log", str(log), "--options", options, "--wait", "start")
        try:
            yield f"postgres://{_USER}@/postgres?host={folder}"
        finally:
            run(pg_ctl, "--pgdata", str(data), "--mode=immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run the portal's tests on it."""
    try:
        with server() as address:
            folder = [] if any(one.startswith("tests/") for one in sys.argv[1:]) else ["tests/collection/web"]
            command = [sys.executable, "-m", "pytest", *sys.argv[1:], *folder]
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": address}, check=False).returncode
    except NoServerError as error:
        sys.stdout.write(f"The portal was not tested on PostgreSQL: {error}\n")
        return 0


if __name__ == "__main__":
    sys.exit(main())
