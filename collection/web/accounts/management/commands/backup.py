"""``python -m collection.web backup FILE.tar``: a copy of database, uploads and vault."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from collection.errors import ParlureError
from collection.web.accounts.backups import backup


class Command(BaseCommand):
    """Back up."""

    help = "write database, uploads and vault into one tar file; the key and its ledger are kept apart"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        try:
            contents = backup(options["file"].resolve())
        except (ParlureError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(contents.files)} files in {options['file']} (mode 0600): these are names and voices.")
        self.stdout.write(f"Not in it: {settings.KEY_FILE} and the files beside it. Copy them to another place.")
