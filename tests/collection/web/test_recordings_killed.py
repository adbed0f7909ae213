"""kill -9 of a real server and a real worker while a file comes in and is heard: nothing lost, nothing twice."""

from __future__ import annotations

import hashlib
import http.client
import http.cookiejar
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from tests.collection.web.sounding import paused, spoken, told
from tests.factories import encoded

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0
"""s after which a machine with much to do is no excuse any more."""

SETUP = """
import json
from tests.collection.web.world import world
made = world()
ours = made.ours
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
session = SessionStore()
session[SESSION_KEY] = str(ours.teacher.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = ours.teacher.get_session_auth_hash()
session.save()
from collection.web.recordings.models import Recording, Upload
Upload.objects.all().delete(); Recording.objects.all().delete()
print(json.dumps({"cookie": session.session_key, "session": str(ours.session.pk), "learner": str(ours.agreeing.pk)}))
"""
LOOK = """
import json
from collection.web.audit.models import Entry
from collection.web.recordings.models import Recording, Segment
print(json.dumps({
    "recordings": list(Recording.objects.values("state", "sha256", "reason")),
    "segments": Segment.objects.count(),
    "heard": Entry.objects.filter(action="recording.hear").count(),
}))
"""


class Portal:
    """A portal of its own, whose processes may be killed."""

    def __init__(self, folder: Path, database: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            **os.environ,
            "PARLURE_PORTAL": str(folder / "portal"),
            "DJANGO_SETTINGS_MODULE": "tests.collection.web.settings",
            "OMP_NUM_THREADS": "1",
            "DATABASE_URL": database,
        }
        (folder / "portal").mkdir()
        self.running: list[subprocess.Popen] = []
        self.manage("migrate", "--verbosity", "0")

    def manage(self, *command: str, given: str | None = None) -> str:
        """Run a command of the portal to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "collection.web", *command],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, code: str) -> dict:
        """Run some lines in the portal; return the JSON of the last one printed."""
        import json

        return json.loads(self.manage("shell", "--no-imports", "--command", code).strip().splitlines()[-1])

    def start(self, *command: str) -> subprocess.Popen:
        """Start a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.running.append(process)
        return process

    def serve(self) -> subprocess.Popen:
        """Start the server and wait until it answers."""
        server = self.start(
            "gunicorn",
            "collection.web.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--threads",
            "4",
            "--graceful-timeout",
            "1",
        )
        until(lambda: self.answers())
        return server

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/a-propos/", timeout=5).close()
        except OSError:
            return False
        return True

    def work(self) -> subprocess.Popen:
        """Start a worker."""
        return self.start("collection.web", "db_worker", "--interval", "0.1", "--no-startup-delay")

    def stop(self) -> None:
        for process in self.running:
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """Kill a process and its children at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(true: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """An empty database beside that of the other tests, of the same kind."""
    address = os.environ.get("DATABASE_URL", "sqlite:")
    if not address.startswith("postgres"):
        yield f"sqlite:///{tmp_path}/portal.sqlite3"
        return
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("CREATE DATABASE killed")
        yield urlsplit(address)._replace(path="/killed").geturl()
        server.execute("DROP DATABASE killed WITH (FORCE)")


@pytest.fixture
def portal(tmp_path: Path, database: str) -> Iterator[Portal]:
    """A portal of its own."""
    made = Portal(tmp_path, database)
    yield made
    made.stop()


class Teacher:
    """A teacher's browser, as far as sending goes."""

    def __init__(self, portal: Portal, cookie: str) -> None:
        self.portal, self.token = portal, "t" * 32
        self.headers = {
            "Cookie": f"session={cookie}; csrf={self.token}",
            "X-CSRFToken": self.token,
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
        }

    def ask(self, method: str, where: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
        """Send one request; ``body`` may be a generator that never ends."""
        line = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, where, body=body, headers={**self.headers, **named})
        answer = line.getresponse()
        answer.read()
        return answer


def test_a_killed_server_and_a_killed_worker_lose_nothing_and_do_nothing_twice(portal: Portal):
    made = portal.python(SETUP)
    sound = encoded(paused([np.concatenate([spoken()] * 3)] * 40))
    digest = hashlib.sha256(sound).hexdigest()
    teacher = Teacher(portal, made["cookie"])
    server = portal.serve()
    begun = teacher.ask(
        "POST",
        f"/seances/{made['session']}/envois/",
        Upload_Length=str(len(sound)),
        Upload_Metadata=told(learner=made["learner"], filetype="audio/wav", sha256=digest),
    )
    assert begun.status == 201, begun.status
    where = begun.headers["Location"]

    def dying() -> Iterator[bytes]:
        """Send half of the file, then kill the server in the middle of the request."""
        for at in range(0, len(sound) // 2, 50_000):
            yield sound[at : at + 50_000]
        until(lambda: any(path.stat().st_size > 500_000 for path in uploads.glob("*")))
        kill(server)
        yield sound[len(sound) // 2 :]

    uploads = Path(portal.environment["PARLURE_PORTAL"]) / "uploads"
    with pytest.raises(OSError):
        teacher.ask("PATCH", where, dying(), Upload_Offset="0", Content_Length=str(len(sound)))
    portal.serve()
    offset = int(teacher.ask("HEAD", where).headers["Upload-Offset"])
    assert 500_000 < offset < len(sound)
    rest = sound[offset:]
    assert teacher.ask("PATCH", where, rest, Upload_Offset=str(offset), Content_Length=str(len(rest))).status == 204
    worker = portal.work()
    until(lambda: portal.python(LOOK)["recordings"][0]["state"] != "waiting")
    kill(worker)
    seen = portal.python(LOOK)
    assert [one["sha256"] for one in seen["recordings"]] == [digest]
    # The next worker finds what the killed one left.
    portal.work()
    until(lambda: portal.python(LOOK)["recordings"][0]["state"] == "done")
    seen = portal.python(LOOK)
    assert seen["heard"] == 1
    assert seen["segments"] >= 40
    assert len(seen["recordings"]) == 1
    assert portal.manage("requeue").strip() == "0 expired, 0 finished, 0 queued"
