"""Mail threads that were imported: letters in a tree, placeholders for those that did not come yet."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Document, Link
from catalog.models.text import seen_by


def address_of(message_id: str) -> str:
    return f"/mail/{quote(message_id, safe='@')}/"


class MailThreadQuerySet(models.QuerySet["MailThread"]):
    def about(self, document: Document, user: Any) -> MailThreadQuerySet:
        """Threads that were put to a document, or that its text links to; of a case also those of its strategies."""
        documents = Q(pk=document.pk)
        if document.kind == "case":
            documents |= Q(strategy__servings__case=document.pk)
        served = Document.objects.filter(seen_by(user)).filter(documents).values("pk")
        linked = Link.objects.filter(document__in=served, kind="message").values("ref")
        named = Message.objects.filter(message_id__in=linked).values("thread")
        return self.filter(Q(documents__in=served) | Q(pk__in=named)).distinct().order_by("-last_at", "-id")

    def due(self, now: Any) -> MailThreadQuerySet:
        return self.filter(next_fetch_at__lte=now).order_by("next_fetch_at")


class MailThread(models.Model):
    """`skipped`: which mails of the archive's last answer could not be read, and why.

    `next_fetch_at`: when to look for more; None where nobody follows it, or it has fallen asleep."""

    root_id = models.CharField(max_length=250, db_index=True)
    subject = models.CharField(max_length=300)
    documents = models.ManyToManyField(Document, related_name="mail_threads")
    last_at = models.DateTimeField(null=True)
    nr_letters = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    next_fetch_at = models.DateTimeField(null=True, db_index=True)
    fetched_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=300, blank=True, default="")
    skipped = models.CharField(max_length=300, blank=True, default="", db_default="")

    objects = MailThreadQuerySet.as_manager()

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return address_of(self.root_id)


class MessageQuerySet(models.QuerySet["Message"]):
    def without_text(self) -> MessageQuerySet:
        return self.defer("text")


class Message(models.Model):
    thread = models.ForeignKey(MailThread, on_delete=models.CASCADE, related_name="messages")
    message_id = models.CharField(max_length=250, unique=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="answers")
    present = models.BooleanField()
    references = ArrayField(models.CharField(max_length=250), default=list)
    subject = models.CharField(max_length=300, blank=True)
    author_name = models.CharField(max_length=200, blank=True)
    author_address = models.CharField(max_length=250, blank=True)
    recipients = ArrayField(models.CharField(max_length=250), default=list)
    sent_at = models.DateTimeField(null=True)
    text = models.TextField(blank=True)
    is_cut = models.BooleanField(default=False)
    patch_version = models.PositiveSmallIntegerField(null=True)
    patch_number = models.PositiveSmallIntegerField(null=True)
    patch_total = models.PositiveSmallIntegerField(null=True)

    objects = MessageQuerySet.as_manager()

    def __str__(self) -> str:
        return self.message_id

    def get_absolute_url(self) -> str:
        return address_of(self.message_id)


class Trailer(models.Model):
    """Acked-by and its like, as a mail carries it. Not a vote: nothing adds these up."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="trailers")
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=250)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "kind", "address"], name="trailer_once")]
