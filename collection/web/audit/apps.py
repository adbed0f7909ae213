"""Django's view of this room."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Audit."""

    name = "collection.web.audit"
