"""How far followers were told of a case on a line of kernels. Only `reports.worker.news` writes here."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.models.cases import Case


class Course(models.Model):
    """One case on one line of kernels under one mover, area, environment, architecture and kind: none are pooled.

    `settled` are the builds whose runs, together, are what was last told; `newer` are builds after them whose runs do
    not suffice yet. Ids of builds, both bounded, the oldest first. `order` is that of the newest build told of, as
    diagnosis.kernels.releases has it. A line is one of builds whose names can be ordered: `family` tells apart who
    builds kernels whose names hide the patch level. Builds with a label have courses of their own. The words are those
    of totals, which hold the constraints.
    """

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="courses", db_index=False)
    line = models.CharField(max_length=130)
    family = models.CharField(max_length=60, blank=True)
    label = models.CharField(max_length=80, blank=True)
    architecture = models.CharField(max_length=32)
    mover = models.CharField(max_length=32, blank=True)
    area = models.CharField(max_length=32, blank=True)
    environment = models.CharField(max_length=16, blank=True)
    kind = models.CharField(max_length=16)

    settled = ArrayField(models.BigIntegerField(), default=list)
    newer = ArrayField(models.BigIntegerField(), default=list)
    order = ArrayField(models.BigIntegerField(), default=list)
    is_inconclusive = models.BooleanField(default=False)
    nr_turns = models.PositiveIntegerField(default=0)

    KEY = ("case_id", "line", "family", "label", "architecture", "mover", "area", "environment", "kind")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "line", "family", "label", "architecture", "mover", "area", "environment", "kind"],
                name="course_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.case_id} on {self.line}"
