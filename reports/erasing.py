"""Takedown: what a report said is gone for good; that it was received stays, so that the ledger still adds up."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from people import journal
from people.models import User
from reports import evidence
from reports.models import Payload, Report, State, Verdict


@transaction.atomic
def erase(report: Report, person: User, why: str) -> None:
    """Takes away bytes, observations, evidence and verdicts. A worker that is at it finds its claim gone.

    The run id stays: sending the same again gives the old receipt, not a new report.
    """
    Report.objects.select_for_update(no_key=True).get(pk=report.pk)
    evidence.detach(report)
    Verdict.objects.filter(report=report).delete()
    Payload.objects.filter(report=report).delete()
    Report.objects.filter(pk=report.pk).update(
        state=State.ERASED,
        claim_id=None,
        claimed_at=None,
        settled_at=timezone.now(),
        given={},
        reason=None,
        traceback="",
        nr_observations=0,
        nr_unmatched=0,
    )
    journal.record("report.erased", "report", str(report.pk), person, why=why[:500])
