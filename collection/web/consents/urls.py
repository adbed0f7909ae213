"""Addresses of notices and consents."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
