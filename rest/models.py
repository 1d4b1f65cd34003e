"""What is left of a limit, for everybody on every node. See `limits`."""

from __future__ import annotations

from django.db import models


class Allowance(models.Model):
    """How much of one limit somebody has leased in one window of time, and with the last lease.

    Rows of windows gone by are swept away.
    """

    name = models.CharField(max_length=20)
    who = models.CharField(max_length=80)
    window = models.BigIntegerField()
    leased = models.PositiveIntegerField()
    granted = models.PositiveIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "who", "window"], name="allowance_key")]
        indexes = [models.Index(fields=["ends_at"], name="allowance_gone_by")]


class Cached(models.Model):
    """What Django's cache holds, for all processes. Only `cache` reads and writes it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires"], name="cached_until")]


class Attempts(models.Model):
    """How often something failed under one key, and when last. See `attempts`."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_index=True)
