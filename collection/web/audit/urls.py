"""Addresses of the journal."""

from django.urls import path

from collection.web.audit import views

urlpatterns = [path("journal/", views.entries, name="audit-list")]
