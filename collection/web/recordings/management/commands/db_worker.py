"""``python -m collection.web db_worker``: the worker of django-tasks-db, which first brings back what was left."""

from __future__ import annotations

from typing import Any

from django_tasks_db.management.commands.db_worker import Command as Worker

from collection.web.consents import expiring
from collection.web.recordings.requeue import requeue
from collection.web.releases import keeping


class Command(Worker):
    """Work in the background."""

    def handle(self, **options: Any) -> None:
        """Bring back what killed processes left, see that consents end in time, then work."""
        requeue()
        expiring.keep_going()
        keeping.reconcile()
        keeping.requeue()
        super().handle(**options)
