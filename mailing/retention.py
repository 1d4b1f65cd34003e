"""Which rows of the outbox are old. What is in doubt stays until a maintainer has looked."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from mailing.models import Notice


def notices(before: datetime) -> QuerySet[Notice]:
    return Notice.objects.filter(settled_at__lt=before).exclude(state=Notice.State.IN_DOUBT)
