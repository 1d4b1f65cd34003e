"""What a sender is told of a report: where it stands, what it was attached to, and why."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from django.conf import settings

from catalog.models import Case
from diagnosis.formats.format import NOTES, Note
from reports.models import Evidence, Report, State

EVIDENCE: dict[str, Any] = {
    "type": "object",
    "required": ["case", "report", "key", "rule", "reason", "kernel", "machine", "mover", "outcome", "seen_at"],
    "properties": {
        "case": {"type": "string", "description": "The slug of the case."},
        "report": {"type": "string", "format": "uuid"},
        "key": {"type": "string", "description": "Where in the report: a JSON Pointer."},
        "rule": {"type": "string"},
        "reason": {"type": "string"},
        "kind": {"type": "string"},
        "kernel": {
            "type": "object",
            "properties": {
                "release": {"type": "string"},
                "label": {"type": "string"},
                "architecture": {"type": "string"},
            },
        },
        "environment": {"type": "string"},
        "machine": {"type": "string"},
        "mover": {"type": "string"},
        "area": {"type": "string"},
        "outcome": {"type": "string"},
        "does_not_count": {"type": "string", "description": "Why no tally has it. Absent where it counts."},
        "freed_seconds": {"type": "number", "description": "From the release until freed. Absent where unknown."},
        "operation": {
            "type": "object",
            "description": "Did it succeed as a whole. What is not known is absent.",
            "properties": {name: {"type": "boolean"} for name in ("before", "while_held", "after_release")},
        },
        "seen_at": {"type": "string", "format": "date-time"},
        "recorded": {"type": "boolean", "description": "True where this project recorded it; else absent."},
    },
}

MAX_UNMATCHED = 50
UNMATCHED: dict[str, Any] = {
    "type": "object",
    "description": "What no known case explains. It is tried again by itself when one appears.",
    "required": ["key", "kind"],
    "properties": {
        "key": {"type": "string", "description": "Where in the report: a JSON Pointer, or a line."},
        "kind": {"type": "string"},
        "names": {"type": "string", "description": "The case or test that it names."},
        "nearest": {"type": "string", "description": "A case of nearly that name, where there is one."},
        "says": {"type": "string"},
    },
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "url", "page", "state", "received_at", "size_bytes", "sha256"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "url": {"type": "string", "format": "uri"},
        "page": {"type": "string", "format": "uri"},
        "state": {"type": "string", "enum": State.values},
        "received_at": {"type": "string", "format": "date-time"},
        "settled_at": {"type": "string", "format": "date-time"},
        "size_bytes": {"type": "integer"},
        "sha256": {"type": "string", "description": "Empty once the report was taken down."},
        "run_id": {"type": "string"},
        "attempts": {"type": "integer"},
        "nr_observations": {"type": "integer"},
        "nr_unmatched": {"type": "integer"},
        "notes": {
            "type": "array",
            "description": "Of what became no observation.",
            "items": {
                "type": "object",
                "required": ["code", "says"],
                "properties": {"code": {"type": "string", "enum": list(NOTES)}, "says": {"type": "string"}},
            },
        },
        "unmatched": {"type": "array", "items": UNMATCHED, "maxItems": MAX_UNMATCHED},
        "recorded": {
            "type": "object",
            "description": "Of a report that this project recorded itself: when, and what measures it again.",
            "required": ["at", "command"],
            "properties": {"at": {"type": "string", "format": "date-time"}, "command": {"type": "string"}},
        },
        "problem": {"type": "object", "description": "Why it was rejected: a problem document."},
        "evidence": {"type": "array", "items": EVIDENCE},
    },
}


def shown_digest(report: Report) -> str:
    """'' of what was taken down: whoever has a guess at what it said could prove it by the digest."""
    return "" if report.state == State.ERASED else report.sha256


def receipt(report: Report, user: Any = None) -> dict[str, Any]:
    """The receipt, with the evidence that `user` may see. Unknown is absent."""
    made: dict[str, Any] = {
        "id": str(report.id),
        "url": f"{settings.SITE_URL}/api/v1/reports/{report.id}/",
        "page": f"{settings.SITE_URL}{report.get_absolute_url()}",
        "state": report.state,
        "received_at": report.received_at,
        "size_bytes": report.size_bytes,
        "sha256": shown_digest(report),
        "attempts": report.attempts,
    }
    if report.run_id and report.state != State.ERASED:
        made["run_id"] = report.run_id
    if report.reason:
        made["problem"] = report.reason
    if report.recorded_at:
        made["recorded"] = {"at": report.recorded_at, "command": report.command}
    if report.settled_at:
        made["settled_at"] = report.settled_at
    if report.state == State.SETTLED:
        rows = Evidence.objects.visible_to(user).filter(report=report).for_rows()
        made["nr_observations"] = report.nr_observations
        made["nr_unmatched"] = report.nr_unmatched
        made["evidence"] = [evidence(row) for row in rows.order_by("key", "case__slug")]
        if report.notes:
            made["notes"] = [{"code": one.code, "says": one.sentence} for one in notes(report)]
        if report.nr_unmatched:
            made["unmatched"] = _unmatched(report, user)
    return made


def notes(report: Report) -> list[Note]:
    """What to tell of what became no observation; not what a later release wrote, and this one does not know."""
    return [Note(one["code"], one["number"]) for one in report.notes if one.get("code") in NOTES]


def _unmatched(report: Report, user: Any) -> list[dict[str, str]]:
    """A run whose case's name is misspelt would wait for a case that never comes."""
    slugs = list(Case.objects.visible_to(user).values_list("slug", flat=True))
    made = []
    for row in report.observations.filter(is_matched=False).order_by("id")[:MAX_UNMATCHED]:
        near = get_close_matches(row.names, slugs, n=1, cutoff=0.8) if row.names else []
        said = {"key": row.key, "kind": row.kind, "names": row.names, "nearest": "".join(near), "says": row.says}
        made.append({name: value for name, value in said.items() if value})
    return made


def evidence(row: Evidence) -> dict[str, Any]:
    kernel = {"release": row.build.release, "architecture": row.architecture}
    if row.build.label:
        kernel["label"] = row.build.label
    made: dict[str, Any] = {
        "case": row.case.slug,
        "report": str(row.report_id),
        "key": row.key,
        "rule": row.rule,
        "reason": row.reason,
        "kind": row.kind,
        "kernel": kernel,
        "environment": row.environment,
        "machine": row.machine.name,
        "mover": row.mover,
        "outcome": row.outcome,
        "seen_at": row.seen_at,
    }
    if not row.machine.is_trusted:
        made["does_not_count"] = f"machine {row.machine.standing}"
    if row.area:
        made["area"] = row.area
    worked = (("before", row.worked_before), ("while_held", row.worked_while_held), ("after_release", row.worked_after))
    if operation := {name: value for name, value in worked if value is not None}:
        made["operation"] = operation
    if row.report.recorded_at:
        made["recorded"] = True
    if row.freed_seconds is not None:
        made["freed_seconds"] = row.freed_seconds
    return made
