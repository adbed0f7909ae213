"""Addresses of classes, rosters, reading lists and sessions."""

from django.urls import path

from collection.web.classes import views

urlpatterns = [
    path("classes/", views.class_list, name="class-list"),
    path("classes/nouvelle/", views.class_create, name="class-create"),
    path("classes/<uuid:class_id>/", views.class_detail, name="class-detail"),
]
