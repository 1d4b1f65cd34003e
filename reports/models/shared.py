"""Texts that people share without a machine of their own."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from people.models import may
from reports.models.reports import Report


class SharedQuerySet(models.QuerySet["Shared"]):
    def waiting(self) -> SharedQuerySet:
        return self.filter(decided_at=None).select_related("person").order_by("at")


class Shared(models.Model):
    """A text that a person shared from the diagnose page. An editor takes it in, as a report, or turns it down.

    `body`: zstd, as it was pasted; gone once decided, since the report has it then, or nobody needs it any more.
    `sender`: a keyed digest of the person or address that sent it, while it waits: to count by, and to tell nobody.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now())
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="shared")
    release = models.CharField(max_length=120)
    architecture = models.CharField(max_length=32)
    environment = models.CharField(max_length=16)
    note = models.CharField(max_length=500, blank=True)
    sender = models.CharField(max_length=32, blank=True, default="", db_default="")
    body = models.BinaryField(null=True)
    size_bytes = models.PositiveIntegerField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=500, blank=True)
    report = models.OneToOneField(Report, null=True, on_delete=models.SET_NULL, related_name="shared")

    objects = SharedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_at=None, body__isnull=False) | Q(decided_at__isnull=False, body=None),
                name="shared_body_while_waiting",
            )
        ]
        indexes = [models.Index(fields=["at"], name="shared_waiting", condition=Q(decided_at=None))]

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        return f"/shared/{self.id}/"


def may_see_raw(user: Any, report: Report) -> bool:
    """The text as it came is for its sender and for maintainers; everybody else sees the scrubbed one."""
    if not getattr(user, "is_authenticated", False):
        return False
    return (
        may(user, "see raw")
        or report.machine.owner_id == user.pk
        or Shared.objects.filter(report=report, person=user).exists()
    )
