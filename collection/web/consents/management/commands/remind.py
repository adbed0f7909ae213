"""``python -m collection.web remind``: write to families before an answer ends or a birthday changes who decides."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from collection.web.consents import invitations


class Command(BaseCommand):
    """Send what is due; run it once a day."""

    help = "remind families thirty days before a consent ends, and before the 15th and the 18th birthday"

    def handle(self, *args: Any, **options: Any) -> None:
        """Send reminders, each once, and say how many."""
        if not settings.PORTAL_URL:
            raise CommandError("links need an address: set PORTAL_URL, such as https://voix.college.fr.")
        if not settings.MAIL_WORKS:
            raise CommandError("no message would leave: set EMAIL_URL, such as smtp+tls://user:password@host:587.")
        counts = invitations.remind()
        self.stdout.write(
            f"{counts['sent']} sent, {counts['known']} sent before, {counts['without_address']} without an address: "
            "print their sheets."
        )
