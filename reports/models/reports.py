"""Reports as they came, and how far each has got. The row is the truth; the broker only rings."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from people.models import Machine


class State(models.TextChoices):
    RECEIVED = "received"
    INGESTING = "ingesting"
    SETTLED = "settled"
    REJECTED = "rejected"
    FAILED = "failed"
    ERASED = "erased"


class Turn(models.IntegerChoices):
    """In which order waiting reports are claimed; within a turn the oldest first."""

    TRIED = 0
    FRESH = 1
    REPLAYED = 2


class ReportQuerySet(models.QuerySet["Report"]):
    def newest(self) -> ReportQuerySet:
        return self.select_related("machine").order_by("-received_at", "-id")

    def to_be_read(self) -> ReportQuerySet:
        """With their bytes, and with what a worker asks of them: to make rows of all columns takes it longer than to
        read what was sent. Two queries: machines are few."""
        wanted = ("machine", "received_at", "format", "given", "size_bytes", "recorded_at", "turn", "settled_at")
        return self.select_related("payload").only(*wanted, "payload__body").prefetch_related("machine")


class Report(models.Model):
    """One thing that a machine sent: who, when, how large, and how far it has got.

    `sha256` is of the decoded body. `reason` is the problem document of a rejected report; `traceback` is ours,
    of a failed one. `given` is what the request said beside the body (diagnosis.formats.format.Given). `matched_by` is
    the digest of the signatures that it was last matched with. `notes`: of what became no observation,
    as codes of diagnosis.formats.format.NOTES with numbers. `origin`: where it came from, as its sender says
    (diagnosis.formats.envelope.ORIGIN), redacted. `recorded_at` and `command` are for what this project recorded
    itself, and says so: when, and what measures it again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, related_name="reports", db_index=False)
    received_at = models.DateTimeField(db_default=Now())
    media_type = models.CharField(max_length=80)
    format = models.CharField(max_length=40, blank=True)
    given = models.JSONField(default=dict)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    run_id = models.CharField(max_length=100, null=True)
    idempotency_key = models.CharField(max_length=200, null=True)
    recorded_at = models.DateTimeField(null=True)
    command = models.CharField(max_length=300, blank=True, db_default="")

    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    turn = models.PositiveSmallIntegerField(choices=Turn.choices, default=Turn.FRESH)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_id = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    nr_observations = models.PositiveIntegerField(default=0)
    nr_unmatched = models.PositiveIntegerField(default=0)
    matched_by = models.CharField(max_length=16, blank=True)
    notes = models.JSONField(default=list, db_default=[])
    reason = models.JSONField(null=True)
    origin = models.JSONField(default=dict, db_default={})
    traceback = models.TextField(blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["machine", "run_id"], name="report_run_id"),
            models.UniqueConstraint(fields=["machine", "idempotency_key"], name="report_idempotency_key"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="report_state_known"),
            models.CheckConstraint(
                condition=Q(claim_id=None, claimed_at=None) | Q(claim_id__isnull=False, claimed_at__isnull=False),
                name="report_claim_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state="ingesting") | Q(claim_id__isnull=False), name="report_ingesting_claimed"
            ),
            models.CheckConstraint(
                condition=~Q(state="settled") | Q(settled_at__isnull=False), name="report_settled_when"
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | Q(reason__isnull=False), name="report_rejected_why"
            ),
            models.CheckConstraint(
                condition=Q(recorded_at=None, command="") | Q(recorded_at__isnull=False) & ~Q(command=""),
                name="report_recorded_how",
            ),
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="report_newest"),
            models.Index(fields=["machine", "-received_at"], name="report_of_machine"),
            models.Index(fields=["state", "-received_at"], name="report_by_state"),
            models.Index(fields=["settled_at"], name="report_settled", condition=Q(settled_at__isnull=False)),
            models.Index(fields=["turn", "received_at", "id"], name="report_queue", condition=Q(state="received")),
            models.Index(fields=["claimed_at"], name="report_in_work", condition=Q(state="ingesting")),
            models.Index(
                fields=["matched_by"], name="report_unmatched", condition=Q(state="settled", nr_unmatched__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        return f"/reports/{self.id}/"

    @property
    def seen_at(self) -> datetime:
        """When somebody saw what it says, as near as is known: a recorded one was read in long after."""
        return self.recorded_at or self.received_at


class Payload(models.Model):
    """The decoded body, compressed with zstd. A table of its own, so that lists of reports never touch it."""

    report = models.OneToOneField(Report, on_delete=models.CASCADE, primary_key=True, related_name="payload")
    body = models.BinaryField()


class Requeue(models.Model):
    """Reports that somebody wants read again, while not all of them are back in the queue. See reports.worker.requeue.

    `chosen` says which. Those up to `cursor`, by id, are in the queue: `nr_done` of them were at rest.
    """

    at = models.DateTimeField(db_default=Now())
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=100)
    chosen = models.JSONField()
    cursor = models.UUIDField(null=True)
    nr_done = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.why
