"""Manage the portal: ``python -m collection.web COMMAND`` (``migrate``, ``runserver``, ``db_worker``, ``demo``, …)."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one of Django's or the portal's commands."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "collection.web.settings")
    settings.PORTAL.mkdir(mode=0o700, parents=True, exist_ok=True)
    execute_from_command_line(["python -m collection.web", *sys.argv[1:]])


if __name__ == "__main__":
    main()
