"""HTTP in: authentication, size, decoding, the envelope. Everything after that is the worker's."""

from __future__ import annotations

import copy
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from diagnosis.formats import envelope
from diagnosis.formats.faults import Fault
from diagnosis.formats.format import Format
from diagnosis.words.vocabulary import ENVIRONMENTS
from people.access.authentication import BearerToken, sender_with
from people.models import Scope
from reports.intake import batch, decompression, inbox, on_behalf, quotas, receipts
from reports.intake.bell import bell
from reports.intake.formats import registry
from reports.intake.refusals import Refusal
from reports.intake.submission import GIVEN, Sending, given_in, key_in
from rest import fast_post, problems
from rest.fast_post import FastPostView

_RUN_ID = {"type": "string", "pattern": "^[A-Za-z0-9._:-]{8,100}$"}


def _pattern(name: str) -> dict[str, str]:
    return {"type": "string", "pattern": f"^{GIVEN[name][0].pattern}$"}


_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
ENCODING = OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["identity", "gzip", "zstd"])
BYTES = "application/octet-stream"
_KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)
_RUN = OpenApiParameter("Run-Id", _RUN_ID, OpenApiParameter.HEADER, description="Where the body carries none.")
_MACHINE = OpenApiParameter(
    "machine",
    {"type": "string", "pattern": "^[a-z0-9][a-z0-9._+-]{0,63}$"},
    description="For which machine of the same owner. Needs the scope submit-for; default: the token's own.",
)
_DRY_RUN = OpenApiParameter(
    "dry_run",
    {"type": "string", "enum": ["1"]},
    description="Answers what would become of it, as a `Trial`, and keeps nothing. It counts against the limit.",
)
_OF_THE_KERNEL = {
    "kernel": OpenApiParameter("kernel", _pattern("kernel"), description="What `uname -r` prints."),
    "architecture": OpenApiParameter("architecture", _pattern("architecture"), description="What `uname -m` prints."),
    "label": OpenApiParameter(
        "label", {"type": "string", "maxLength": 80, "minLength": 1}, description="A candidate fix, such as 'fix v3'."
    ),
    "environment": OpenApiParameter("environment", str, enum=list(ENVIRONMENTS)),
}
ANSWERS: Any = {
    202: receipts.Receipt,
    200: receipts.Receipt,
    **dict.fromkeys((400, 401, 403, 411, 413, 415, 422, 429), _PROBLEM),
}


def parameters_of(chosen: Format) -> list[OpenApiParameter]:
    """What a request says beside a body of this format."""
    if chosen.name == envelope.NAME:
        return [_MACHINE, _DRY_RUN, _KEY, ENCODING]
    of_kernel = []
    for name, parameter in _OF_THE_KERNEL.items():
        one = copy.copy(parameter)
        one.required = name in chosen.needs
        of_kernel.append(one)
    return [*of_kernel, _MACHINE, _DRY_RUN, _KEY, _RUN, ENCODING]


class SendView(FastPostView):
    """`format`: what the body is, where the address says it. `dry_run` is for whoever knows the cases: a room above."""

    limit = "send"
    authentication_classes = (BearerToken,)
    format = ""

    def post(self, request: HttpRequest) -> HttpResponse:
        sender = sender_with(request, Scope.SUBMIT)
        media_type, quota = _media_type(request), quotas.of(sender.machine)
        is_trial = request.GET.get("dry_run", "0") != "0"
        try:
            given = given_in(request.GET)
            body = decompression.decoded(_raw(request), request.headers.get("Content-Encoding", "identity"))
            machine = on_behalf.machine_of(sender, request.GET.get("machine", "") or on_behalf.named_in(body))
        except Refusal as refusal:
            if not is_trial:
                quota.reject()
                inbox.reject(sender.machine, media_type, None, refusal)
            raise
        sending = Sending(
            machine=machine,
            body=body,
            media_type=media_type,
            idempotency_key=key_in(request.headers.get("Idempotency-Key")),
            run_id=request.headers.get("Run-Id"),
            format=self.format or request.GET.get("format", ""),
            given=given,
        )
        if is_trial:
            return self.dry_run(sending)
        chosen, quota = registry.of(media_type, sending.format), quotas.of(machine)
        quota.keep(body, chosen.name if chosen else "")
        report, is_new = inbox.take(sending, quota)
        if is_new:
            bell.ring()
        report.machine = machine
        receipt = receipts.receipt(report)
        return fast_post.answer(receipt, 202 if is_new else 200, {"Location": receipt["url"]})

    def dry_run(self, sending: Sending) -> HttpResponse:
        raise NotImplementedError


class BatchView(FastPostView):
    """Answers JSON at the address for clients that are generated; at the older one NDJSON, a line for each line."""

    limit = "batch"
    authentication_classes = (BearerToken,)
    is_lines = False

    @extend_schema(
        operation_id="send_batch",
        request={BYTES: OpenApiTypes.BINARY},
        parameters=[ENCODING],
        responses={
            **dict.fromkeys((200, 202, 207), batch.BatchTold),
            **dict.fromkeys((401, 403, 411, 413, 415, 422, 429), _PROBLEM),
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Keeps up to 10,000 reports in one transaction. One JSON object a line (NDJSON): a native report, or what
        another tool printed: `{"format": "ktap", "run_id": …, "kernel": …, "architecture": …, "body": "…"}`, with
        `label`, `environment` and `machine` where they are known. 207: some lines were not taken."""
        sender = sender_with(request, Scope.SUBMIT)
        media_type, quota = _media_type(request), quotas.of(sender.machine)
        try:
            if media_type not in (batch.MEDIA_TYPE, *([] if self.is_lines else [BYTES])):
                fault = Fault("Content-Type", batch.MEDIA_TYPE, media_type[:80] or "nothing")
                raise Refusal("unknown-media-type", [fault])
            most = decompression.MAX_BATCH_BYTES
            body = decompression.decoded(_raw(request, most), request.headers.get("Content-Encoding", "identity"), most)
            quota.keep(body)
            outcomes = batch.take(sender, body, quota)
        except quotas.OverQuota:
            raise
        except Refusal as refusal:
            quota.reject()
            inbox.reject(sender.machine, media_type, None, refusal)
            raise
        if any(outcome.status == 202 for outcome in outcomes):
            bell.ring()
        status = batch.status(outcomes)
        if self.is_lines:
            lines = "".join(outcome.line_of_answer() for outcome in outcomes)
            return HttpResponse(lines, status=status, content_type=batch.MEDIA_TYPE)
        told = batch.BatchTold(results=[outcome.told() for outcome in outcomes])
        return fast_post.answer(told.shown(), 207 if status == 422 else status, {})


def _media_type(request: HttpRequest) -> str:
    return (request.content_type or "").partition(";")[0].strip().lower()


def _raw(request: HttpRequest, most: int | None = None) -> bytes:
    """The body as sent, read no further than one byte over the limit."""
    if not request.META.get("CONTENT_LENGTH"):
        # A chunked body would be read as an empty one.
        raise Refusal("no-length", [Fault("Content-Length", "the number of bytes", "nothing")])
    return bytes(request.read((most or decompression.MAX_BODY_BYTES) + 1))


def report_schema(request: HttpRequest) -> JsonResponse:
    """The native report as JSON Schema 2020-12, under the address of its version."""
    return JsonResponse({"$schema": "https://json-schema.org/draft/2020-12/schema", **envelope.ENVELOPE.schema})
