"""Django's view of this room."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts."""

    name = "collection.web.accounts"
