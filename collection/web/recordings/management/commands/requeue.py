"""``python -m collection.web requeue``: bring back what a killed process left; a worker does it when it starts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collection.web.recordings.requeue import requeue


class Command(BaseCommand):
    """Queue again what nobody hears."""

    help = "finish complete uploads, destroy expired ones, and queue recordings again that nobody hears"

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how much there was."""
        done = requeue()
        self.stdout.write(", ".join(f"{count} {what}" for what, count in done.items()))
