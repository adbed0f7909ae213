"""``python -m collection.web expire``: destroy what may no longer be held; the worker does the same once a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collection.web.consents import expiring


class Command(BaseCommand):
    """End the consents whose retention is over."""

    help = "destroy the recordings of consents whose announced retention has ended"

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how many there were."""
        self.stdout.write(f"{expiring.end_all()} consents ended; the worker destroys what they had allowed.")
