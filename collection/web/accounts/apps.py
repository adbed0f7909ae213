"""Django's view of this room."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts."""

    name = "collection.web.accounts"

    def ready(self) -> None:
        """Listen to who signs in."""
        from collection.web.accounts import signals  # noqa: F401
