"""``python -m tests.collection.web.load [--postgres] [--teachers 30] [--browsers 200] [--mib 50]``: the portal, loaded.

A temporary portal on the loopback: gunicorn as ``deploy/gunicorn.conf.py`` has it, one ``db_worker``. Teachers send one
file each by the tus protocol, in blocks of 8 MiB as the page does, while others open pages, one every 20 s each,
until the last file has come; then the worker hears the rest. Prints requests, errors, latencies (s), and the resident
memory (MiB, shared pages counted in each process) of web and worker at start, peak and end. Exits 1 on any error.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import psutil
import soundfile

from tests.collection.web.postgres import server
from tests.factories import vowel

BLOCK = 8 * 2**20
"""Bytes of one PATCH, as in ``static/portal/sending.js``."""
RATE = 96_000
"""Hz of the files: a large file of little speech, so that hearing it does not take hours."""
PAGES = (
    "/classes/",
    "/classes/{school_class}/",
    "/seances/{session}/enregistrements/",
    "/listes/",
    "/classes/{school_class}/accords/",
)


@dataclass
class Seen:
    """What happened: seconds of each answer by kind, errors in words, resident bytes of web and worker over time."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"page": [], "block": []})
    errors: list[str] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=lambda: {"web": [], "worker": []})


@dataclass(frozen=True)
class Person:
    """A signed-in browser and the addresses of one's class."""

    cookie: str
    school_class: str
    session: str
    learner: str


def sound(mib: float) -> bytes:
    """Return a file of about so many MiB: 24-bit stereo of somebody who reads, with pauses."""
    seconds = mib * 2**20 / (RATE * 2 * 3)
    turn = np.concatenate([np.zeros(2 * RATE, np.float32), vowel(3.0, rate=RATE)])
    mono = np.resize(turn, round(seconds * RATE))
    mono += 0.0003 * np.random.default_rng(7).standard_normal(len(mono)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.stack([mono, mono], axis=1), RATE, "PCM_24", format="WAV")
    return file.getvalue()


def people(teachers: int, browsers: int) -> list[Person]:
    """Make schools of three teachers, a class and a session each; return a signed-in browser for everybody."""
    import django

    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from django.db import transaction

    from collection.consent import today
    from collection.web.accounts.models import Role, School, User
    from collection.web.classes.models import Learner, ReadingSession, SchoolClass, Turn
    from collection.web.consents.models import Notice
    from tests.collection.web.world import consented, notice

    call_command("migrate", verbosity=0)
    call_command("collectstatic", "--noinput", verbosity=0)
    found, day = [], today()
    with transaction.atomic():
        Notice.objects.filter(pk=notice().pk).update(audio="")
        for number in range(teachers):
            if number % 3 == 0:
                school = School.objects.create(name=f"School {number}", region="lyon")
            teacher = User.objects.create(username=f"teacher-{number}", password="!", role=Role.TEACHER, school=school)
            own = SchoolClass.objects.create(school=school, name=f"4e{number}", year="2026-2027", language="en")
            own.teachers.add(teacher)
            born = day - timedelta(days=13 * 365)
            learners = [
                Learner.objects.create(school_class=own, last_name=f"L{place}", first_name="A", birth_date=born)
                for place in range(25)
            ]
            for learner in learners:
                consented(learner, on=day - timedelta(days=1))
            session = ReadingSession.objects.create(school_class=own, title="Load", held_on=day)
            for position in range(5):
                Turn.objects.create(session=session, position=position, text="The cat sat on the mat.")
            found.append((teacher, str(own.pk), str(session.pk), str(learners[0].pk)))
        browsing = []
        for number in range(teachers + browsers):
            teacher, *addresses = found[number % teachers]
            store = SessionStore()
            store[SESSION_KEY] = str(teacher.pk)
            store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            store[HASH_SESSION_KEY] = teacher.get_session_auth_hash()
            store.create()
            browsing.append(Person(str(store.session_key), *addresses))
    return browsing


def started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process of the portal; what it says goes to a file."""
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)


@contextmanager
def portal(port: int, folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run web and worker."""
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "collection/web/deploy/gunicorn.conf.py"]
    running = {
        "web": started([*gunicorn, f"--bind=127.0.0.1:{port}", "collection.web.wsgi"], folder / "web.log"),
        "worker": started([sys.executable, "-m", "collection.web", "db_worker"], folder / "worker.log"),
    }
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/connexion/", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield running
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        for process in running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def resident(process: subprocess.Popen[bytes]) -> int:
    """Return the resident bytes of a process and its children."""
    total = 0
    try:
        parent = psutil.Process(process.pid)
        for one in (parent, *parent.children(recursive=True)):
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    except psutil.NoSuchProcess:
        return 0
    return total


async def send(client: httpx.AsyncClient, person: Person, data: bytes, seen: Seen) -> None:
    """Send a file as the page does."""
    cookies = {"sessionid": person.cookie}
    page = await client.get(f"/seances/{person.session}/envoyer/", headers={"Cookie": f"sessionid={person.cookie}"})
    token = re.search(r'data-token="([^"]+)"', page.text)
    if token is None:
        seen.errors.append(f"send page: {page.status_code}")
        return
    cookies["csrftoken"] = page.cookies["csrftoken"]
    said = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Tus-Resumable": "1.0.0",
            "X-CSRFToken": token[1], "Content-Type": "application/offset+octet-stream"}  # fmt: skip
    endpoint = re.search(r'data-endpoint="([^"]+)"', page.text)
    told = ",".join(
        f"{name} {b64encode(value.encode()).decode()}"
        for name, value in {"learner": person.learner, "filetype": "audio/wav"}.items()
    )
    assert endpoint is not None
    made = await client.post(
        endpoint[1], headers={**said, "Upload-Length": str(len(data)), "Upload-Metadata": told}, content=b""
    )
    if made.status_code != 201:
        seen.errors.append(f"begin: {made.status_code} {made.text[:80]}")
        return
    for at in range(0, len(data), BLOCK):
        began = time.monotonic()
        answer = await client.patch(
            made.headers["Location"], headers={**said, "Upload-Offset": str(at)}, content=data[at : at + BLOCK]
        )
        seen.seconds["block"].append(time.monotonic() - began)
        if answer.status_code != 204:
            seen.errors.append(f"block at {at}: {answer.status_code} {answer.text[:80]}")
            return


async def browse(client: httpx.AsyncClient, person: Person, seen: Seen, until: asyncio.Event, pause: float) -> None:
    """Open pages until told to stop, one every ``pause`` seconds on average."""
    ours = {"school_class": person.school_class, "session": person.session}
    for number in itertools.count():
        wait = random.uniform(0.5, 1.5) * pause if number else random.uniform(0, pause)
        with suppress(TimeoutError):
            await asyncio.wait_for(until.wait(), wait)
            return
        page, began = PAGES[number % len(PAGES)], time.monotonic()
        try:
            answer = await client.get(page.format(**ours), headers={"Cookie": f"sessionid={person.cookie}"})
        except httpx.TransportError as error:
            seen.errors.append(f"{page}: {error!r}")
        else:
            seen.seconds["page"].append(time.monotonic() - began)
            if answer.status_code != 200:
                seen.errors.append(f"{page}: {answer.status_code}")


async def load(port: int, everybody: list[Person], teachers: int, data: bytes, seen: Seen, pause: float) -> float:
    """Let everybody work; return the seconds until the last file has come."""
    until = asyncio.Event()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600, limits=limits) as client:
        browsing = [asyncio.create_task(browse(client, one, seen, until, pause)) for one in everybody[teachers:]]
        began = time.monotonic()
        sent = await asyncio.gather(
            *(send(client, one, data, seen) for one in everybody[:teachers]), return_exceptions=True
        )
        seen.errors += [f"sending: {error!r}" for error in sent if error is not None]
        took = time.monotonic() - began
        until.set()
        await asyncio.gather(*browsing)
    return took


def heard(teachers: int) -> int:
    """Wait until every recording is heard; return how many are."""
    from collection.web.recordings.models import Recording, State

    for _ in range(1800):
        done = Recording.objects.filter(state=State.DONE).count()
        if done >= teachers:
            return done
        time.sleep(1)
    return done


def main() -> int:
    """Run it and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {"teachers": 30, "browsers": 200, "mib": 50, "pause": 20.0}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        address = stack.enter_context(server() if given.postgres else nullcontext(""))
        os.environ.update({"PORTAL_DEMO": "1", "PARLURE_PORTAL": str(folder / "portal"), "UPLOADS_PER_HOUR": "100000",
                           "DJANGO_SETTINGS_MODULE": "collection.web.settings"})  # fmt: skip
        if address:
            os.environ["DATABASE_URL"] = address
        (folder / "portal").mkdir()
        everybody, data, seen = people(given.teachers, given.browsers), sound(given.mib), Seen()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running = stack.enter_context(portal(port, folder))
        for one in everybody[: 2 * given.teachers]:  # every process has loaded what pages need
            for page in PAGES:
                ours = {"school_class": one.school_class, "session": one.session}
                httpx.get(
                    f"http://127.0.0.1:{port}{page.format(**ours)}", cookies={"sessionid": one.cookie}, timeout=60
                )
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.5):
                for name, process in running.items():
                    seen.memory[name].append(resident(process))

        watching = threading.Thread(target=watch)
        watching.start()
        time.sleep(3)
        took = asyncio.run(load(port, everybody, given.teachers, data, seen, given.pause))
        began = time.monotonic()
        done = heard(given.teachers)
        listened = time.monotonic() - began
        time.sleep(10)
        stop.set()
        watching.join()
        logs = "".join((folder / f"{name}.log").read_text("utf-8", "replace") for name in running)
    for trouble in ("locked", "Traceback", "ERROR", "CRITICAL"):
        seen.errors += [line for line in logs.splitlines() if trouble in line]
    if done < given.teachers:
        seen.errors.append(f"heard {done} of {given.teachers} recordings")
    say = sys.stdout.write
    sent = given.teachers * len(data) / 2**20
    say(f"{'PostgreSQL' if given.postgres else 'SQLite'}: {given.teachers} files of {len(data) / 2**20:.0f} MiB ")
    say(f"in {took:.0f} s ({sent / took:.1f} MiB/s), all heard {listened:.0f} s later\n")
    for kind, seconds in seen.seconds.items():
        low, high = np.percentile(seconds, [50, 95]) if seconds else (0, 0)
        say(f"{kind}: {len(seconds)} answers ({len(seconds) / took:.1f}/s), p50 {low:.2f} s, p95 {high:.2f} s\n")
    for name, values in seen.memory.items():
        first, most, last = (round(value / 2**20) for value in (values[0], max(values), values[-1]))
        say(f"{name}: {first} MiB at the start, {most} at most, {last} at the end\n")
    say(f"errors: {len(seen.errors)}\n" + "".join(f"  {line}\n" for line in seen.errors[:20]))
    return bool(seen.errors)


if __name__ == "__main__":
    sys.exit(main())
