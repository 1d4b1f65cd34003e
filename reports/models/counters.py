"""Lines from which the ledger's counts are added up; see reports.totals.counters."""

from __future__ import annotations

from django.db import models


class LedgerLine(models.Model):
    """How many of a machine's reports entered or left a state in one statement. By triggers: `totals.counters`."""

    state = models.CharField(max_length=10)
    machine_id = models.BigIntegerField(null=True)
    number = models.BigIntegerField()
    received_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.state} {self.number:+}"


class LikenessLine(models.Model):
    """How many unmatched observations that look alike a machine added or lost. By triggers: `totals.counters`."""

    fingerprint = models.CharField(max_length=16)
    machine_id = models.BigIntegerField()
    number = models.BigIntegerField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.fingerprint} {self.number:+}"
