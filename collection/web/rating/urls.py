"""Addresses of rating: of evaluators first, then of the steward."""

from django.urls import path

from collection.web.rating import steward, views

urlpatterns = [
    path("notation/", views.rating_queue, name="rating-queue"),
    path("notation/tours/<uuid:round_id>/suivante/", views.rating_next, name="rating-next"),
    path("notation/<uuid:rating_id>/", views.rating_rate, name="rating-rate"),
    path("notation/<uuid:rating_id>/son/", views.rating_audio, name="rating-audio"),
    path("notation/<uuid:rating_id>/reprendre/", views.rating_undo, name="rating-undo"),
    path("notation/<uuid:rating_id>/signaler/", views.rating_flag, name="rating-flag"),
    path("tours/", steward.round_list, name="round-list"),
    path("tours/nouveau/", steward.round_create, name="round-create"),
    path("tours/<uuid:round_id>/", steward.round_detail, name="round-detail"),
    path("tours/<uuid:round_id>/evaluateurs/", steward.round_evaluators, name="round-evaluators"),
    path("tours/<uuid:round_id>/ouverture/", steward.round_open, name="round-open"),
    path("tours/<uuid:round_id>/detruire/", steward.round_delete, name="round-delete"),
]
