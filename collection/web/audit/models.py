"""The journal."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One thing that was done; ``sha256`` covers the line and the one before it, so that no line can be changed.

    ``actor``, ``subject`` are ids, never names. ``seq`` counts from 1 without gaps.
    """

    seq = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=128, blank=True)
    details = models.JSONField(default=dict)
    before = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, unique=True)

    class Meta:
        """Read in the order in which it was written."""

        ordering = ["seq"]
