"""Django's view of this room."""

from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    """Releases."""

    name = "collection.web.releases"
