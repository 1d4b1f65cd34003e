"""What people say of evidence and of what no case explains."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Case
from reports.models.reports import Report


class Judgment(models.Model):
    """A person's word on one piece of evidence: it stands, or it does not. Outlives every replay of the report."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="judgments", db_index=False)
    key = models.CharField(max_length=100)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="judgments")
    stands = models.BooleanField()
    note = models.CharField(max_length=500, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="judgments")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "reports_verdict"  # its name before: workers of the previous release still ask for it
        constraints = [models.UniqueConstraint(fields=["report", "key", "case"], name="verdict_key")]


class RulingQuerySet(models.QuerySet["Ruling"]):
    def visible_to(self, user: Any) -> RulingQuerySet:
        return self.filter(Q(case=None) | Q(case__in=Case.objects.visible_to(user)))


class Ruling(models.Model):
    """An editor's word on everything that looks alike: observations of one fingerprint that no signature recognises.

    NOISE: of no interest. CASE: they are this case, and become its evidence. Taking the row away undoes it.
    """

    class Word(models.TextChoices):
        NOISE = "noise"
        CASE = "case"

    fingerprint = models.CharField(max_length=16, primary_key=True)
    word = models.CharField(max_length=8, choices=Word.choices)
    case = models.ForeignKey(Case, null=True, on_delete=models.CASCADE, related_name="rulings")
    note = models.CharField(max_length=500, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rulings")
    at = models.DateTimeField(db_default=Now())

    objects = RulingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(word="noise", case=None) | Q(word="case", case__isnull=False), name="ruling_whole"
            )
        ]

    def __str__(self) -> str:
        return f"{self.fingerprint}: {self.case or self.word}"
