"""Who is told by mail of what was said, and what was sent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Document
from people.models import Event


class Subscription(models.Model):
    """Somebody wants mail of what is said of a document; of a case also what is said of its strategies."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="subscriptions")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "document"], name="subscribed_once")]


class Notice(models.Model):
    """One mail to one person about one line of the journal: noted first, then sent, so that none is lost."""

    MOST_TRIES = 5

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    was_named = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "user"], name="notice_once")]
        indexes = [models.Index(fields=["next_try_at"], name="notice_due", condition=Q(settled_at=None))]


class Follower(models.Model):
    """How far somebody has read in the journal: up to `place`. `transaction` and `event` said it until November 2026,
    and are there for workers of the release before."""

    name = models.CharField(max_length=40, primary_key=True)
    transaction = models.BigIntegerField(default=0)
    event = models.BigIntegerField(default=0)
    place = models.BigIntegerField(default=0, db_default=0)
