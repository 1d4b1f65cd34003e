"""Which messages of the log are old. What waits is none of them: it is tried for a day, and then given up."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from webhooks.models import Delivery


def deliveries(before: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(created_at__lt=before).exclude(state=Delivery.State.WAITING)
