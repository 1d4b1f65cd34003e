"""What would become of a report: checked, read and matched as a worker does, and nothing kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from pydantic import Field

from catalog.measured.as_json import KernelTold, kernel_told
from catalog.models import Case
from diagnosis.matching.match import Match
from diagnosis.matching.observation import Observation
from reports.diagnose import reading
from reports.intake import duplicates, inbox
from reports.intake.refusals import Refusal, too_slow
from reports.intake.submission import Parcel, Sending
from reports.worker.known_signatures import known_signatures
from rest.bounds import bounded
from rest.document.shapes import Shape

MOST_RESULTS = 500


class TriedResult(Shape):
    """One thing that the report says, and what it would be attached to."""

    key: str
    kind: str
    names: str | None = None
    kernel: KernelTold
    mover: str | None = None
    area: str | None = None
    outcome: str
    cases: list[str] = Field(description="Empty: no known case explains it.")


class Trial(Shape):
    """What would become of a report. Nothing was kept."""

    would: int = Field(description="202: it would be kept. 200: it was sent before.")
    report: UUID | None = Field(default=None, description="As which it was sent before.")
    machine: str
    format: str
    run_id: str | None = None
    does_not_count: str | None = Field(default=None, description="Why no tally would have it.")
    nr_observations: int
    nr_unmatched: int
    results: list[TriedResult] = Field(max_length=MOST_RESULTS)


def trial(sending: Sending) -> Trial:
    """Raises `Refusal` for what would be refused."""
    parcel = inbox.parcel_of(sending)
    before = duplicates.in_the_way(sending.machine, [parcel])
    known = duplicates.known(parcel, before) if before else None
    found = _read(parcel)
    public = set(Case.objects.visible_to(AnonymousUser()).values_list("slug", flat=True))
    results = [_result(said, matches, public) for said, matches in found]
    machine = sending.machine
    return Trial(
        would=200 if known else 202,
        report=known.pk if known else None,
        machine=machine.name,
        format=parcel.format,
        run_id=parcel.run_id,
        does_not_count=None if machine.is_trusted else f"machine {machine.standing}",
        nr_observations=len(results),
        nr_unmatched=sum(1 for one in results if not one.cases),
        results=results[:MOST_RESULTS],
    )


def _read(parcel: Parcel) -> list[tuple[Observation, list[Match]]]:
    sent = reading.Sent(parcel.format, parcel.packed, parcel.sending.stored_given, is_checked=True)
    try:
        (made,) = bounded.call(reading.observed, [sent], known_signatures(), nr_bytes=len(parcel.sending.body))
    except bounded.TooLong:
        raise too_slow() from None
    if made.code:
        raise Refusal(made.code, made.faults)
    if made.traceback:
        raise RuntimeError(made.traceback)
    return made.found


def _result(said: Observation, matches: list[Match], public: set[str]) -> TriedResult:
    optional: dict[str, Any] = {name: getattr(said, name) or None for name in ("names", "mover", "area")}
    return TriedResult(
        key=said.key,
        kind=said.kind,
        kernel=kernel_told(said.release, said.label, said.architecture),
        outcome=said.outcome,
        cases=sorted(match.case for match in matches if match.case in public),
        **optional,
    )
