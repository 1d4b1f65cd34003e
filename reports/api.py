"""HTTP in: authentication, size, decoding, the envelope. Everything after that is the worker's."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case
from diagnosis.faults import Fault
from diagnosis.formats import envelope
from people.authentication import sender_with
from people.models import Scope
from reports import decoding, inbox, receipts
from reports.models import Evidence, Report
from reports.refusals import Refusal
from reports.tasks import bell
from rest import paging, problems

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class ReportsView(APIView):
    @extend_schema(
        operation_id="send_report",
        request={"application/json": OpenApiRequest(envelope.ENVELOPE.schema)},
        parameters=[
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
            OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["identity", "gzip", "zstd"]),
        ],
        responses={
            202: receipts.SCHEMA,
            200: receipts.SCHEMA,
            **dict.fromkeys((401, 403, 411, 413, 415, 422), _PROBLEM),
        },
    )
    def post(self, request: Request) -> Response:
        """Keeps a report. 202: it is safe, and will be read. 200: it was sent before; here is the old receipt."""
        sender = sender_with(request, Scope.SUBMIT)
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        try:
            body = decoding.decoded(_raw(request), request.headers.get("Content-Encoding", ""))
        except Refusal as refusal:
            inbox.reject(sender.machine, media_type, None, refusal)
            raise
        sending = inbox.Sending(sender.machine, body, media_type, request.headers.get("Idempotency-Key"))
        report, is_new = inbox.take(sending)
        if is_new:
            bell.ring()
        answer = receipts.receipt(report)
        return Response(answer, status=202 if is_new else 200, headers={"Location": answer["url"]})


def _raw(request: Request) -> bytes:
    """The body as sent, read no further than one byte over the limit."""
    if not request.META.get("CONTENT_LENGTH"):
        # A chunked body would be read as an empty one.
        raise Refusal("no-length", [Fault("Content-Length", "the number of bytes", "nothing")])
    return bytes(request._request.read(decoding.MAX_BODY_BYTES + 1))


class ReportView(APIView):
    @extend_schema(operation_id="report", responses={200: receipts.SCHEMA, 404: _PROBLEM})
    def get(self, request: Request, report: UUID) -> Response:
        """Where a report stands, what it was attached to, and why."""
        row = Report.objects.select_related("machine").filter(pk=report).first()
        if row is None:
            raise Http404("There is no such report.")
        return Response(receipts.receipt(row, request.user))


class CaseEvidenceView(APIView):
    @extend_schema(
        operation_id="case_evidence",
        parameters=paging.PARAMETERS,
        responses={200: paging.schema(receipts.EVIDENCE), 400: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, slug: str) -> Response:
        """The evidence of a case, newest first."""
        case = Case.objects.visible_to(request.user).named(slug)
        if case is None:
            raise Http404("There is no such case.")
        rows = Evidence.objects.visible_to(request.user).filter(case=case).for_rows()
        return paging.answer(request, rows, ("-seen_at", "-id"), receipts.evidence)
