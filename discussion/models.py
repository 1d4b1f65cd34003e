"""What people say of a case or a strategy: comments in a tree, in CommonMark."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models import Document
from catalog.models.text import seen_by


class CommentQuerySet(models.QuerySet["Comment"]):
    def visible_to(self, user: Any) -> CommentQuerySet:
        """A comment is seen by whoever may see what it is about."""
        return self.filter(seen_by(user, "document__"))

    def about(self, document: Document) -> CommentQuerySet:
        """What was said of a document; of a case also what was said of the strategies that serve it."""
        documents = models.Q(document=document)
        if document.kind == "case":
            documents |= models.Q(document__strategy__servings__case=document.pk)
        return self.filter(documents).distinct()

    def in_order(self) -> CommentQuerySet:
        return self.select_related("author", "document__strategy", "document__case").order_by("id")


class Comment(models.Model):
    MAX_CHARACTERS = 20_000

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="comments")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField(max_length=MAX_CHARACTERS)
    created_at = models.DateTimeField(db_default=Now())

    objects = CommentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["document", "id"], name="comment_of_document")]

    def __str__(self) -> str:
        return f"comment {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{self.document.get_absolute_url()}#c{self.pk}"
