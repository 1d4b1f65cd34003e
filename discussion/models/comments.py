"""Comments in a tree, in CommonMark, with every text that they had."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Document
from catalog.models.text import seen_by
from people.models import User, may


class Visibility(models.TextChoices):
    SHOWN = "shown"
    WAITING = "waiting"  # the first comment of a new account, until an editor lets it through
    HIDDEN = "hidden"  # its text is kept for moderators; everybody sees that it was there, and why it is not


class CommentQuerySet(models.QuerySet["Comment"]):
    def visible_to(self, user: Any) -> CommentQuerySet:
        """A comment is seen by whoever may see what it is about; what waits, by its author and by moderators.

        A hidden one is among them, as a place in the tree: its text is shown by `Comment.readable_by` alone.
        """
        seen = self.filter(seen_by(user, "document__"))
        if may(user, "moderate"):
            return seen
        own = Q(author=user) if isinstance(user, User) else Q()
        is_waiting = Q(visibility=Visibility.WAITING)
        return seen.filter(~is_waiting | own) if own else seen.exclude(is_waiting)

    def about(self, document: Document) -> CommentQuerySet:
        """What was said of a document; of a case also what was said of the strategies that serve it."""
        documents = Q(document=document)
        if document.kind == "case":
            documents |= Q(document__strategy__servings__case=document.pk)
        return self.filter(documents).distinct()

    def in_order(self) -> CommentQuerySet:
        return self.select_related("author", "document__strategy", "document__case", "hidden_by").order_by("id")


class Comment(models.Model):
    MAX_CHARACTERS = 20_000

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="comments")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField(max_length=MAX_CHARACTERS)
    created_at = models.DateTimeField(db_default=Now())
    edited_at = models.DateTimeField(null=True)
    nr_earlier = models.PositiveIntegerField(db_default=0)
    visibility = models.CharField(
        max_length=8, choices=Visibility.choices, db_default=Visibility.SHOWN, db_column="standing"
    )
    hidden_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    hidden_why = models.CharField(max_length=300, blank=True, db_default="")
    resolved_at = models.DateTimeField(null=True)
    attached = models.JSONField(null=True, default=None)  # catalog.measured.snapshot.comparison

    objects = CommentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["document", "id"], name="comment_of_document"),
            models.Index(fields=["id"], name="comment_waiting", condition=Q(visibility="waiting")),
            models.Index(fields=["author", "-created_at"], name="comment_of_author"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(visibility__in=Visibility.values), name="comment_standing_known"),
            models.CheckConstraint(
                condition=~Q(visibility="hidden") | (Q(hidden_by__isnull=False) & ~Q(hidden_why="")),
                name="comment_hidden_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"comment {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{self.document.get_absolute_url()}#c{self.pk}"

    @property
    def permalink(self) -> str:
        return f"/c/{self.pk}/"

    def readable_by(self, user: Any) -> bool:
        """Whether the words may be shown to somebody who may see that the comment is there."""
        return self.visibility != Visibility.HIDDEN or may(user, "moderate")


class Earlier(models.Model):
    """A text that a comment had before it was edited. `n` counts from 1."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="earlier")
    n = models.PositiveIntegerField()
    text = models.TextField(max_length=Comment.MAX_CHARACTERS)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "n"], name="earlier_number"),
            models.CheckConstraint(condition=Q(n__gte=1), name="earlier_number_from_1"),
        ]
