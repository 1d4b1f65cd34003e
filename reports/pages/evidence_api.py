"""The evidence of a case over REST, and which of it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case
from reports.intake import receipts
from reports.models import Evidence
from reports.pages.reports_api import described
from reports.worker import filters
from reports.worker.filters import Pick
from rest import paging, parameters, problems
from rest.document.shapes import page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
NAMES = ("machine", "run_id", "kernel", "label", "outcome", "since")
_SINCE = OpenApiParameter("since", str, description="Seen at this time or later: a day in UTC, or an RFC 3339 time.")


class CaseEvidenceView(APIView):
    @extend_schema(
        operation_id="case_evidence",
        parameters=[*described(*NAMES[:-1]), _SINCE, *paging.PARAMETERS],
        responses={200: page_of(receipts.EvidenceTold, "Evidence"), 400: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, slug: str) -> Response:
        """The evidence of a case, newest first. A page of a narrow filter may have fewer rows than asked for, or none:
        follow `next`, as long as there is one."""
        parameters.demand_known(request, *NAMES)
        pick = filters.read(request.query_params, blank=False)
        case = Case.objects.visible_to(request.user).named(slug)
        if case is None:
            raise Http404("There is no such case.")
        rows = Evidence.objects.visible_to(request.user).filter(case=case)
        return paging.answer(
            request,
            since(rows, pick).for_rows(),
            ("-seen_at", "-id"),
            receipts.evidence,
            kept=(lambda rows: kept(rows, pick)) if pick.said.keys() - {"since"} else None,
        )


def since(rows: Any, pick: Pick) -> Any:
    return rows.filter(seen_at__gte=pick.since_at) if pick.since else rows


def kept(rows: QuerySet[Evidence], pick: Pick) -> QuerySet[Evidence]:
    """Of `rows` those of which all but `since` holds."""
    if pick.machine:
        rows = rows.filter(machine__name=pick.machine)
    if pick.run_id:
        run = Pick(run_id=pick.run_id)
        rows = rows.filter(report__in=list(run.rows(Case.objects.none()).values_list("pk", flat=True)))
    if pick.kernel or pick.label:
        rows = rows.filter(build__in=pick.builds())
    return rows.filter(outcome=pick.outcome) if pick.outcome else rows
