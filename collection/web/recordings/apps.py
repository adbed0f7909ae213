"""Django's view of this room."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Recordings."""

    name = "collection.web.recordings"

    def ready(self) -> None:
        """Listen for deleted segments."""
        from collection.web.recordings import forgetting  # noqa: F401
