"""What was measured, added up. Only `reports.totals.tallies` writes here, with the evidence, in one transaction."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse

from catalog.models.cases import Case
from catalog.models.text import in_catalog
from catalog.models.told import told
from diagnosis.words.vocabulary import OUTCOMES
from people.models import Machine


class KernelBuildQuerySet(models.QuerySet["KernelBuild"]):
    def visible_to(self, user: Any) -> KernelBuildQuerySet:
        """On which something public was measured."""
        return self.filter(Exists(Total.objects.visible_to(user).filter(build=OuterRef("pk"))))


class KernelBuild(models.Model):
    """One kernel as it names itself (`uname -r`), and the label that its tester gave it ('fix v3', mostly '')."""

    release = models.CharField(max_length=120)
    label = models.CharField(max_length=80, blank=True)

    objects = KernelBuildQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "label"], name="kernel_build")]

    def __str__(self) -> str:
        return f"{self.release} + {self.label}" if self.label else self.release

    def get_absolute_url(self) -> str:
        address = reverse("kernel", args=[self.release])
        return f"{address}?{urlencode({'label': self.label})}" if self.label else address


class TallyQuerySet(models.QuerySet["Tally"]):
    def visible_to(self, user: Any) -> TallyQuerySet:
        return self.filter(in_catalog(user, "case__document__"))


class Tally(models.Model):
    """How often one thing was seen under one full key. Runs count, never pages.

    `histogram` counts the runs with a known time until freed, by `histogram.bucket`. `since` is when it was first seen
    here, which feeds tell of. `worked`: in how many runs the operation as a whole worked and in how many it was tried,
    before, then while the folio was held, then after.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="tallies", db_index=False)
    build = models.ForeignKey(KernelBuild, on_delete=models.PROTECT, related_name="tallies")
    architecture = models.CharField(max_length=32)
    mover = models.CharField(max_length=32)
    area = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, related_name="tallies")
    outcome = models.CharField(max_length=16)

    runs = models.PositiveIntegerField()
    last_seen_at = models.DateTimeField()
    worked = ArrayField(models.PositiveIntegerField(), db_default=[0] * 6)
    since = models.DateTimeField(db_default=Now())
    histogram = ArrayField(models.PositiveIntegerField())

    objects = TallyQuerySet.as_manager()

    KEY = ("case", "build", "architecture", "mover", "area", "environment", "kind", "machine", "outcome")

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(
                fields=["case", "build", "architecture", "mover", "area", "environment", "kind", "machine", "outcome"],
                name="tally_key",
            ),
            models.CheckConstraint(condition=Q(runs__gte=1), name="tally_counts_something"),
            *told("tally", "mover", "area", "environment", "kind", "outcome"),
        ]


class TotalQuerySet(models.QuerySet["Total"]):
    def visible_to(self, user: Any) -> TotalQuerySet:
        return self.filter(in_catalog(user, "case__document__"))


class Total(models.Model):
    """The tallies of one key without machine and outcome, added up. What pages read, but for what names a machine.

    `runs` are by outcome, in the order of OUTCOMES; `held` and `conclusive` are of these runs. `histogram`
    is of the runs that held, `worked` of the conclusive ones. A conclusive machine had a conclusive run. `news_at` is
    when an outcome was first seen here that had not been seen before.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="totals", db_index=False)
    build = models.ForeignKey(KernelBuild, on_delete=models.PROTECT, related_name="totals")
    architecture = models.CharField(max_length=32)
    mover = models.CharField(max_length=32)
    area = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)

    runs = ArrayField(models.PositiveIntegerField())
    held = models.PositiveIntegerField()
    conclusive = models.PositiveIntegerField()
    nr_machines = models.PositiveIntegerField(db_default=0)
    nr_conclusive_machines = models.PositiveIntegerField(db_default=0)
    last_seen_at = models.DateTimeField()
    news_at = models.DateTimeField()
    histogram = ArrayField(models.PositiveIntegerField())
    worked = ArrayField(models.PositiveIntegerField())

    objects = TotalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "build", "architecture", "mover", "area", "environment", "kind"], name="total_key"
            ),
            *told("total", "mover", "area", "environment", "kind"),
        ]
        indexes = [models.Index(fields=["-news_at"], name="total_news")]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many runs came to which outcome, of those that were seen."""
        return {outcome: runs for outcome, runs in zip(OUTCOMES, self.runs, strict=False) if runs}
