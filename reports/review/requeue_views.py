"""What maintainers do to reports: requeue one or many, erase one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from people.access.person import demand
from reports.intake.bell import bell, ring_acts
from reports.models import Report
from reports.review import takedown
from reports.worker import filters, requeue
from reports.worker.requeue import Chosen

_REFUSED = "This is for maintainers."


@require_POST
@login_required
def again(request: HttpRequest) -> HttpResponse:
    """Requeues the reports that the filter picks, or with `report`, that one."""
    person = demand(request, "reingest", _REFUSED)
    one = request.POST.get("report", "")
    pick = filters.read(request.POST)
    chosen = Chosen(reports=(one,) if _is_uuid(one) else ()) if one else Chosen(pick=pick.address)
    number = requeue.ask(chosen, person, why=one or pick.address)
    if number:
        bell.ring()
        ring_acts()
    messages.success(request, f"{number} report{'s' if number != 1 else ''} will be read again.")
    return redirect("report", one) if one and number else redirect(f"/reports/?{pick.address}")


@require_POST
@login_required
def erase(request: HttpRequest, report: UUID) -> HttpResponse:
    person = demand(request, "erase", _REFUSED)
    row = get_object_or_404(Report, pk=report)
    why = request.POST.get("why", "").replace("\x00", "").strip()
    if not why:
        messages.error(request, "Say why it is taken down.")
    else:
        takedown.erase(row, person, why)
        messages.success(request, "It is erased. That it was received stays in the ledger.")
    return redirect("report", report)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
