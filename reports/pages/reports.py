"""The ledger in the browser: every report, picked by the address."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.models import Case
from people.models import may
from reports.intake.formats import registry
from reports.intake.refusals import KINDS
from reports.models import Evidence, Report, State
from reports.pages.ledger import ledger
from reports.totals import counters
from reports.worker import filters, requeue


def reports(request: HttpRequest) -> HttpResponse:
    pick = filters.read(request.GET)
    pages = Paginator(pick.rows(Case.objects.visible_to(request.user, proposals=True)).newest(), 50)
    if pick.is_of_state_alone:  # known already: counting a million rows touches every one
        known = counters.by_state()
        pages.count = known[pick.state] if pick.state else sum(known.values())
    rows = pages.get_page(request.GET.get("page"))
    may_replay = may(request.user, "reingest")
    page = {
        "rows": rows,
        "lines": _rows(list(rows), request.user),
        "ledger": ledger(),
        "pick": pick,
        "formats": registry.FORMATS.values(),
        "states": State.values,
        "may_replay": may_replay,
        "nr_to_queue": requeue.nr_left_of_all() if may_replay else 0,
        "may_judge": may(request.user, "judge"),
        "here": "reports",
    }
    return render(request, "reports/reports.html", page)


@dataclass(frozen=True)
class Row:
    """A row of the ledger: the report, the kernels that it was measured on, and the cases that it speaks of."""

    report: Report
    kernels: list[str]
    cases: list[str]


def _rows(rows: list[Report], user: Any) -> list[Row]:
    """One query for all of them."""
    evidence = Evidence.objects.visible_to(user).filter(report__in=[row.pk for row in rows]).order_by()
    said = set(evidence.values_list("report", "build__release", "build__label", "case__slug").distinct())
    kernels: dict[UUID, set[str]] = defaultdict(set)
    cases: dict[UUID, set[str]] = defaultdict(set)
    for report, release, label, case in said:
        kernels[report].add(f"{release} + {label}" if label else release)
        cases[report].add(case)
    return [Row(row, sorted(kernels[row.pk]), sorted(cases[row.pk])) for row in rows]


def problems(request: HttpRequest) -> HttpResponse:
    return render(request, "reports/problems.html", {"kinds": KINDS.items(), "here": "api"})
