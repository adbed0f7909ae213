"""Signing in through an identity provider: a real one on this machine, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse

from collection.web.accounts.models import User
from collection.web.audit.models import Entry
from tests.collection.web.identity_provider import CLIENT, SECRET, Provider

START = "/connexion/etablissement/"


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    found = Provider()
    settings.OIDC_ISSUER = found.issuer
    app = {"provider_id": "etablissement", "name": "Académie", "client_id": CLIENT, "secret": SECRET}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "SCOPE": ["openid", "email"],
            "APPS": [{**app, "settings": {"server_url": found.issuer}}],
        }
    }
    yield found
    found.close()


@pytest.fixture
def teacher(everyone, provider) -> User:
    found = everyone.ours.teacher
    found.email = "prof@college.example"
    found.save()
    provider.claims = {"sub": "1234", "email": "Prof@college.example", "email_verified": True, "given_name": "Zoé"}
    return found


def walked(client: Client, start: str = START):
    """Go to the provider and come back, as a browser does; return the last answer."""
    sent = client.post(start)
    assert sent.status_code == 302
    there = requests.get(sent.url, allow_redirects=False, timeout=10)
    return client.get(there.headers["Location"].removeprefix("http://testserver"))


def signed_in(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def told(client: Client) -> str:
    return client.get(reverse("login")).content.decode()


def test_a_verified_address_finds_its_account_and_sub_counts_from_then_on(teacher, provider):
    client = Client()
    assert walked(client).url == reverse("home")
    assert signed_in(client) == str(teacher.pk)
    assert provider.asked["code_challenge_method"] == "S256"
    assert set(provider.asked["scope"].split()) == {"openid", "email"}
    linked = SocialAccount.objects.get()
    # Nothing the provider said is kept but the number of the person there.
    assert (linked.user, linked.uid, linked.extra_data) == (teacher, "1234", {})
    assert Entry.objects.filter(action="account.link").count() == 1
    # Another address, the same person.
    provider.claims = {"sub": "1234", "email": "autre@college.example"}
    again = Client()
    walked(again)
    assert signed_in(again) == str(teacher.pk)
    assert SocialAccount.objects.get().extra_data == {}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email_verified": False}, "ne confirme pas votre adresse"),
        ({"email_verified": "true"}, "ne confirme pas votre adresse"),
        ({"email": "a\0@b.example"}, "ne confirme pas votre adresse"),
        ({"email": None}, "ne confirme pas votre adresse"),
        ({"email": "inconnu@college.example"}, "Aucun compte"),
        # Looks like an i, is none.
        ({"email": "prof@college.example".replace("l", "ʟ")}, "Aucun compte"),
    ],
)
def test_nobody_else_gets_in_and_no_account_is_made(teacher, provider, claims, said):
    before = User.objects.count()
    provider.claims.update(claims)
    client = Client()
    assert walked(client).url == reverse("login")
    assert said in told(client)
    assert signed_in(client) is None
    assert User.objects.count() == before
    assert not SocialAccount.objects.exists()


def test_an_address_of_two_accounts_opens_neither(teacher, everyone):
    User.objects.filter(pk=everyone.ours.colleague.pk).update(email=teacher.email)
    client = Client()
    walked(client)
    assert signed_in(client) is None


def test_a_linked_account_is_not_linked_again_by_its_address(teacher, provider):
    walked(Client())
    provider.claims["sub"] = "9999"
    client = Client()
    walked(client)
    assert signed_in(client) is None
    assert SocialAccount.objects.count() == 1


def test_a_closed_account_stays_closed(teacher):
    User.objects.filter(pk=teacher.pk).update(is_active=False)
    client = Client()
    walked(client)
    assert signed_in(client) is None
    assert "Ce compte est fermé" in told(client)


@pytest.mark.parametrize("claim", [{"iss": "http://elsewhere"}, {"aud": "another"}, {"exp": 1}, {"sub": "other"}])
def test_a_token_that_is_not_for_us_is_refused(teacher, provider, claim):
    provider.token_claims = claim
    client = Client()
    assert walked(client).url == reverse("login")
    assert signed_in(client) is None


def test_an_answer_that_nobody_asked_for_is_refused(teacher, provider):
    client = Client()
    sent = client.post(START)
    there = requests.get(sent.url, allow_redirects=False, timeout=10).headers["Location"]
    # Somebody else's browser, into which the answer was smuggled.
    victim = Client()
    victim.get(there.removeprefix("http://testserver"))
    assert signed_in(victim) is None
    assert client.get(f"{START}retour/?state=x&code=y").url == reverse("login")
    assert client.get(f"{START}retour/?error=access_denied").url == reverse("login")


def test_the_address_chooses_nothing(teacher, everyone, provider):
    # Signed in, nobody links a foreign identity to the account that is open.
    client = Client()
    client.force_login(everyone.ours.colleague, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{START}?process=connect").url == reverse("login")
    # Signed out, neither scope nor process nor next of the address are listened to.
    client = Client()
    answer = walked(client, f"{START}?process=connect&scope=admin&next=https://evil.example/")
    assert set(provider.asked["scope"].split()) == {"openid", "email"}
    assert answer.url == reverse("home")


def test_the_session_is_a_new_one(teacher):
    client = Client()
    client.get(reverse("login"))
    client.post("/langue/", {"language": "en"})
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["session"] = planted
    walked(client)
    assert client.cookies["session"].value != planted


def test_without_a_provider_there_is_no_such_page(everyone):
    assert Client().post(START).status_code == 404
    assert Client().post("/connexion/autre/").status_code == 404


def test_a_provider_that_is_down_is_told(teacher, provider):
    provider.close()
    client = Client()
    assert client.post(START).url == reverse("login")
    assert "ne répond pas" in told(client)


@pytest.mark.browser
def test_in_a_browser_the_button_leads_there_and_back(teacher, provider, page, live_server, settings):
    settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] = ["'self'", provider.issuer]
    page.goto(f"{live_server.url}/connexion/")
    page.get_by_role("button", name="Continuer avec").click()
    page.wait_for_url("**/classes/")
    assert "4eB" in page.locator("main").inner_text()
