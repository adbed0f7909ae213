"""Addresses of recordings."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
