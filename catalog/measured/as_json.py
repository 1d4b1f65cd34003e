"""What was measured, as JSON: the same in every answer that tells of it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from catalog.measured import overview
from rest.document.shapes import Shape


class KernelTold(Shape):
    release: str = Field(description="What `uname -r` prints.")
    architecture: str | None = None
    label: str | None = Field(default=None, description="Of a candidate fix; absent on a kernel that people run.")


class Measured(Shape):
    """Runs of one case by one mover on one kernel, added up over machines."""

    case: str | None = Field(default=None, description="Absent where the answer is about one case.")
    kernel: KernelTold
    mover: str
    area: str | None = None
    environment: str
    kind: str
    outcomes: dict[str, int]
    runs: int
    conclusive_runs: int
    held_runs: int
    nr_machines: int
    freed_seconds: float | None = Field(default=None, description="Median, to within a factor of 1.19.")
    last_seen_at: datetime


def as_measured(summary: overview.Summary, case: str | None = None) -> Measured:
    return Measured(
        case=case,
        kernel=kernel_told(summary.build.release, summary.build.label, summary.architecture),
        mover=summary.mover.slug,
        area=summary.area.slug or None,
        environment=summary.environment.slug,
        kind=summary.kind,
        outcomes={word.slug: runs for word, runs in summary.outcomes},
        runs=summary.runs,
        conclusive_runs=summary.conclusive,
        held_runs=summary.held,
        nr_machines=summary.nr_machines,
        freed_seconds=None if summary.freed_seconds is None else round(summary.freed_seconds, 4),
        last_seen_at=summary.last_seen_at,
    )


def kernel_told(release: str, label: str, architecture: str | None = None) -> KernelTold:
    return KernelTold(release=release, label=label or None, architecture=architecture or None)
