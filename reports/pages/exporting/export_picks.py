"""Of an export what is new, or what fits; and whether it is still what somebody has.

`since` is when a report was settled, not when it was seen: what is read again, or comes in late, is new to a mirror.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Max, Q, Sum
from django.http import HttpRequest

from catalog.models import Case, Document, Tally
from people.models import Machine
from reports.models import Evidence, Report
from reports.worker import filters
from reports.worker.filters import Pick
from rest import etags, parameters

OF_EVIDENCE = ("machine", "run_id", "kernel", "label", "case", "outcome", "since")


def read(request: HttpRequest, *names: str) -> Pick:
    """What the address says of an export that takes these. Raises `rest.parameters.Wrong`."""
    parameters.demand_known(request, *names, every=())
    return filters.read(request.GET, blank=False)


def evidence(pick: Pick, user: Any) -> Any:
    """The evidence that `user` may see, of reports that were settled since."""
    rows = Evidence.objects.visible_to(user)
    if pick.since:
        rows = rows.filter(report__settled_at__gte=pick.since_at)
    if pick.machine:
        rows = rows.filter(machine__name=pick.machine)
    if pick.run_id:
        run = Pick(run_id=pick.run_id)
        rows = rows.filter(report__in=list(run.rows(Case.objects.none()).values_list("pk", flat=True)))
    if pick.kernel or pick.label:
        rows = rows.filter(build__in=pick.builds())
    if pick.case:
        rows = rows.filter(case=Case.objects.visible_to(user).named(pick.case))
    return rows.filter(outcome=pick.outcome) if pick.outcome else rows


def reports(pick: Pick, user: Any) -> Any:
    """Reports that came or were settled since, of which the rest holds."""
    others = Pick(**{**pick.said, "since": ""})
    rows = others.rows(Case.objects.visible_to(user))
    if pick.since:
        rows = rows.filter(Q(received_at__gte=pick.since_at) | Q(settled_at__gte=pick.since_at))
    return rows


def tag_of(request: HttpRequest, rows: Any) -> str:
    """Of what the rows say, and what machines and public documents say of them. Weak: of the meaning, whatever the
    encoding. Rows are counted, as the newest number alone would miss one that was committed late."""
    model, documents = rows.model, Document.objects.visible_to(AnonymousUser()).order_by("pk")
    told: dict[str, Any] = {"rows": Count("pk"), "newest": Max("pk")}
    if model is Report:
        told |= {"newest": Max("received_at"), "settled": Max("settled_at"), "tries": Sum("attempts")}
    if model is Tally:
        told |= {"runs": Sum("runs"), "last": Max("last_seen_at")}
    states = (
        list(rows.order_by().values_list("state").annotate(Count("pk")).order_by("state")) if model is Report else []
    )
    return "W/" + etags.tag(
        request.get_full_path(),
        settings.COMMIT,
        sorted(rows.order_by().aggregate(**told).items()),
        list(states),
        list(Machine.objects.order_by("pk").values_list("pk", "standing")),
        list(documents.values_list("pk", "slug", "state", "current__n")),
    )
