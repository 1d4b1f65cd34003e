"""What search finds. `catalog.search.index` writes an entry whenever its subject changes, and can rebuild all."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F

from catalog.models.text import Document, in_catalog


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible_to(self, user: Any) -> EntryQuerySet:
        """An entry is seen by whoever may see the document that it belongs to, once that is part of the catalog."""
        return self.filter(in_catalog(user, "document__"))


class Entry(models.Model):
    """One thing to be found: a document (`key` ''), or something said about it (`key` its name within).

    `prose` knows English, and finds `migrating` by `migrate`; `exact` has every word as it is written, in lower
    case, with symbols whole. Both weigh A for titles and names, B for summaries, C for the text, D for sources.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="entries")
    key = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=16)
    address = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    body = models.TextField()
    prose = SearchVectorField()
    exact = SearchVectorField()

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "entries"
        constraints = [models.UniqueConstraint(fields=["document", "key"], name="entry_key")]
        indexes = [
            GinIndex(fields=["prose"], name="entry_prose", fastupdate=False),
            GinIndex(fields=["exact"], name="entry_exact", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} {self.key}".strip()


class Word(models.Model):
    """Every word that any entry has or had, to find what a misspelt one was meant to be.

    Words of drafts are here too: whoever reads this asks as well whether an entry that the reader may see has it.
    """

    text = models.CharField(max_length=200, primary_key=True)

    class Meta:
        indexes = [GinIndex(OpClass(F("text"), name="gin_trgm_ops"), name="word_spelling", fastupdate=False)]

    def __str__(self) -> str:
        return self.text
