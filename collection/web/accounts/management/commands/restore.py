"""``python -m collection.web restore FILE.tar --confirm FOLDER``: bring a backup back; who withdrew stays gone."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from collection.errors import ParlureError
from collection.web.accounts.backups import restore


class Command(BaseCommand):
    """Restore."""

    help = "put a backup in the place of what the portal keeps, and make those who withdrew leave once more"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file and the word that makes it happen."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--confirm", default="", help="name of the portal's folder, whose contents are replaced")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it when it is confirmed."""
        name = settings.PORTAL.name
        if options["confirm"] != name:
            raise CommandError(
                f"everything in {settings.PORTAL} would be replaced. Stop web and worker, then give --confirm {name}. "
                "Nothing was changed."
            )
        try:
            left = restore(options["file"].resolve())
        except ParlureError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored. {left} learner(s) who had withdrawn since were made to leave again.")
        self.stdout.write("Now verify the journal against the head that you keep elsewhere.")
