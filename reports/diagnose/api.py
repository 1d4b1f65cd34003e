"""Diagnose for programs: a text in, JSON out. No token, nothing stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.formats.faults import Fault
from diagnosis.rules.verdict import PROVED, Command, Reason
from diagnosis.text.record import KINDS, Place, Record
from reports.diagnose.reading import MOST_RECORDS, RECORDS
from reports.diagnose.with_catalog import Diagnosed, Found, diagnosed
from reports.intake import decompression
from reports.intake.refusals import Refusal
from rest import problems

_PLACE = {
    "type": "object",
    "description": "Lines and columns count from 1.",
    "properties": {name: {"type": "integer"} for name in ("line", "column", "length")},
}
_REASON = {
    "type": "object",
    "required": ["text", "places"],
    "properties": {"text": {"type": "string"}, "places": {"type": "array", "items": _PLACE}},
}
_COMMAND = {"type": "object", "properties": {"run": {"type": "string"}, "tells": {"type": "string"}}}
_STRINGS = {"type": "array", "items": {"type": "string"}}
MATCH: dict[str, Any] = {
    "type": "object",
    "required": ["case", "kind", "reasons", "finding"],
    "properties": {
        "case": {"type": "string", "description": "The slug of the case."},
        "kind": {
            "type": "string",
            "enum": ["mechanism", "candidate"],
            "description": "mechanism: the text proves this case. candidate: it may be the holder.",
        },
        "title": {"type": "string"},
        "page": {"type": "string", "format": "uri"},
        "finding": {"type": "integer", "description": "The index of the finding that it may explain."},
        "reasons": {"type": "array", "items": _REASON},
        "against": {"type": "array", "items": _REASON},
        "tell": {"type": "array", "items": _COMMAND, "description": "What would tell it from the others."},
        "affected": {"type": "string", "description": "Of the text's kernel; absent where that is not known."},
    },
}
FINDING: dict[str, Any] = {
    "type": "object",
    "required": ["mechanism", "proved", "is_look_alike", "sentence", "reasons", "fingerprint", "records"],
    "properties": {
        "mechanism": {"type": "string", "description": "A word of the vocabulary; '' for none of the known."},
        "proved": {"type": "boolean"},
        "is_look_alike": {"type": "boolean"},
        "sentence": {"type": "string"},
        "rule": {"type": "string"},
        "manner": {"type": "string"},
        "mover": {"type": "string"},
        "area": {"type": "string"},
        "unknown": _STRINGS,
        "reasons": {"type": "array", "items": _REASON},
        "fingerprint": {"type": "string"},
        "records": {"type": "array", "items": {"type": "integer"}},
        "sources": {"type": "array", "items": {"type": "object"}},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["summary", "findings", "matches", "records", "now", "capture", "nr_lines", "is_cut"],
    "properties": {
        "summary": {"type": "string"},
        "kernel": {"type": "string", "description": "Absent where neither the text nor the sender says it."},
        "findings": {"type": "array", "items": FINDING},
        "matches": {"type": "array", "items": MATCH, "description": "Best first."},
        "records": {"type": "array", "items": {"type": "object"}},
        "now": {"type": "array", "items": _REASON},
        "capture": {"type": "array", "items": _COMMAND},
        "nr_lines": {"type": "integer"},
        "is_cut": {"type": "boolean", "description": "More was there than is read at once."},
    },
}


class DiagnoseView(APIView):
    limit = "diagnose"

    @extend_schema(
        operation_id="diagnose",
        request={"text/plain": OpenApiRequest({"type": "string", "minLength": 1})},
        parameters=[
            OpenApiParameter("kernel", str, description="What `uname -r` prints, where the text does not say it."),
            OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["identity", "gzip", "zstd", ""]),
        ],
        responses={200: SCHEMA, **dict.fromkeys((411, 413, 415, 422), OpenApiResponse(problems.SCHEMA))},
    )
    def post(self, request: Request) -> Response:
        """Which mechanism holds the memory, proved or not, and who may be the holder. Nothing is stored."""
        if not request.META.get("CONTENT_LENGTH"):
            raise Refusal("no-length", [Fault("Content-Length", "the number of bytes", "nothing")])
        raw = request._request.read(decompression.MAX_BODY_BYTES + 1)
        body = decompression.unpacked(decompression.decoded(raw, request.headers.get("Content-Encoding", "")))
        if not body:
            raise Refusal("no-text", [Fault("", "a kernel log, a page dump, a stack or a trace", "nothing")])
        return Response(_document(diagnosed(body, request.user, request.query_params.get("kernel", "")[:200], RECORDS)))


def _document(made: Diagnosed) -> dict[str, Any]:
    diagnosis = made.diagnosis
    document: dict[str, Any] = {
        "summary": diagnosis.summary,
        "findings": [_finding(one) for one in made.found],
        "matches": [match for number, one in enumerate(made.found) for match in _matches(number, one)],
        "records": [_record(record) for record in diagnosis.records],
        "now": [_reason(reason) for reason in diagnosis.now],
        "capture": [asdict(command) for command in diagnosis.capture],
        "nr_lines": diagnosis.nr_lines,
        "is_cut": diagnosis.is_cut or made.told.nr_records > MOST_RECORDS,
    }
    if made.release:
        document["kernel"] = made.release
    return document


def _finding(one: Found) -> dict[str, Any]:
    verdict = one.finding.verdict
    return {
        **{name: getattr(verdict, name) for name in ("mechanism", "proved", "is_look_alike", "sentence", "rule")},
        **{name: word for name in ("manner", "mover", "area") if (word := getattr(verdict, name))},
        "unknown": list(verdict.unknown),
        "reasons": [_reason(reason) for reason in verdict.reasons],
        "sources": [asdict(source) for source in verdict.sources],
        "fingerprint": one.finding.fingerprint,
        "records": list(one.finding.records)[:MOST_RECORDS],
    }


def _matches(number: int, one: Found) -> list[dict[str, Any]]:
    made = []
    for possible in one.candidates:
        candidate = possible.candidate
        match: dict[str, Any] = {
            "case": candidate.case,
            "kind": "mechanism" if candidate.standing == PROVED else "candidate",
            "title": candidate.title,
            "page": f"{settings.SITE_URL}{possible.case.get_absolute_url()}",
            "finding": number,
            "reasons": [_reason(reason) for reason in candidate.support],
            "against": [_reason(reason) for reason in candidate.contradiction],
            "tell": [_command(command) for command in candidate.tell],
        }
        if possible.answer:
            match["affected"] = possible.answer.answer.verdict
        made.append(match)
    return made


def _record(record: Record) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "called": KINDS[record.kind],
        "values": [
            {"name": value.name, "text": value.text, **_place(value.place)}
            | ({} if value.number is None else {"number": value.number})
            for value in record.values
        ],
        "frames": [frame.function for frame in record.frames],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"text": reason.text, "places": [_place(place) for place in reason.places]}


def _place(place: Place) -> dict[str, int]:
    return {"line": place.line, "column": place.column, "length": place.length}


def _command(command: Command) -> dict[str, str]:
    return {"run": command.run, "tells": command.tells}
