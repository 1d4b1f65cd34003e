"""How many boots of guests had a conclusive run of a case. The lab sends a report a boot for each case and mover."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Count

from diagnosis.words.vocabulary import CONCLUSIVE
from reports.models import Evidence


def count_boots(cases: Collection[str], user: Any) -> dict[tuple[str, str, str], tuple[int, int]]:
    """For catalog.measured.waits.boots: by case, release and mover, on kernels without a label."""
    found = (
        Evidence.objects.visible_to(user)
        .counted()
        .filter(case__slug__in=cases, kind="run", environment="guest", outcome__in=CONCLUSIVE, build__label="")
        .order_by()
        .values("case__slug", "build__release", "mover")
        .annotate(runs=Count("pk"), boots=Count("report", distinct=True))
    )
    return {(one["case__slug"], one["build__release"], one["mover"]): (one["runs"], one["boots"]) for one in found}
