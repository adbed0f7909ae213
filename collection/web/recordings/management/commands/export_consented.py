"""``python -m collection.web export_consented``: write what consent allows as an intake folder of the pipeline."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from collection.errors import ParlureError
from collection.web.recordings.export import export


class Command(BaseCommand):
    """Bring the vault up to date."""

    help = "write the kept segments of consenting learners as an intake folder, and remove what is no longer allowed"

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say what to do next."""
        try:
            done = export()
        except ParlureError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.segments} segments of {done.learners} learners in {settings.VAULT} "
            f"({done.written} written, {done.removed} removed, {done.rated} rated by experts)."
        )
        if done.missing:
            self.stderr.write(f"{done.missing} kept segments have no sound any more: look at their recordings.")
        if done.segments:
            self.stdout.write(
                f"Next: python -m collection.build source=folder intake={settings.VAULT} "
                f"out={settings.RELEASES}/NAME key={settings.KEY_FILE} name=NAME"
            )
