"""What KCIDB messages said of each object: they are merged by id, whichever comes first."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from people.models import User
from reports.models.reports import Report


class KcidbObject(models.Model):
    """A checkout, build or test, with all that the machines of one person said of it.

    `said` has the fields that are read, `by` the report that each came from, as hex digits: of two words the one of the
    later report stands, in whatever order they are filed. `parent` is the object above; `report` the latest that spoke
    of it, in which a test counts. Another person's objects of the same id are others: nobody renames a lab's kernels.
    """

    class Kind(models.TextChoices):
        CHECKOUTS = "checkouts"
        BUILDS = "builds"
        TESTS = "tests"

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    name = models.CharField(max_length=361)
    parent = models.CharField(max_length=361, blank=True)
    said = models.JSONField()
    by = models.JSONField()
    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="kcidb_objects")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "kind", "name"], name="kcidb_object"),
            models.CheckConstraint(condition=Q(kind__in=["checkouts", "builds", "tests"]), name="kcidb_kind_known"),
        ]
        indexes = [models.Index(fields=["owner", "kind", "parent"], name="kcidb_below")]

    def __str__(self) -> str:
        return self.name
