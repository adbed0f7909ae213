"""What holds for every answer: closed to other sites and to odd methods, and no link of a family in a log."""

from __future__ import annotations

import logging

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from whitenoise.middleware import WhiteNoiseMiddleware

from collection.web.consents import links
from collection.web.middleware import WithoutLinks


def test_no_answer_opens_itself_to_other_sites(everyone, signed_in, tmp_path):
    (tmp_path / "a.js").write_text("1")
    files = WhiteNoiseMiddleware(lambda request: HttpResponse(status=404))
    files.add_files(str(tmp_path), prefix="/static/")
    script = files(RequestFactory().get("/static/a.js", headers={"origin": "https://evil.example"}))
    assert b"".join(script.streaming_content) == b"1"
    page = signed_in(everyone.ours.teacher).get(reverse("class-list"), headers={"origin": "https://evil.example"})
    assert [name for answer in (script, page) for name in answer.headers if name.startswith("Access-Control")] == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_a_method_that_we_do_not_know_is_refused(everyone, signed_in, method):
    for user in (None, everyone.ours.teacher):
        answer = signed_in(user).generic(method, reverse("class-list"))
        assert (answer.status_code, answer.content) == (405, b"")


def test_no_link_of_a_family_is_in_a_log(everyone, capfd):
    token = links.token(everyone.ours.agreeing.consent.parties.first())
    address = reverse("family-link", args=[token])
    console = logging.StreamHandler()
    console.setFormatter(WithoutLinks(fmt="{levelname} {message}", style="{"))
    log = logging.getLogger("django.request")
    log.addHandler(console)
    try:
        # The link with what a mail program put behind it, and one that is spoilt.
        assert Client().get(address + ">").status_code == 404
        assert Client().get(reverse("family-link", args=[token[:-3] + "abc"])).status_code == 410
    finally:
        log.removeHandler(console)
    said = capfd.readouterr().err
    assert "Not Found: /famille/entree/…" in said
    assert "Gone: /famille/entree/…" in said
    assert token[:20] not in said
