"""What was measured, as JSON: the same in every answer that tells of it."""

from __future__ import annotations

from typing import Any

from catalog.measured import overview

SUMMARY: dict[str, Any] = {
    "type": "object",
    "required": ["kernel", "mover", "environment", "runs", "conclusive_runs", "held_runs", "nr_machines"],
    "properties": {
        "kernel": {"type": "object"},
        "mover": {"type": "string"},
        "area": {"type": "string"},
        "environment": {"type": "string"},
        "outcomes": {"type": "object", "additionalProperties": {"type": "integer"}},
        "runs": {"type": "integer"},
        "conclusive_runs": {"type": "integer"},
        "held_runs": {"type": "integer"},
        "nr_machines": {"type": "integer"},
        "freed_seconds": {"type": "number", "description": "Median, to within a factor of 1.19."},
        "last_seen_at": {"type": "string", "format": "date-time"},
    },
}


def as_measured(summary: overview.Summary) -> dict[str, Any]:
    kernel = {"release": summary.build.release, "architecture": summary.architecture}
    if summary.build.label:
        kernel["label"] = summary.build.label
    made: dict[str, Any] = {
        "kernel": kernel,
        "mover": summary.mover.slug,
        "environment": summary.environment.slug,
        "kind": summary.kind,
        "outcomes": {word.slug: runs for word, runs in summary.outcomes},
        "runs": summary.runs,
        "conclusive_runs": summary.conclusive,
        "held_runs": summary.held,
        "nr_machines": summary.nr_machines,
        "last_seen_at": summary.last_seen_at,
    }
    if summary.area.slug:
        made["area"] = summary.area.slug
    if summary.freed_seconds is not None:
        made["freed_seconds"] = round(summary.freed_seconds, 4)
    return made
