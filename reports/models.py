"""Reports as they came, what they say, and what that was attached to. The row is the truth; the broker only rings.

A foreign key has no index of its own where another index begins with it: each costs every report that comes in.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Case, KernelBuild
from catalog.models.text import in_catalog
from catalog.models.told import told
from diagnosis.words.vocabulary import MOVERS, OUTCOMES, Word, look_up
from people.models import Machine, Standing, may


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


class Report(models.Model):
    """One thing that a machine sent: who, when, how large, and how far it has got.

    `sha256` is of the decoded body. `reason` is the problem document of a rejected report; `traceback` is ours,
    of a failed one. `given` is what the request said beside the body (diagnosis.formats.format.Given). `matched_by` is
    the digest of the signatures that it was last matched with. `recorded_at` and `command` are for what this project
    recorded itself, and says so: when, and what measures it again.
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
    reason = models.JSONField(null=True)
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


class LedgerLine(models.Model):
    """How many of a machine's reports came into a state, or left it, by one statement. By triggers only: `counts`."""

    state = models.CharField(max_length=10)
    machine_id = models.BigIntegerField(null=True)
    number = models.BigIntegerField()
    received_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.state} {self.number:+}"


class LikenessLine(models.Model):
    """How many unmatched observations that look alike came from a machine, or went. By triggers only: `counts`."""

    fingerprint = models.CharField(max_length=16)
    machine_id = models.BigIntegerField()
    number = models.BigIntegerField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.fingerprint} {self.number:+}"


class Payload(models.Model):
    """The decoded body, compressed with zstd. A table of its own, so that lists of reports never touch it."""

    report = models.OneToOneField(Report, on_delete=models.CASCADE, primary_key=True, related_name="payload")
    body = models.BinaryField()


class Observation(models.Model):
    """One thing that a report says. `key` is stable inside the report. See diagnosis.matching.observation."""

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
    is_matched = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "key"], name="observation_key"),
            *told("observation", "kind", "mover", "migrate_mode", "area", "environment", "outcome"),
        ]
        indexes = [models.Index("fingerprint", models.F("id").desc(), name="observation_alike")]

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
        refuted = Verdict.objects.filter(
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


class Verdict(models.Model):
    """A person's word on one piece of evidence: it stands, or it does not. Outlives every replay of the report."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="verdicts", db_index=False)
    key = models.CharField(max_length=100)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="verdicts")
    stands = models.BooleanField()
    note = models.CharField(max_length=500, blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="verdicts")
    at = models.DateTimeField(db_default=Now())

    class Meta:
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
