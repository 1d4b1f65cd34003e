"""Results of the diagnose page that somebody gave an address to."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class KeptQuerySet(models.QuerySet["Kept"]):
    def live(self) -> KeptQuerySet:
        """Not what is past its time, and waits for the night that removes it."""
        days = settings.KEEP_DAYS["results"]
        return self.filter(at__gt=timezone.now() - timedelta(days=days)) if days else self.all()


class Kept(models.Model):
    """A text whose result has an address, for as long as KEEP_DAYS says. Its id is its only secret from strangers.

    `body`: zstd, redacted before it was kept: nobody has the text as it was pasted.
    `sender`: a keyed digest of the person or address that keeps it: to count by, and to tell nobody.
    `key`: a digest of the key that deletes it, which was shown once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now(), db_index=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="kept")
    release = models.CharField(max_length=200, blank=True)
    sender = models.CharField(max_length=32, blank=True)
    key = models.CharField(max_length=64)
    body = models.BinaryField()
    size_bytes = models.PositiveIntegerField()

    objects = KeptQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        return f"/diagnose/kept/{self.id}/"
