"""What keeps a discussion in order: flags that readers set, and locks."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models import Document
from discussion.models.comments import Comment


class Flag(models.Model):
    """Somebody asks a moderator to look at a comment. `settled_at`: one has looked."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="flags")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "by"], name="flag_once")]


class Lock(models.Model):
    """No more is said of a document until the lock is taken away."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="lock")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
