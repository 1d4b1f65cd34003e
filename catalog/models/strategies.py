"""Columns of a strategy. All of it is rebuilt from the text by `projection`."""

from __future__ import annotations

from typing import Any

from django.db import models

from catalog.models.cases import Case
from catalog.models.text import Document, in_catalog
from diagnosis.words.vocabulary import APPROACHES, STRATEGY_EFFECTS, STRATEGY_STATES, Word, look_up


class StrategyQuerySet(models.QuerySet["Strategy"]):
    def visible_to(self, user: Any) -> StrategyQuerySet:
        return self.filter(in_catalog(user, "document__"))

    def for_list(self) -> StrategyQuerySet:
        return self.select_related("document__current").prefetch_related("servings__case").order_by("title")

    def for_page(self) -> StrategyQuerySet:
        return self.select_related("document__current__author")


class Strategy(models.Model):
    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True)
    slug = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=300)
    summary = models.TextField()
    approach = models.CharField(max_length=32)
    state = models.CharField(max_length=16)
    version = models.PositiveSmallIntegerField(null=True)

    objects = StrategyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "strategies"

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return f"/strategies/{self.slug}/"

    @property
    def approach_word(self) -> Word:
        return look_up(APPROACHES, self.approach)

    @property
    def state_word(self) -> Word:
        return look_up(STRATEGY_STATES, self.state)


class Serving(models.Model):
    """A case that a strategy speaks of. The case may not be in the catalog yet: then only its slug is known."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="servings")
    case_slug = models.CharField(max_length=64, db_index=True)
    case = models.ForeignKey(Case, null=True, on_delete=models.SET_NULL, related_name="servings")
    effect = models.CharField(max_length=16)
    why = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["strategy", "case_slug"], name="serving_once")]

    @property
    def effect_word(self) -> Word:
        return look_up(STRATEGY_EFFECTS, self.effect)
