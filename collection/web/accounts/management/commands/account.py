"""``python -m collection.web account NAME --role teacher --school "…"``: make an account, with a first password."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.crypto import get_random_string

from collection.web.accounts.models import Role, School, User
from collection.web.audit import journal

_LETTERS = 20


class Command(BaseCommand):
    """Make one account, and its school when there is none of that name."""

    help = "make an account; its first password is printed once, or none is made with --sso"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare name, role, school and e-mail address."""
        parser.add_argument("name")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument("--school", help="name of the school, for teachers and heads")
        parser.add_argument("--email", default="", help="address by which the identity provider knows the person")
        parser.add_argument("--sso", action="store_true", help="no password: the person signs in by the provider only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, whole or not at all."""
        role = Role(options["role"])
        needs_school = role in (Role.TEACHER, Role.HEAD)
        if needs_school != bool(options["school"]):
            raise CommandError(f"--school goes with the roles teacher and head, and with no other; the role is {role}.")
        if options["sso"] and not options["email"]:
            raise CommandError("--sso needs --email: the identity provider finds the account by it.")
        if User.objects.filter(username=options["name"]).exists():
            raise CommandError(f"there is an account {options['name']} already: choose another name.")
        if options["email"] and User.objects.filter(email__iexact=options["email"]).exists():
            raise CommandError("another account has this address: an address belongs to one account.")
        password = None if options["sso"] else get_random_string(_LETTERS)
        with transaction.atomic():
            school = School.objects.get_or_create(name=options["school"])[0] if needs_school else None
            made = User.objects.create_user(
                options["name"], email=options["email"], password=password, role=role, school=school
            )
            journal.record("command", "account.create", made, role=role.value)
        self.stdout.write(f"Account {made.username} made." + (f" First password: {password}" if password else ""))
