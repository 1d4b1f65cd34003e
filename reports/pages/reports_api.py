"""The ledger over REST: one's own reports found again, and one by its id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import RootModel
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.measured.as_json import kernel_told
from catalog.models import Case
from diagnosis.formats import envelope
from diagnosis.formats.format import Format
from reports.intake import receipts
from reports.intake.api import ANSWERS, BYTES, SendView, parameters_of
from reports.intake.submission import Sending
from reports.models import Report
from reports.pages import dry_run
from reports.pages.rows import speaking_of
from reports.worker import filters
from rest import fast_post, paging, parameters, problems
from rest.document.shapes import page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
SAYS = {
    "state": "How far it has got.",
    "format": "What it was sent as.",
    "since": "Received at this time or later: a day in UTC, or an RFC 3339 time.",
    "case": "Attached to this case; where there is no such case, naming it.",
    "machine": "Sent by, or for, this machine.",
    "run_id": "With this run id.",
    "kernel": "With a result of this kernel: what `uname -r` prints.",
    "label": "With a result of this label.",
    "outcome": "With a result of this outcome. Kernel, label, case and outcome must hold of one result.",
}


def described(*names: str) -> list[OpenApiParameter]:
    """The filters of these names, for the OpenAPI document."""
    made = []
    for name in names:
        pattern, expected = filters.WORDS[name]
        of: dict[str, Any] = {"type": "string", "pattern": f"^(?:{pattern.pattern})$"}
        if expected.startswith("one of "):
            of = {"type": "string", "enum": expected.removeprefix("one of ").split(", ")}
        made.append(OpenApiParameter(name, of, description=SAYS[name]))
    return made


class ReceiptOrTrial(RootModel[receipts.Receipt | dry_run.Trial]):
    pass


_ANSWERS: Any = {**ANSWERS, 200: ReceiptOrTrial}


class SendingView(SendView):
    def dry_run(self, sending: Sending) -> HttpResponse:
        return fast_post.answer(dry_run.trial(sending).shown(), 200, {"Cache-Control": "no-store"})


def at_own_address(chosen: Format) -> type[SendingView]:
    """A format's own operation: of one with several kinds of body no generator makes a call."""
    kind = next((one for one in chosen.media_types if one.endswith("json")), BYTES)
    of: Any = {"type": "object", "additionalProperties": True} if kind != BYTES else OpenApiTypes.BINARY

    class View(SendingView):
        format = chosen.name

        @extend_schema(
            operation_id=f"send_{chosen.name.replace('-', '_')}",
            description=f"Keeps a report: {chosen.title}. With the answers of a native one.",
            request={kind: of},
            parameters=parameters_of(chosen),
            responses=_ANSWERS,
        )
        def post(self, request: HttpRequest) -> HttpResponse:
            return super().post(request)

    return View


class ReportsView(SendingView):
    """Sends by POST, which costs a `send`, and lists by GET, which costs a `read`."""

    @extend_schema(
        operation_id="send_report",
        request={envelope.MEDIA_TYPE: {"title": "NativeReport", **envelope.ENVELOPE.schema}},
        parameters=parameters_of(envelope.FORMAT),
        responses=_ANSWERS,
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Keeps a report. 202: it is safe, and will be read. 200: it was sent before; here is the old receipt. Other
        formats have addresses below this one; by their media types they are taken here too."""
        return super().post(request)

    @property
    def limit(self) -> str:  # type: ignore[override]
        return "send" if self.request.method == "POST" else "read"

    @extend_schema(
        operation_id="reports",
        parameters=[*described(*filters.NAMES), *paging.PARAMETERS],
        responses={200: page_of(receipts.ListedReport, "Report"), 400: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Every report, newest first. A page of a narrow filter may have fewer rows than asked for, or none: follow
        `next`, as long as there is one."""
        parameters.demand_known(request, *filters.NAMES)
        pick = filters.read(request.query_params, blank=False)
        cases = Case.objects.visible_to(request.user, proposals=True)
        spoken: dict[UUID, speaking_of.Spoken] = {}
        return paging.answer(
            request,
            pick.base(cases).select_related("machine"),
            ("-received_at", "-id"),
            lambda row: listed(row, spoken[row.pk]),
            kept=lambda rows: pick.kept(rows, cases),
            prepared=lambda page: spoken.update(speaking_of.of_reports(page, request.user)),
        )


def listed(row: Report, spoken: speaking_of.Spoken) -> dict[str, Any]:
    kernels = [kernel_told(*kernel) for kernel in spoken.kernels]
    return receipts.ListedReport(**receipts.told(row), kernels=kernels, cases=spoken.cases).shown()


class ReportView(APIView):
    @extend_schema(operation_id="report", responses={200: receipts.Receipt, 404: _PROBLEM})
    def get(self, request: Request, report: UUID) -> Response:
        """Where a report stands, what it was attached to, and why."""
        parameters.demand_known(request, every=())
        row = Report.objects.select_related("machine").filter(pk=report).first()
        if row is None:
            raise Http404("There is no such report.")
        return Response(receipts.receipt(row, request.user))
