"""Whether what was asked for worked as a whole: the block went offline, the CMA or order-9 allocation succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from diagnosis import releases
from diagnosis.vocabulary import ENVIRONMENTS, MOVERS, OPERATIONS, Word
from reports.models import Evidence


@dataclass(frozen=True)
class Share:
    """In how many runs it worked, of how many that tried."""

    worked: int
    tried: int

    def __str__(self) -> str:
        return f"{self.worked} of {self.tried}" if self.tried else "not tried"


@dataclass(frozen=True)
class Row:
    """One operation on one build and architecture, in one kind of place."""

    kernel: str
    architecture: str
    environment: Word
    operation: Word
    before: Share
    while_held: Share
    after: Share


_WHEN = ("before", "while_held", "after")
_BY = ("build__release", "build__label", "architecture", "environment", "mover")


def of_case(case_id: int, user: Any) -> list[Row]:
    """Newest kernel first. One query."""
    counts = {
        f"{when}_{said}": Count("pk", filter=Q(**{f"worked_{when}__in": values}))
        for when in _WHEN
        for said, values in (("worked", [True]), ("tried", [True, False]))
    }
    found = Evidence.objects.visible_to(user).operations().filter(case=case_id).order_by(*_BY)
    rows = list(found.values(*_BY).annotate(**counts))
    rows.sort(key=lambda row: releases.read(row["build__release"]).order, reverse=True)
    return [_row(row) for row in rows]


def _row(row: dict[str, Any]) -> Row:
    label = row["build__label"]
    return Row(
        row["build__release"] + (f" + {label}" if label else ""),
        row["architecture"],
        ENVIRONMENTS[row["environment"]],
        OPERATIONS.get(row["mover"]) or MOVERS[row["mover"]],
        *(Share(row[f"{when}_worked"], row[f"{when}_tried"]) for when in _WHEN),
    )
