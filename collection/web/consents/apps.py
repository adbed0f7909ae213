"""Django's view of this room."""

from django.apps import AppConfig


class ConsentsConfig(AppConfig):
    """Consents."""

    name = "collection.web.consents"
