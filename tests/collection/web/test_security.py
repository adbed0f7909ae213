"""Hostile input at the doors of the portal: scripts in names, other people's objects, forged forms and headers."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collection.web.classes.models import Learner, PromptList, ReadingSession, SchoolClass, Turn
from tests.collection.web.browsing import sign_in
from tests.collection.web.world import PASSWORD

ATTACK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
"""Would change the title of the page if any of it ran."""


@pytest.fixture
def poisoned(everyone):
    """Put the attack wherever somebody may write text in these rooms."""
    ours = everyone.ours
    Learner.objects.filter(pk=ours.agreeing.pk).update(last_name=ATTACK[:100], first_name='"><svg onload=alert(1)>')
    SchoolClass.objects.filter(pk=ours.school_class.pk).update(name="</title><script>")
    PromptList.objects.filter(pk=ours.prompt_list.pk).update(title=ATTACK[:100], texts=[ATTACK])
    ReadingSession.objects.filter(pk=ours.session.pk).update(title=ATTACK[:100], kind="class")
    Turn.objects.filter(session=ours.session).update(text=ATTACK, reader=ours.agreeing)
    return everyone


def pages(everyone) -> list[str]:
    """Return every page of these rooms that shows what somebody wrote."""
    ours = everyone.ours
    return [
        reverse("class-list"),
        reverse("class-detail", args=[ours.school_class.pk]),
        reverse("class-teachers", args=[ours.school_class.pk]),
        reverse("learner-edit", args=[ours.agreeing.pk]),
        reverse("learner-remove", args=[ours.agreeing.pk]),
        reverse("session-detail", args=[ours.session.pk]),
        reverse("session-order", args=[ours.session.pk]),
        reverse("session-create", args=[ours.school_class.pk]),
        reverse("list-list"),
        reverse("list-detail", args=[ours.prompt_list.pk]),
        reverse("list-edit", args=[ours.prompt_list.pk]),
    ]


def test_what_people_write_is_never_markup(poisoned, signed_in):
    client = signed_in(poisoned.ours.teacher)
    for address in pages(poisoned):
        page = client.get(address).content.decode()
        assert "<script>document" not in page, address
        assert "<svg onload" not in page, address
        assert "<img src=x" not in page, address


def test_a_roster_full_of_scripts_is_shown_as_text(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    csv = f'Nom;Prénom\n"{ATTACK.replace(chr(34), chr(34) * 2)[:90]}";Inès\n'
    file = SimpleUploadedFile("<script>.csv", csv.encode())
    client.post(reverse("roster-import", args=[everyone.ours.school_class.pk]), {"file": file})
    page = client.get(reverse("roster-preview", args=[everyone.ours.school_class.pk])).content.decode()
    assert "&lt;script&gt;document" in page
    assert "<script>document" not in page


@pytest.mark.browser
def test_no_script_of_a_name_runs_in_a_browser(poisoned, page, live_server):
    sign_in(page, live_server.url, poisoned.ours.teacher)
    for address in pages(poisoned):
        page.goto(live_server.url + address)
        assert page.title() != "owned"


@pytest.mark.parametrize(
    "name", ["roster-preview", "roster-import", "learner-create", "class-teachers", "session-create"]
)
def test_a_forged_form_is_refused(everyone, name):
    client = Client(enforce_csrf_checks=True)
    client.force_login(everyone.ours.teacher, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(reverse(name, args=[everyone.ours.school_class.pk]))
    assert answer.status_code == 403
    # It may be an honest one, of a page from before another sign-in: what to do is said, in words of ours.
    assert "Cette page est trop ancienne" in answer.content.decode()


def test_a_form_of_another_site_is_refused_even_with_a_token(everyone):
    client = Client(enforce_csrf_checks=True)
    client.force_login(everyone.ours.teacher, backend="django.contrib.auth.backends.ModelBackend")
    token = client.get(reverse("class-create")).context["csrf_token"]
    form = {"csrfmiddlewaretoken": str(token), "name": "X", "year": "2026-2027", "language": "en"}
    address = reverse("class-create")
    assert client.post(address, form, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post(address, form, headers={"origin": "http://testserver"}).status_code == 302


def test_no_field_of_a_form_changes_what_it_does_not_show(everyone, signed_in):
    client, ours = signed_in(everyone.ours.teacher), everyone.ours
    form = {"last_name": "Abadie", "first_name": "Inès", "school_class": str(everyone.theirs.school_class.pk),
            "code": "AAAAAAAA", "id": str(everyone.theirs.agreeing.pk)}  # fmt: skip
    client.post(reverse("learner-edit", args=[ours.agreeing.pk]), form)
    found = Learner.objects.get(pk=ours.agreeing.pk)
    assert (found.school_class, found.code) == (ours.school_class, ours.agreeing.code)
    client.post(reverse("class-create"), {"name": "5eZ", "year": "2026-2027", "language": "en", "school": "x"})
    assert SchoolClass.objects.get(name="5eZ").school == ours.school


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_leads_to_no_other_site(everyone, target):
    client = Client()
    form = {"username": everyone.ours.teacher.username, "password": PASSWORD, "next": target}
    assert client.post(reverse("login"), form).url == reverse("home")
    assert client.post(reverse("set-language"), {"language": "en", "next": target}).url in ("/", reverse("home"))


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "testserver:80@evil.example", ""])
def test_a_foreign_host_header_is_refused(db, host):
    assert Client().get(reverse("login"), headers={"host": host}).status_code == 400


def test_every_answer_forbids_frames_caches_and_sniffing(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    for answer in (client.get(reverse("class-list")), Client().get(reverse("login")), client.get("/nowhere/")):
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_cookies_are_out_of_reach_of_scripts(everyone):
    client = Client()
    client.get(reverse("login"))
    client.post(reverse("login"), {"username": everyone.ours.teacher.username, "password": PASSWORD})
    for name in ("session", "csrf"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"


def test_an_identifier_that_is_none_is_not_found(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    for bad in ("1", "../../etc/passwd", "%00", "' OR 1=1 --", "0" * 400):
        assert client.get(f"/classes/{bad}/").status_code == 404


@pytest.mark.parametrize("query", ["page=-1", "page=x", "page=" + "9" * 60, "focus=%3Cscript%3E", "q=%00"])
def test_odd_queries_break_nothing(everyone, signed_in, query):
    steward = signed_in(everyone.steward)
    for name in ("school-list", "audit-list", "list-list"):
        answer = steward.get(f"{reverse(name)}?{query}")
        assert answer.status_code in (200, 400)
        assert "<script>" not in answer.content.decode()


def test_too_many_fields_are_refused(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    form = {f"text-{number}": "x" for number in range(1100)}
    assert client.post(reverse("list-create"), form).status_code == 400


def test_a_huge_form_is_refused(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    form = {"title": "x", "language": "en", "lines": "x" * (3 * 1024 * 1024)}
    assert client.post(reverse("list-create"), form).status_code == 400


def test_a_roster_of_any_bytes_never_breaks_the_page(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    address = reverse("roster-import", args=[everyone.ours.school_class.pk])
    for content in (b"PK\x03\x04" + os.urandom(64), os.urandom(256), b"\xff\xfe" + b"a", b'"' * 999):
        answer = client.post(address, {"file": SimpleUploadedFile("../../x.xlsx", content)})
        assert answer.status_code == 200


def portal(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the portal as in production."""
    return subprocess.run(
        [sys.executable, "-m", "collection.web", *command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def production(folder: Path) -> dict[str, str]:
    """Return the environment of a service."""
    return {"SECRET_KEY": "k" * 30 + "0123456789" * 4, "ALLOWED_HOSTS": "portal.example", "PARLURE_PORTAL": str(folder)}


def test_the_deployment_check_is_clean(tmp_path):
    done = portal("check", "--deploy", "--fail-level", "WARNING", **production(tmp_path / "p"))
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_a_service_without_a_key_does_not_start(tmp_path):
    done = portal("check", PARLURE_PORTAL=str(tmp_path / "p"))
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr


def test_a_provider_over_plain_http_is_refused(tmp_path):
    oidc = {"OIDC_ISSUER": "http://idp.example", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"}
    done = portal("check", **production(tmp_path / "p"), **oidc)
    assert "must begin with https://" in done.stderr


def test_production_cookies_and_redirects(tmp_path):
    script = (
        "from django.conf import settings as s; "
        "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, "
        "s.SECURE_HSTS_SECONDS > 0, s.DEBUG)"
    )
    done = portal("shell", "--no-imports", "--verbosity", "0", "--command", script, **production(tmp_path / "p"))
    assert done.stdout.split() == ["__Host-session", "True", "True", "True", "True", "False"], done.stderr


def test_gunicorn_refuses_headers_that_are_too_long(tmp_path):
    from gunicorn.config import Config

    found: dict[str, object] = {}
    source = Path("collection/web/deploy/gunicorn.conf.py").read_text("utf-8")
    exec(compile(source, "gunicorn.conf.py", "exec"), found)
    config = Config()
    for name, value in found.items():
        if name in config.settings:
            config.set(name, value)
    from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
    from gunicorn.http.message import Request
    from gunicorn.http.unreader import IterUnreader

    def request(head: bytes) -> Request:
        return Request(config, IterUnreader(io.BytesIO(head)), ("127.0.0.1", 1))

    assert request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").path == "/"
    with pytest.raises(LimitRequestHeaders):
        request(b"GET / HTTP/1.1\r\nX: " + b"a" * 10_000 + b"\r\n\r\n")
    with pytest.raises(LimitRequestHeaders):
        request(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n")
    with pytest.raises(LimitRequestLine):
        request(b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n\r\n")


def test_every_test_that_the_checklist_names_is_there():
    root = Path(__file__).resolve().parents[3]
    told = (root / "docs" / "security.md").read_text("utf-8")
    tests = {path.name: path.read_text("utf-8") for path in (root / "tests").rglob("test_*.py")}
    whole = "\n".join(tests.values())
    assert [name for name in re.findall(r"(test_\w+\.py)", told) if name not in tests] == []
    names = set(re.findall(r"\b(test_\w+)\b(?!\.py)", told))
    assert len(names) > 50
    assert sorted(name for name in names if f"def {name}(" not in whole) == []
    classes = re.findall(r"(test_\w+\.py)::(Test\w+)", told)
    assert [(file, name) for file, name in classes if f"class {name}" not in tests[file]] == []
