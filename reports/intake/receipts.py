"""What a sender is told of a report: where it stands, what it was attached to, and why."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from django.conf import settings
from pydantic import Field

from catalog.measured.as_json import KernelTold, kernel_told
from catalog.models import Case
from diagnosis.formats.format import NOTES, Note
from reports.models import Evidence, Report, State
from rest.document.shapes import URI, Shape, one_of

MAX_UNMATCHED = 50


class OperationTold(Shape):
    """Did it succeed as a whole. What is not known is absent."""

    before: bool | None = None
    while_held: bool | None = None
    after_release: bool | None = None


class OriginTold(Shape):
    """Where a report came from, as its sender says."""

    job_url: str | None = None
    log_url: str | None = None
    tree: str | None = None
    commit: str | None = None
    config_sha256: str | None = None
    patch_id: str | None = Field(default=None, description="What `git patch-id` prints of what was applied.")
    setting: str | None = Field(default=None, description="What was set before anything was measured.")
    base: str | None = Field(default=None, description="The label of the build to compare it with.")


class EvidenceTold(Shape):
    """One result that was attached to a case, and why."""

    case: str = Field(description="The slug of the case.")
    report: UUID
    key: str = Field(description="Where in the report: a JSON Pointer.")
    rule: str
    reason: str
    kind: str
    kernel: KernelTold
    environment: str
    machine: str
    mover: str
    area: str | None = None
    outcome: str
    does_not_count: str | None = Field(default=None, description="Why no tally has it. Absent where it counts.")
    freed_seconds: float | None = Field(default=None, description="From the release until freed. Absent where unknown.")
    operation: OperationTold | None = None
    seen_at: datetime
    origin: OriginTold | None = None
    recorded: bool | None = Field(default=None, description="True where this project recorded it; else absent.")


class Unmatched(Shape):
    """What no known case explains. It is tried again by itself when one appears."""

    key: str = Field(description="Where in the report: a JSON Pointer, or a line.")
    kind: str
    outcome: str
    names: str | None = Field(default=None, description="The case or test that it names.")
    nearest: str | None = Field(default=None, description="A case of nearly that name, where there is one.")
    says: str | None = None


class Recorded(Shape):
    """Of a report that this project recorded itself: when, and what measures it again."""

    at: datetime
    command: str


class NoteTold(Shape):
    """What became of something in it that became no observation."""

    code: str = Field(json_schema_extra=one_of(NOTES))
    says: str


class ReportTold(Shape):
    """A report as it stands: in a list, and at the beginning of its receipt."""

    id: UUID
    url: str = Field(json_schema_extra=URI)
    page: str = Field(json_schema_extra=URI)
    machine: str
    state: str = Field(json_schema_extra=one_of(State.values))
    received_at: datetime
    settled_at: datetime | None = None
    format: str | None = Field(default=None, description="Absent where it was refused before that was known.")
    size_bytes: int
    sha256: str = Field(description="Empty once the report was taken down.")
    run_id: str | None = None
    attempts: int
    nr_observations: int | None = None
    nr_unmatched: int | None = None
    problem: dict[str, Any] | None = Field(default=None, description="Why it was rejected: a problem document.")
    origin: OriginTold | None = None
    recorded: Recorded | None = None


class Receipt(ReportTold):
    """Where a report stands, what it was attached to, and why."""

    evidence: list[EvidenceTold] | None = None
    notes: list[NoteTold] | None = Field(default=None, description="Of what became no observation.")
    unmatched: list[Unmatched] | None = Field(default=None, max_length=MAX_UNMATCHED)


class ListedReport(ReportTold):
    """A report in a list, with the kernels and cases that it speaks of."""

    kernels: list[KernelTold]
    cases: list[str]


def shown_digest(report: Report) -> str:
    """'' of what was taken down: whoever has a guess at what it said could prove it by the digest."""
    return "" if report.state == State.ERASED else report.sha256


def told(report: Report) -> dict[str, Any]:
    """The fields of a `ReportTold`. `report` has its machine."""
    is_settled, is_erased = report.state == State.SETTLED, report.state == State.ERASED
    return {
        "id": report.id,
        "url": f"{settings.SITE_URL}/api/v1/reports/{report.id}/",
        "page": f"{settings.SITE_URL}{report.get_absolute_url()}",
        "machine": report.machine.name,
        "state": report.state,
        "received_at": report.received_at,
        "settled_at": report.settled_at,
        "format": report.format or None,
        "size_bytes": report.size_bytes,
        "sha256": shown_digest(report),
        "run_id": None if is_erased else report.run_id,
        "attempts": report.attempts,
        "nr_observations": report.nr_observations if is_settled else None,
        "nr_unmatched": report.nr_unmatched if is_settled else None,
        "problem": report.reason or None,
        "origin": OriginTold(**report.origin) if report.origin else None,
        "recorded": Recorded(at=report.recorded_at, command=report.command) if report.recorded_at else None,
    }


def receipt(report: Report, user: Any = None) -> dict[str, Any]:
    """The receipt, with the evidence that `user` may see. Unknown is absent."""
    rows, said, unmatched = None, None, None
    if report.state == State.SETTLED:
        found = Evidence.objects.visible_to(user).filter(report=report).for_rows()
        rows = [evidence_told(row) for row in found.order_by("key", "case__slug")]
        unmatched = _unmatched(report, user) if report.nr_unmatched else None
        said = [NoteTold(code=one.code, says=one.sentence) for one in notes(report)] or None
    return Receipt(**told(report), evidence=rows, notes=said, unmatched=unmatched).shown()


def notes(report: Report) -> list[Note]:
    """What to tell of what became no observation; not what a later release wrote, and this one does not know."""
    return [Note(one["code"], one["number"]) for one in report.notes if one.get("code") in NOTES]


def _unmatched(report: Report, user: Any) -> list[Unmatched]:
    """A run whose case's name is misspelt would wait for a case that never comes."""
    slugs = list(Case.objects.visible_to(user).values_list("slug", flat=True))
    made = []
    for row in report.observations.filter(is_matched=False).order_by("id")[:MAX_UNMATCHED]:
        near = get_close_matches(row.names, slugs, n=1, cutoff=0.8) if row.names else []
        said = {"names": row.names, "nearest": "".join(near), "says": row.says}
        known = {name: value for name, value in said.items() if value}
        made.append(Unmatched(key=row.key, kind=row.kind, outcome=row.outcome, **known))
    return made


def evidence(row: Evidence) -> dict[str, Any]:
    return evidence_told(row).shown()


def evidence_told(row: Evidence) -> EvidenceTold:
    operation = OperationTold(
        before=row.worked_before, while_held=row.worked_while_held, after_release=row.worked_after
    )
    return EvidenceTold(
        case=row.case.slug,
        report=row.report_id,
        key=row.key,
        rule=row.rule,
        reason=row.reason,
        kind=row.kind,
        kernel=kernel_told(row.build.release, row.build.label, row.architecture),
        environment=row.environment,
        machine=row.machine.name,
        mover=row.mover,
        area=row.area or None,
        outcome=row.outcome,
        does_not_count=None if row.machine.is_trusted else f"machine {row.machine.standing}",
        freed_seconds=row.freed_seconds,
        operation=operation if operation.shown() else None,
        seen_at=row.seen_at,
        origin=OriginTold(**row.report.origin) if row.report.origin else None,
        recorded=True if row.report.recorded_at else None,
    )
