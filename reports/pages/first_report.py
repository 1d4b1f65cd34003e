"""From no account to a report that is received: the way in steps, and where one's first report has got to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.models import Case
from reports.models import State
from reports.worker import filters
from rest import parameters

WAITING = (State.RECEIVED, State.INGESTING)


def first_report(request: HttpRequest) -> HttpResponse:
    """With a machine and a run id, what became of that report; loaded again by a link as long as it waits."""
    parameters.demand_known(request, "machine", "run_id", every=())
    pick = filters.read(request.GET)
    found = pick.rows(Case.objects.none()).select_related("machine").first() if pick.run_id and pick.machine else None
    page = {
        "pick": pick,
        "report": found,
        "is_waiting": found is not None and found.state in WAITING,
        "asked": bool(pick.run_id and pick.machine),
        "here": "reports",
    }
    return render(request, "reports/first_report.html", page)
