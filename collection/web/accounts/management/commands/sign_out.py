"""``python -m collection.web sign_out NAME``: end every session of an account, on every computer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from collection.web.accounts.models import User
from collection.web.audit import journal


class Command(BaseCommand):
    """Sign somebody out everywhere."""

    help = "end every session of an account; its password stays (changepassword sets another)"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the name."""
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """End them and say how many there were."""
        user = User.objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"there is no account {options['name']}: check the name, letter by letter.")
        own = [one.pk for one in Session.objects.iterator() if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
        with transaction.atomic():
            Session.objects.filter(pk__in=own).delete()
            journal.record("command", "account.sign-out", user, sessions=len(own))
        self.stdout.write(f"{len(own)} sessions of {user.username} ended.")
