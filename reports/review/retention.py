"""What is no longer needed of refused reports, of shared texts and of results with an address. Never evidence, nor a
report that counts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from people.models import Standing
from reports.diagnose import sharing
from reports.models import Kept, Payload, Report, Shared, State


def refused(before: datetime) -> QuerySet[Report]:
    """Of machines that nobody trusts; not what a person judged while it was read."""
    rejected = Report.objects.filter(state=State.REJECTED, received_at__lt=before, judgments=None)
    return rejected.exclude(machine__standing=Standing.TRUSTED)


def refused_bytes(before: datetime) -> QuerySet[Payload]:
    """Bodies that were turned away at the door. What was acknowledged first may be readable to a later release."""
    return Payload.objects.filter(report__state=State.REJECTED, report__format="", report__received_at__lt=before)


def waiting(before: datetime) -> QuerySet[Shared]:
    return Shared.objects.filter(decided_at=None, at__lt=before)


def expire(shares: QuerySet[Shared]) -> int:
    """Their senders are told by the page of each, for as long as that is kept."""
    return shares.update(decided_at=timezone.now(), answer=sharing.EXPIRED, body=None, sender="")


def decided(before: datetime) -> QuerySet[Shared]:
    """Not what was taken in of somebody who has a name: it tells that the report's text is theirs to see."""
    return Shared.objects.filter(Q(report=None) | Q(person=None), decided_at__lt=before)


def kept(before: datetime) -> QuerySet[Kept]:
    return Kept.objects.filter(at__lt=before)
