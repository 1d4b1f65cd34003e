"""Takedown: what a report said is gone for good; that it was received stays, so that the ledger still adds up."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from people import journal
from people.models import User
from reports.models import Judgment, Payload, Report, Shared, State
from reports.worker import evidence, kcidb_objects


@transaction.atomic
def erase(report: Report, person: User, why: str) -> None:
    """Takes away bytes, observations, evidence, judgments, and what was said where somebody shared the text. A worker
    that is at it finds its claim gone.

    Run id and digest stay in the row, so that sending the same again gives the old receipt and not a new report; they
    are shown nowhere any more.
    """
    kcidb_objects.forget(report)
    Report.objects.select_for_update(no_key=True).get(pk=report.pk)
    evidence.detach(report)
    Judgment.objects.filter(report=report).delete()
    Payload.objects.filter(report=report).delete()
    Report.objects.filter(pk=report.pk).update(
        state=State.ERASED,
        claim_id=None,
        claimed_at=None,
        settled_at=timezone.now(),
        given={},
        origin={},
        size_bytes=0,
        reason=None,
        traceback="",
        nr_observations=0,
        nr_unmatched=0,
    )
    Shared.objects.filter(report=report).update(release="erased", architecture="", environment="", note="", answer="")
    journal.record("report.erased", "report", str(report.pk), person, why=why[:500])
