"""Mail that came in by an address of ours: kept whole, with what became of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Document
from discussion.models.comments import Comment


class Incoming(models.Model):
    """`to`: the person to whom the address was given; `document`: what it is an answer about.

    Taken, it is `comment`. Waiting, it came from an address that is not proved to be that person's: an editor looks.
    `text` is what is shown of it, without signature and the quote below.
    """

    class Fate(models.TextChoices):
        TAKEN = "taken", "taken as a comment"
        WAITING = "waiting", "waits for an editor"
        LET_THROUGH = "let_through", "let through"
        DECLINED = "declined", "declined"
        IGNORED = "ignored", "ignored"
        BOUNCE = "bounce", "came back"

    message_id = models.CharField(max_length=250)
    document = models.ForeignKey(Document, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    to = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    author_name = models.CharField(max_length=200, blank=True)
    author_address = models.CharField(max_length=250, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    text = models.TextField(blank=True)
    raw = models.BinaryField()
    fate = models.CharField(max_length=11, choices=Fate.choices)
    why = models.CharField(max_length=300, blank=True)
    comment = models.ForeignKey(Comment, null=True, on_delete=models.SET_NULL, related_name="mails")
    received_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "incoming"
        constraints = [
            models.UniqueConstraint(
                fields=["document", "message_id"],
                name="incoming_once",
                condition=Q(fate__in=["taken", "waiting", "let_through", "declined"]),
            ),
            models.CheckConstraint(
                condition=Q(fate__in=["taken", "waiting", "let_through", "declined", "ignored", "bounce"]),
                name="incoming_fate_known",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="incoming_waiting", condition=Q(fate="waiting")),
            models.Index(fields=["received_at"], name="incoming_old"),
        ]

    def __str__(self) -> str:
        return self.message_id
