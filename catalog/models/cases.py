"""Columns of a case, for lists, facets and search. All of it is rebuilt from the text by `projection`."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from catalog.models.text import Document, in_catalog, seen_by
from diagnosis.words.vocabulary import (
    CLAIM_STANDINGS,
    EFFECTS,
    KINDS,
    LINK_KINDS,
    MANNERS,
    MECHANISMS,
    STANDINGS,
    STATUSES,
    Word,
    look_up,
)

# What somebody still has to do something about; `fixed` and `by_design` are settled.
OPEN = ("open", "mitigated", "partially_fixed")


class Subsystem(models.Model):
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=300)

    def __str__(self) -> str:
        return self.name


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, user: Any, proposals: bool = False) -> CaseQuerySet:
        """The catalog's cases. What was proposed is none yet: it is there only where it is asked for, and marked."""
        return self.filter((seen_by if proposals else in_catalog)(user, "document__"))

    def named(self, name: str) -> Case | None:
        """The case with this slug, or with this alias."""
        return self.filter(aliases__slug=name).first()

    def for_list(self) -> CaseQuerySet:
        """With everything that a row of the catalog shows."""
        return self.select_related("document").prefetch_related("effects", "subsystems").order_by("slug")

    def for_drawing(self) -> CaseQuerySet:
        """With their names and texts alone: a drawing of all cases needs no more."""
        text = self.select_related("document__current").order_by("slug")
        return text.only("slug", "short", "title", "document__current__text")

    def for_page(self) -> CaseQuerySet:
        return self.select_related("document__current__author")


class Case(models.Model):
    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True)
    slug = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=300)
    short = models.CharField(max_length=48, blank=True, db_default="")
    summary = models.TextField()
    kind = models.CharField(max_length=16)
    status = models.CharField(max_length=20)
    parent_slug = models.CharField(max_length=64, blank=True)
    mechanism = models.CharField(max_length=32)
    mechanisms = ArrayField(models.CharField(max_length=32))
    controllers = ArrayField(models.CharField(max_length=32))
    time_bound = models.CharField(max_length=16)
    areas = ArrayField(models.CharField(max_length=32))
    test_names = ArrayField(models.CharField(max_length=300))
    probe = models.CharField(max_length=64, blank=True)
    subsystems = models.ManyToManyField(Subsystem, related_name="cases")

    objects = CaseQuerySet.as_manager()

    class Meta:
        indexes = [
            GinIndex(fields=["mechanisms"], name="case_mechanisms"),
            GinIndex(fields=["controllers"], name="case_controllers"),
        ]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return f"/cases/{self.slug}/"

    @property
    def name(self) -> str:
        """The short name, or the title of a case that has none."""
        return self.short or self.title

    @property
    def status_word(self) -> Word:
        return look_up(STATUSES, self.status)

    @property
    def kind_word(self) -> Word:
        return look_up(KINDS, self.kind)

    @property
    def mechanism_word(self) -> Word:
        return look_up(MECHANISMS, self.mechanism)


class Alias(models.Model):
    """Every name a case answers to, its own slug among them, so that no two cases can share one."""

    slug = models.CharField(max_length=64, primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="aliases")

    def __str__(self) -> str:
        return f"{self.slug} -> {self.case_id}"


class Effect(models.Model):
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="effects")
    effect = models.CharField(max_length=32)
    manner = models.CharField(max_length=32)
    standing = models.CharField(max_length=16)

    @property
    def effect_word(self) -> Word:
        return look_up(EFFECTS, self.effect)

    @property
    def manner_word(self) -> Word:
        return look_up(MANNERS, self.manner)

    @property
    def standing_word(self) -> Word:
        return look_up(STANDINGS, self.standing)


class Claim(models.Model):
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="claims")
    key = models.CharField(max_length=64)
    text = models.TextField()
    standing = models.CharField(max_length=16)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "key"], name="claim_key")]

    @property
    def standing_word(self) -> Word:
        return look_up(CLAIM_STANDINGS, self.standing)


class Link(models.Model):
    """A link of any document, findable by what it points at."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(max_length=16)
    ref = models.CharField(max_length=300, db_index=True)
    title = models.CharField(max_length=300)

    @property
    def kind_word(self) -> Word:
        return look_up(LINK_KINDS, self.kind)
