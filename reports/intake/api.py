"""HTTP in: authentication, size, decoding, the envelope. Everything after that is the worker's."""

from __future__ import annotations

import json
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case
from diagnosis.formats import envelope
from diagnosis.formats.faults import Fault
from diagnosis.words.vocabulary import ENVIRONMENTS
from people.access.authentication import BearerToken, sender_with
from people.models import Scope
from reports.intake import batch, decompression, inbox, quotas, receipts
from reports.intake.bell import bell
from reports.intake.formats import registry
from reports.intake.refusals import Refusal
from reports.intake.submission import GIVEN, Sending, given_in, key_in
from reports.models import Evidence, Report
from rest import fast_post, paging, problems
from rest.fast_post import FastPostView

_RUN_ID = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{8,100}$"}


def _pattern(name: str) -> dict[str, str]:
    return {"type": "string", "pattern": f"^{GIVEN[name][0].pattern}$"}


_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
_ENCODING = OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["identity", "gzip", "zstd", ""])
_OUTCOMES = OpenApiResponse({"type": "string"}, "One outcome a line, as NDJSON.")
_TEXT = OpenApiRequest({"type": "string"})
_JSON = OpenApiRequest({"description": "JSON of this format, or of the one that `format` names."})
_BODIES = {
    **{kind: _JSON if kind.endswith("json") else _TEXT for kind in registry.MEDIA_TYPES},
    envelope.MEDIA_TYPE: OpenApiRequest(envelope.ENVELOPE.schema),
}


class ReportsView(FastPostView):
    limit = "send"
    authentication_classes = (BearerToken,)

    @extend_schema(
        operation_id="send_report",
        request=_BODIES,
        parameters=[
            OpenApiParameter("format", str, enum=list(registry.FORMATS), description="Default: by Content-Type."),
            OpenApiParameter("kernel", _pattern("kernel"), description="`uname -r`, for formats that do not name it."),
            OpenApiParameter("architecture", _pattern("architecture"), description="`uname -m`, likewise."),
            OpenApiParameter(
                "label",
                {"type": "string", "maxLength": 80, "minLength": 1},
                description="A candidate fix, such as 'fix v3'.",
            ),
            OpenApiParameter("environment", str, enum=list(ENVIRONMENTS)),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER),
            OpenApiParameter("Run-Id", _RUN_ID, OpenApiParameter.HEADER, description="Where the body carries none."),
            _ENCODING,
        ],
        responses={
            202: receipts.SCHEMA,
            200: receipts.SCHEMA,
            **dict.fromkeys((401, 403, 411, 413, 415, 422, 429), _PROBLEM),
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Keeps a report. 202: it is safe, and will be read. 200: it was sent before; here is the old receipt."""
        sender = sender_with(request, Scope.SUBMIT)
        media_type, quota = _media_type(request), quotas.of(sender.machine)
        try:
            given = given_in(request.GET)
            body = decompression.decoded(_raw(request), request.headers.get("Content-Encoding", ""))
        except Refusal as refusal:
            quota.reject()
            inbox.reject(sender.machine, media_type, None, refusal)
            raise
        chosen = registry.of(media_type, request.GET.get("format", ""))
        quota.keep(body, chosen.name if chosen else "")
        sending = Sending(
            machine=sender.machine,
            body=body,
            media_type=media_type,
            idempotency_key=key_in(request.headers.get("Idempotency-Key")),
            run_id=request.headers.get("Run-Id"),
            format=request.GET.get("format", ""),
            given=given,
        )
        report, is_new = inbox.take(sending, quota)
        if is_new:
            bell.ring()
        receipt = receipts.receipt(report)
        return fast_post.answer(receipt, 202 if is_new else 200, {"Location": receipt["url"]})


class BatchView(FastPostView):
    limit = "batch"
    authentication_classes = (BearerToken,)

    @extend_schema(
        operation_id="send_batch",
        request={batch.MEDIA_TYPE: _TEXT},
        parameters=[_ENCODING],
        responses={
            **{(status, batch.MEDIA_TYPE): _OUTCOMES for status in (200, 202, 207, 422)},
            **{(status, problems.MEDIA_TYPE): _PROBLEM for status in (401, 403, 411, 413, 415, 422, 429)},
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Keeps up to 10,000 native reports, one a line, in one transaction. 207: some lines were not taken."""
        sender = sender_with(request, Scope.SUBMIT)
        media_type, quota = _media_type(request), quotas.of(sender.machine)
        try:
            if media_type != batch.MEDIA_TYPE:
                fault = Fault("Content-Type", batch.MEDIA_TYPE, media_type[:80] or "nothing")
                raise Refusal("unknown-media-type", [fault])
            most = decompression.MAX_BATCH_BYTES
            body = decompression.decoded(_raw(request, most), request.headers.get("Content-Encoding", ""), most)
            quota.keep(body)
            outcomes = batch.take(sender.machine, body, quota)
        except quotas.OverQuota:
            raise
        except Refusal as refusal:
            quota.reject()
            inbox.reject(sender.machine, media_type, None, refusal)
            raise
        if any(outcome.status == 202 for outcome in outcomes):
            bell.ring()
        lines = "".join(json.dumps(outcome.document()) + "\n" for outcome in outcomes)
        return HttpResponse(lines, status=batch.status(outcomes), content_type=batch.MEDIA_TYPE)


def _media_type(request: HttpRequest) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _raw(request: HttpRequest, most: int | None = None) -> bytes:
    """The body as sent, read no further than one byte over the limit."""
    if not request.META.get("CONTENT_LENGTH"):
        # A chunked body would be read as an empty one.
        raise Refusal("no-length", [Fault("Content-Length", "the number of bytes", "nothing")])
    return bytes(request.read((most or decompression.MAX_BODY_BYTES) + 1))


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


def report_schema(request: HttpRequest) -> JsonResponse:
    """The native report as JSON Schema 2020-12, under the address of its version."""
    return JsonResponse({"$schema": "https://json-schema.org/draft/2020-12/schema", **envelope.ENVELOPE.schema})
