"""The truth of the catalog: documents, and every text that they ever had."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from people.models import may


class State(models.TextChoices):
    DRAFT = "draft"
    PUBLISHED = "published"


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: Any) -> DocumentQuerySet:
        return self.filter(seen_by(user))


def seen_by(user: Any, prefix: str = "") -> Q:
    """The one rule of what is public: what is published; drafts for editors only. `prefix` leads to the document."""
    return Q() if may(user, "see drafts") else Q(**{f"{prefix}state": State.PUBLISHED})


class Document(models.Model):
    """A case or a strategy, whatever its text says today."""

    KINDS = [("case", "case"), ("strategy", "strategy")]

    kind = models.CharField(max_length=8, choices=KINDS)
    slug = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PUBLISHED)
    current = models.ForeignKey("Revision", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    objects = DocumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "slug"], name="document_slug"),
            models.CheckConstraint(condition=Q(kind__in=["case", "strategy"]), name="document_kind_known"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="document_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"

    def get_absolute_url(self) -> str:
        return f"/cases/{self.slug}/" if self.kind == "case" else f"/strategies/{self.slug}/"


class Origin(models.TextChoices):
    FILE = "file"
    SITE = "site"


class Revision(models.Model):
    """One text that a document had. `base` is the number of the revision that its author started from."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    n = models.PositiveIntegerField()
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="revisions")
    origin = models.CharField(max_length=4, choices=Origin.choices)
    base = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "n"], name="revision_number"),
            models.CheckConstraint(condition=Q(n__gte=1), name="revision_number_from_1"),
            models.CheckConstraint(condition=Q(origin__in=Origin.values), name="revision_origin_known"),
        ]

    def __str__(self) -> str:
        return f"{self.document} @{self.n}"
