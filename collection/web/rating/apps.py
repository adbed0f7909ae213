"""Django's view of this room."""

from django.apps import AppConfig


class RatingConfig(AppConfig):
    """Rating."""

    name = "collection.web.rating"
