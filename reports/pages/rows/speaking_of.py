"""What some reports speak of: kernels, cases and what was found, for a row of a list each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count

from reports.models import Evidence, Observation, Report


@dataclass
class Spoken:
    """`kernels`: release, label and architecture of what it was measured on, also where no case explains it."""

    kernels: list[tuple[str, str, str]] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many runs, by mover and outcome."""


def of_reports(reports: Iterable[Report], user: Any) -> dict[UUID, Spoken]:
    """Two queries, however many there are."""
    made = {report.pk: Spoken() for report in reports}
    said = Observation.objects.filter(report__in=made).order_by()
    named = ("report", "build__release", "build__label", "architecture", "mover", "outcome")
    for report, release, label, architecture, mover, outcome, number in said.values_list(*named).annotate(Count("pk")):
        kernel = (release, label, architecture)
        if kernel not in made[report].kernels:
            made[report].kernels.append(kernel)
        made[report].outcomes[mover, outcome] += number
    evidence = Evidence.objects.visible_to(user).filter(report__in=made).order_by()
    for report, case in evidence.values_list("report", "case__slug").distinct():
        made[report].cases.append(case)
    for spoken in made.values():
        spoken.kernels.sort()
        spoken.cases.sort()
    return made
