"""Signing in and out, locks, passwords, and the command that makes accounts."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collection.web import settings as production
from collection.web.accounts.models import Role, School, User
from collection.web.audit.models import Entry
from tests.collection.web.world import PASSWORD


def tried(client: Client, name: str, password: str, address: str = "10.0.0.1"):
    """Send the sign-in form from a network address."""
    form = {"username": name, "password": password}
    return client.post(reverse("login"), form, REMOTE_ADDR=address)


def test_five_wrong_passwords_lock_the_right_one_out_for_a_while(everyone):
    name, other = everyone.ours.teacher.username, everyone.ours.colleague.username
    client = Client()
    for _ in range(4):
        assert tried(client, name, "wrong").status_code == 200
    assert tried(client, name, "wrong").status_code == 429
    locked = tried(client, name, PASSWORD)
    assert locked.status_code == 429
    assert "Connexion suspendue" in locked.content.decode()
    # Nobody else is: neither a colleague behind the same school network, nor the teacher at home.
    assert tried(Client(), other, PASSWORD).status_code == 302
    assert tried(Client(), name, PASSWORD, "10.0.0.2").status_code == 302
    # A quarter of an hour later the lock is open.
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert tried(client, name, PASSWORD).status_code == 302


def test_four_wrong_passwords_are_forgotten_after_a_right_one(everyone):
    client, name = Client(), everyone.ours.teacher.username
    for _ in range(2):
        for _ in range(4):
            tried(client, name, "wrong")
        assert tried(client, name, PASSWORD).status_code == 302
        client.post(reverse("logout"))


def test_a_wrong_name_and_a_wrong_password_look_the_same(everyone):
    def page(name: str) -> list[str]:
        return list(tried(Client(), name, "wrong").context["form"].errors["__all__"])

    assert page(everyone.ours.teacher.username) == page("nobody-of-that-name")


def test_production_hashes_with_argon2(settings):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
    kept = make_password(PASSWORD)
    assert kept.startswith("argon2$argon2id$")
    assert identify_hasher(kept).algorithm == "argon2"
    assert check_password(PASSWORD, kept)


def test_signing_in_changes_the_session(everyone):
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["session"] = planted = session.session_key
    tried(client, everyone.ours.teacher.username, PASSWORD)
    assert client.cookies["session"].value != planted
    # Who planted the old one is nobody.
    thief = Client()
    thief.cookies["session"] = planted
    assert thief.get(reverse("class-list")).url.startswith(reverse("login"))


def test_signing_out_ends_the_session_and_needs_a_button(everyone, signed_in):
    client = signed_in(everyone.ours.teacher)
    kept = client.cookies["session"].value
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    thief = Client()
    thief.cookies["session"] = kept
    assert thief.get(reverse("class-list")).url.startswith(reverse("login"))


NEW = "quatre mots bien choisis"


def test_a_new_password_closes_the_other_browsers(everyone, signed_in):
    mine, elsewhere = signed_in(everyone.ours.teacher), signed_in(everyone.ours.teacher)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert mine.post(reverse("password-change"), form).url == reverse("home")
    assert mine.get(reverse("class-list")).status_code == 200
    assert elsewhere.get(reverse("class-list")).url.startswith(reverse("login"))
    assert Entry.objects.filter(action="account.password").count() == 1
    assert tried(Client(), everyone.ours.teacher.username, NEW).status_code == 302


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}, "old_password"),
        ({"old_password": PASSWORD, "new_password1": "tropcourt", "new_password2": "tropcourt"}, "new_password2"),
        (
            {"old_password": PASSWORD, "new_password1": "q1w2e3r4t5y6", "new_password2": "q1w2e3r4t5y6"},
            "new_password2",
        ),
        ({"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW + "x"}, "new_password2"),
    ],
)
def test_a_weak_or_mistyped_password_is_refused(everyone, signed_in, form, field):
    answer = signed_in(everyone.ours.teacher).post(reverse("password-change"), form)
    assert list(answer.context["form"].errors) == [field]
    assert User.objects.get(pk=everyone.ours.teacher.pk).check_password(PASSWORD)


def test_an_account_is_made_by_a_command(db):
    out = StringIO()
    call_command("account", "zoe", role="teacher", school="Collège Neuf", email="zoe@college.example", stdout=out)
    made = User.objects.get(username="zoe")
    assert (made.role, made.school) == (Role.TEACHER, School.objects.get(name="Collège Neuf"))
    assert made.check_password(out.getvalue().split(": ")[1].strip())
    call_command("account", "ines", role="steward", email="ines@academie.example", sso=True, stdout=out)
    assert not User.objects.get(username="ines").has_usable_password()


@pytest.mark.parametrize(
    "options",
    [
        {"role": "teacher"},
        {"role": "steward", "school": "Collège Neuf"},
        {"role": "steward", "sso": True},
    ],
)
def test_an_account_that_would_see_too_much_or_nothing_is_not_made(db, options):
    with pytest.raises(CommandError):
        call_command("account", "zoe", **options)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "right"),
    [
        ("collège-ours-2026", False),
        ("Parlure-Parlure-1", False),
        ("college ours, une chaise et trois lampes", True),
        ("des nuages et 4 tasses", True),
    ],
)
def test_a_password_is_not_the_name_of_the_school(everyone, password, right):
    try:
        validate_password(password, everyone.ours.teacher)
    except ValidationError as error:
        assert not right, error
        assert {one.code for one in error.error_list} == {"words_of_the_school"}
    else:
        assert right


def test_the_operator_ends_every_session_of_an_account(everyone, signed_in):
    stolen, own, other = (signed_in(one) for one in (everyone.ours.teacher,) * 2 + (everyone.ours.colleague,))
    said = StringIO()
    call_command("sign_out", everyone.ours.teacher.username, stdout=said)
    assert said.getvalue().startswith("2 sessions")
    assert [one.get(reverse("class-list")).status_code for one in (stolen, own, other)] == [302, 302, 200]
    assert Entry.objects.get(action="account.sign-out").details == {"sessions": 2}
    with pytest.raises(CommandError, match="no account"):
        call_command("sign_out", "nobody")
