"""Django's view of this room."""

from django.apps import AppConfig


class ClassesConfig(AppConfig):
    """Classes."""

    name = "collection.web.classes"
