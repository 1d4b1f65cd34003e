"""Which reports are meant: the same words on the page, in its address and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q

from catalog.models.cases import CaseQuerySet
from reports.intake.formats import registry
from reports.models import Evidence, Observation, Report, ReportQuerySet, State


@dataclass(frozen=True)
class Pick:
    """All that is said must hold; '' says nothing. `since` is a day, such as 2026-11-22, in UTC."""

    state: str = ""
    format: str = ""
    since: str = ""
    case: str = ""

    @property
    def says_something(self) -> bool:
        return any(asdict(self).values())

    @property
    def is_of_state_alone(self) -> bool:
        return not (self.format or self.since or self.case)

    @property
    def address(self) -> str:
        return urlencode({name: value for name, value in asdict(self).items() if value})

    def rows(self, cases: CaseQuerySet) -> ReportQuerySet:
        """`cases`: those that whoever asks may know of; to belong to any other is to belong to none."""
        rows = Report.objects.all()
        if self.state:
            rows = rows.filter(state=self.state)
        if self.format:
            rows = rows.filter(format=self.format)
        if self.since:
            rows = rows.filter(received_at__gte=datetime.combine(date.fromisoformat(self.since), time(), UTC))
        if self.case:
            rows = rows.filter(_of_case(self.case, cases))
        return rows


def read(given: Mapping[str, Any]) -> Pick:
    """What an address or a command line says; what it cannot mean is left out."""
    words = {name: str(given.get(name) or "")[:64].replace("\x00", "") for name in ("state", "format", "since", "case")}
    if words["state"] not in State.values:
        words["state"] = ""
    if words["format"] not in registry.FORMATS:
        words["format"] = ""
    try:
        date.fromisoformat(words["since"])
    except ValueError:
        words["since"] = ""
    return Pick(**words)


def _of_case(name: str, cases: CaseQuerySet) -> Q:
    """Attached to this case, or naming it."""
    case = cases.named(name)
    naming = Q(pk__in=Observation.objects.filter(names=name).values("report"))
    return naming | Q(pk__in=Evidence.objects.filter(case=case).values("report")) if case else naming
