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
    PROPOSED = "proposed"
    PUBLISHED = "published"
    DECLINED = "declined"


# Public at their own address and in the list of proposals, but no part of the catalog until an editor takes them over.
PROPOSALS = (State.PROPOSED, State.DECLINED)


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: Any) -> DocumentQuerySet:
        return self.filter(seen_by(user))


def seen_by(user: Any, prefix: str = "") -> Q:
    """The one rule of what is public: everything but drafts, which editors see. `prefix` leads to the document."""
    return Q() if may(user, "see drafts") else ~Q(**{f"{prefix}state": State.DRAFT})


def in_catalog(user: Any, prefix: str = "") -> Q:
    """What this person sees of the catalog: what was proposed is no part of it yet."""
    return seen_by(user, prefix) & ~Q(**{f"{prefix}state__in": PROPOSALS})


def owns_names(prefix: str = "") -> Q:
    """Documents whose text an editor made or took over. Nothing else is recognised in reports, or owns a name."""
    state = f"{prefix}state"
    return Q(**{state: State.PUBLISHED}) | Q(**{state: State.DRAFT, f"{prefix}endorsed": True})


class Document(models.Model):
    """A case or a strategy, whatever its text says today.

    `endorsed` tells a draft of editors from a declined proposal that they hid: both are drafts to everybody else.
    """

    KINDS = [("case", "case"), ("strategy", "strategy")]

    kind = models.CharField(max_length=8, choices=KINDS)
    slug = models.CharField(max_length=64)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PUBLISHED)
    endorsed = models.BooleanField(default=True, db_default=True)
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

    @property
    def owns_names(self) -> bool:
        """As `owns_names` asks the database."""
        return self.state == State.PUBLISHED or (self.state == State.DRAFT and self.endorsed)

    @property
    def is_reviewed(self) -> bool:
        """Whether an editor stands behind it; the other states are said wherever the document is shown."""
        return self.state == State.PUBLISHED


class Origin(models.TextChoices):
    FILE = "file"
    SITE = "site"


class RevisionQuerySet(models.QuerySet["Revision"]):
    def visible_to(self, user: Any) -> RevisionQuerySet:
        """Of documents that this person sees, what was not written in a draft."""
        seen = self.filter(seen_by(user, "document__"))
        return seen if may(user, "see drafts") else seen.filter(in_draft=False)


class Revision(models.Model):
    """One text that a document had. `base` is the number of the revision that its author started from.

    `in_draft` stays when the draft is published, except on the text that is published then: what was taken out of a
    draft beforehand is nobody else's to see.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    n = models.PositiveIntegerField()
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="revisions")
    origin = models.CharField(max_length=4, choices=Origin.choices)
    base = models.PositiveIntegerField(null=True)
    note = models.CharField(max_length=200, blank=True, db_default="")
    in_draft = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    objects = RevisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "n"], name="revision_number"),
            models.CheckConstraint(condition=Q(n__gte=1), name="revision_number_from_1"),
            models.CheckConstraint(condition=Q(origin__in=Origin.values), name="revision_origin_known"),
        ]

    def __str__(self) -> str:
        return f"{self.document} @{self.n}"


class LoadedFile(models.Model):
    """The text of a document's file as it was last taken in: the base on which file and site are merged."""

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="loaded_file")
    text = models.TextField()

    def __str__(self) -> str:
        return f"file of {self.document}"


class UnsavedQuerySet(models.QuerySet["Unsaved"]):
    def visible_to(self, user: Any) -> UnsavedQuerySet:
        """One's own; all of them for who may see drafts."""
        return self if may(user, "see drafts") else self.filter(author_id=user.pk)


class Unsaved(models.Model):
    """What somebody is still writing at a document: one text a person, which need not parse yet."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="unsaved")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="unsaved")
    text = models.TextField()
    base = models.PositiveIntegerField()
    kept_at = models.DateTimeField()

    objects = UnsavedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "author"], name="unsaved_once")]

    def __str__(self) -> str:
        return f"{self.author}'s text of {self.document}"
