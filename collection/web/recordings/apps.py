"""Django's view of this room."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Recordings."""

    name = "collection.web.recordings"
