"""Diagnose for programs: a text in, JSON out. No token, nothing stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.formats.faults import Fault
from diagnosis.rules.verdict import Command, Reason
from diagnosis.text.record import KINDS, Place, Record
from reports.diagnose.reading import MOST_RECORDS, RECORDS
from reports.diagnose.with_catalog import Diagnosed, Found, diagnosed
from reports.intake import decompression
from reports.intake.refusals import Refusal
from rest import problems
from rest.document.shapes import URI, Shape


class PlaceTold(Shape):
    """Lines and columns count from 1."""

    line: int
    column: int
    length: int


class SaidReason(Shape):
    """A sentence, and where in the text it was read."""

    text: str
    places: list[PlaceTold]


class CommandTold(Shape):
    run: str
    tells: str


class MatchTold(Shape):
    """A case that the text proves, or that may explain a finding."""

    case: str = Field(description="The slug of the case.")
    kind: Literal["mechanism", "candidate"] = Field(
        description="mechanism: the text proves this case. candidate: it may be the holder."
    )
    title: str
    page: str = Field(json_schema_extra=URI)
    finding: int = Field(description="The index of the finding that it may explain.")
    reasons: list[SaidReason]
    against: list[SaidReason]
    tell: list[CommandTold] = Field(description="What would tell it from the others.")
    affected: str | None = Field(default=None, description="Of the text's kernel; absent where that is not known.")


class FindingTold(Shape):
    """Like records of one text, with one verdict."""

    mechanism: str = Field(description="A word of the vocabulary; '' for none of the known.")
    proved: bool
    is_look_alike: bool
    sentence: str
    rule: str
    manner: str | None = None
    mover: str | None = None
    area: str | None = None
    unknown: list[str]
    reasons: list[SaidReason]
    fingerprint: str
    records: list[int]
    sources: list[dict[str, Any]]


class ValueTold(Shape):
    name: str
    text: str
    number: int | float | None = None
    line: int
    column: int
    length: int


class RecordTold(Shape):
    """One thing that the text says."""

    kind: str
    called: str
    values: list[ValueTold]
    frames: list[str]


class DiagnosisTold(Shape):
    summary: str
    kernel: str | None = Field(default=None, description="Absent where neither the text nor the sender says it.")
    findings: list[FindingTold]
    matches: list[MatchTold] = Field(description="Best first.")
    records: list[RecordTold]
    now: list[SaidReason]
    capture: list[CommandTold]
    nr_lines: int
    is_cut: bool = Field(description="More was there than is read at once.")


class DiagnoseView(APIView):
    limit = "diagnose"

    @extend_schema(
        operation_id="diagnose",
        request={"application/octet-stream": OpenApiTypes.BINARY},  # whatever it is called: bytes of text
        parameters=[
            OpenApiParameter("kernel", str, description="What `uname -r` prints, where the text does not say it."),
            OpenApiParameter("Content-Encoding", str, OpenApiParameter.HEADER, enum=["identity", "gzip", "zstd"]),
        ],
        responses={200: DiagnosisTold, **dict.fromkeys((411, 413, 415, 422), OpenApiResponse(problems.SCHEMA))},
    )
    def post(self, request: Request) -> Response:
        """Which mechanism holds the memory, proved or not, and who may be the holder. Nothing is stored."""
        if not request.META.get("CONTENT_LENGTH"):
            raise Refusal("no-length", [Fault("Content-Length", "the number of bytes", "nothing")])
        raw = request._request.read(decompression.MAX_BODY_BYTES + 1)
        body = decompression.unpacked(decompression.decoded(raw, request.headers.get("Content-Encoding", "identity")))
        if not body:
            raise Refusal("no-text", [Fault("", "a kernel log, a page dump, a stack or a trace", "nothing")])
        made = diagnosed(body, request.user, request.query_params.get("kernel", "")[:200], RECORDS)
        return Response(_document(made).shown())


def _document(made: Diagnosed) -> DiagnosisTold:
    diagnosis = made.diagnosis
    return DiagnosisTold(
        summary=diagnosis.summary,
        kernel=made.release or None,
        findings=[_finding(one) for one in made.found],
        matches=[match for number, one in enumerate(made.found) for match in _matches(number, one)],
        records=[_record(record) for record in diagnosis.records],
        now=[_reason(reason) for reason in diagnosis.now],
        capture=[_command(command) for command in diagnosis.capture],
        nr_lines=diagnosis.nr_lines,
        is_cut=diagnosis.is_cut or made.told.nr_records > MOST_RECORDS,
    )


def _finding(one: Found) -> FindingTold:
    verdict = one.finding.verdict
    return FindingTold(
        **{name: getattr(verdict, name) for name in ("mechanism", "proved", "is_look_alike", "sentence", "rule")},
        **{name: word for name in ("manner", "mover", "area") if (word := getattr(verdict, name))},
        unknown=list(verdict.unknown),
        reasons=[_reason(reason) for reason in verdict.reasons],
        sources=[asdict(source) for source in verdict.sources],
        fingerprint=one.finding.fingerprint,
        records=list(one.finding.records)[:MOST_RECORDS],
    )


def _matches(number: int, one: Found) -> list[MatchTold]:
    made = []
    for possible in one.candidates:
        candidate = possible.candidate
        match = MatchTold(
            case=candidate.case,
            kind="mechanism" if candidate.is_proved else "candidate",
            title=candidate.title,
            page=f"{settings.SITE_URL}{possible.case.get_absolute_url()}",
            finding=number,
            reasons=[_reason(reason) for reason in candidate.support],
            against=[_reason(reason) for reason in candidate.contradiction],
            tell=[_command(command) for command in candidate.tell],
            affected=possible.answer.answer.verdict if possible.answer else None,
        )
        made.append(match)
    return made


def _record(record: Record) -> RecordTold:
    values = [
        ValueTold(name=value.name, text=value.text, number=value.number, **_place(value.place).shown())
        for value in record.values
    ]
    frames = [frame.function for frame in record.frames]
    return RecordTold(kind=record.kind, called=KINDS[record.kind], values=values, frames=frames)


def _reason(reason: Reason) -> SaidReason:
    return SaidReason(text=reason.text, places=[_place(place) for place in reason.places])


def _place(place: Place) -> PlaceTold:
    return PlaceTold(line=place.line, column=place.column, length=place.length)


def _command(command: Command) -> CommandTold:
    return CommandTold(run=command.run, tells=command.tells)
