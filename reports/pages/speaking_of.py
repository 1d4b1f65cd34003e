"""What some reports speak of: kernels and cases, for a row of a list each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from reports.models import Evidence, Observation, Report


@dataclass
class Spoken:
    """`kernels`: release, label and architecture of what it was measured on, also where no case explains it."""

    kernels: list[tuple[str, str, str]] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)


def of_reports(reports: Iterable[Report], user: Any) -> dict[UUID, Spoken]:
    """Two queries, however many there are."""
    made = {report.pk: Spoken() for report in reports}
    said = Observation.objects.filter(report__in=made).order_by()
    kernels = said.values_list("report", "build__release", "build__label", "architecture").distinct()
    for report, release, label, architecture in kernels:
        made[report].kernels.append((release, label, architecture))
    evidence = Evidence.objects.visible_to(user).filter(report__in=made).order_by()
    for report, case in evidence.values_list("report", "case__slug").distinct():
        made[report].cases.append(case)
    for spoken in made.values():
        spoken.kernels.sort()
        spoken.cases.sort()
    return made
