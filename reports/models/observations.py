"""What reports say, and which cases that was attached to."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.models import Case, KernelBuild
from catalog.models.text import in_catalog
from catalog.models.told import told
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import MOVERS, OUTCOMES, Word, look_up
from people.models import Machine, Standing
from reports.models.judgments import Judgment
from reports.models.reports import Report


class Observation(models.Model):
    """One thing that a report says. `key` is stable inside the report. `beside` is what its sender keeps with it: an
    id, the address of its log. See diagnosis.matching.observation."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="observations", db_index=False)
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=16)
    names = models.CharField(max_length=200, blank=True)
    build = models.ForeignKey(KernelBuild, on_delete=models.PROTECT, related_name="+")
    architecture = models.CharField(max_length=32)
    mover = models.CharField(max_length=32, blank=True)
    migrate_mode = models.CharField(max_length=20, blank=True)
    area = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=16, blank=True)
    outcome = models.CharField(max_length=16)
    freed_seconds = models.FloatField(null=True)
    fingerprint = models.CharField(max_length=16)
    says = models.CharField(max_length=300, blank=True, db_default="")
    marks = ArrayField(models.CharField(max_length=200), default=list, db_default=[])
    beside = models.JSONField(default=dict, db_default={})
    is_matched = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "key"], name="observation_key"),
            *told("observation", "kind", "mover", "migrate_mode", "area", "environment", "outcome"),
        ]
        indexes = [
            models.Index("fingerprint", models.F("id").desc(), name="observation_alike"),
            # Empty once everything was read by a release that knows one word for each: see worker.kernel_builds.
            models.Index(
                fields=["report"],
                name="observation_misspelt",
                condition=Q(architecture__in=releases.OTHER_ARCHITECTURES),
            ),
        ]

    @property
    def log_url(self) -> str:
        """Where its sender keeps its log; '' for what is no address of the web."""
        told = self.beside.get("log_url")
        return told if isinstance(told, str) and told.startswith(("https://", "http://")) else ""

    @property
    def outcome_word(self) -> Word:
        return look_up(OUTCOMES, self.outcome)

    @property
    def mover_word(self) -> Word:
        return look_up(MOVERS, self.mover)


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def visible_to(self, user: Any) -> EvidenceQuerySet:
        return self.filter(in_catalog(user, "case__document__"))

    def counted(self) -> EvidenceQuerySet:
        """What the tallies add up: what trusted machines sent, as far as that is counted, and no person has refuted."""
        up_to, from_ = models.F("machine__uncounted_after"), models.F("machine__uncounted_until")
        is_counted = Q(machine__uncounted_until=None) | Q(id__lte=up_to) | Q(id__gt=from_)
        return self.filter(is_counted, machine__standing=Standing.TRUSTED).unrefuted()

    def unrefuted(self) -> EvidenceQuerySet:
        refuted = Judgment.objects.filter(
            report=models.OuterRef("report"), key=models.OuterRef("key"), case=models.OuterRef("case"), stands=False
        )
        return self.exclude(models.Exists(refuted))

    def for_rows(self) -> EvidenceQuerySet:
        """With all that a row of a list shows."""
        return self.select_related("build", "machine", "case", "report")


class Evidence(models.Model):
    """An observation attached to a case, with the rule that did it and the reason. Its key: (report, key, case).

    It repeats what a tally's key needs, so that adding up reads one table. `worked_…`: see matching.observation.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="evidence", db_index=False)
    key = models.CharField(max_length=100)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="evidence", db_index=False)
    rule = models.CharField(max_length=40)
    reason = models.CharField(max_length=400)
    build = models.ForeignKey(KernelBuild, on_delete=models.PROTECT, related_name="+")
    architecture = models.CharField(max_length=32)
    mover = models.CharField(max_length=32, blank=True)
    area = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=16, blank=True)
    kind = models.CharField(max_length=16)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, related_name="+", db_index=False)
    outcome = models.CharField(max_length=16)
    freed_seconds = models.FloatField(null=True)
    worked_before = models.BooleanField(null=True)
    worked_while_held = models.BooleanField(null=True)
    worked_after = models.BooleanField(null=True)
    seen_at = models.DateTimeField()

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(fields=["report", "key", "case"], name="evidence_key"),
            *told("evidence", "kind", "mover", "area", "environment", "outcome"),
        ]
        indexes = [
            models.Index(fields=["case", "-seen_at", "-id"], name="evidence_newest"),
            models.Index(fields=["machine", "id"], name="evidence_of_machine"),
            models.Index(fields=["report"], name="evidence_ruled", condition=Q(rule="ruled")),
        ]

    @property
    def outcome_word(self) -> Word:
        return look_up(OUTCOMES, self.outcome)

    @property
    def mover_word(self) -> Word:
        return look_up(MOVERS, self.mover)
