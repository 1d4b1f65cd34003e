"""Many native reports in one request, one JSON object a line, kept in one transaction; an outcome for each line.

A bad line leaves a `rejected` row and spoils no other. Sending the batch again gives the old receipts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from diagnosis.formats.faults import Fault
from people.models import Machine
from reports.intake import decompression, duplicates, inbox, submission
from reports.intake.quotas import UNBOUNDED, Quota
from reports.intake.refusals import Refusal
from reports.intake.submission import Parcel

MEDIA_TYPE = "application/x-ndjson"
MAX_LINES = 10_000
FIRST = 100  # lines, of which one has to be a report
_BATCHES = 0x6261  # of locks of ours, those that hold a machine's batches apart

Refusals = dict[int, tuple[bytes | None, Refusal]]  # by the number of the line


@dataclass(frozen=True)
class Outcome:
    """What became of one line: 202 kept, 200 sent before, or the status of its problem."""

    line: int
    status: int
    report: UUID | None
    problem: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        made: dict[str, Any] = {"line": self.line, "status": self.status}
        if self.report:
            made["id"] = str(self.report)
        if self.problem:
            return {**made, "problem": self.problem}
        return {**made, "url": f"{settings.SITE_URL}/api/v1/reports/{self.report}/"}


def take(machine: Machine, body: bytes, quota: Quota = UNBOUNDED) -> list[Outcome]:
    """Keeps every good line of `body`, in order. Raises `Refusal` where it is no batch at all."""
    outcomes, refused = _kept(machine, body, quota.most_rejected)
    return sorted([*outcomes, *_rejected(machine, refused, quota)], key=lambda outcome: outcome.line)


@transaction.atomic
def _kept(machine: Machine, body: bytes, most_rejected: int | None) -> tuple[list[Outcome], Refusals]:
    parcels: dict[int, Parcel] = {}
    refused: Refusals = {}
    lines = _lines(body)

    def good() -> Iterator[Parcel]:
        for number, line in lines:
            try:
                parcels[number] = _parcel(machine, line)
            except Refusal as refusal:
                refused[number] = (line if len(line) <= decompression.MAX_BODY_BYTES else None, refusal)
                _go_on(len(parcels), len(refused), most_rejected)
            else:
                yield parcels[number]

    _alone_with(machine)
    kept = inbox.keep_all(good())
    outcomes = [Outcome(number, 202, parcel.id) for number, parcel in parcels.items() if parcel.id in kept]
    again = {number: parcel for number, parcel in parcels.items() if parcel.id not in kept}
    before = {report.run_id: report for report in duplicates.in_the_way(machine, list(again.values()))}
    for number, parcel in again.items():
        try:
            outcomes.append(Outcome(number, 200, duplicates.known(parcel, [before[parcel.run_id]]).pk))
        except Refusal as refusal:
            refused[number] = (parcel.sending.body, refusal)
    return outcomes, refused


def _go_on(nr_good: int, nr_bad: int, most_bad: int | None) -> None:
    """Raises where the batch is refused as a whole: 56 bytes may be ten thousand lines, each a row and an answer."""
    if nr_bad >= FIRST and not nr_good:
        raise Refusal("no-reports", [Fault("", f"a native report in one of the first {FIRST} lines", "none")])
    if most_bad is not None and nr_bad > most_bad:
        raise Refusal("no-reports", [Fault("", f"up to {most_bad} lines that are no reports", "more")])


def _rejected(machine: Machine, refused: Refusals, quota: Quota) -> list[Outcome]:
    """Rows for the bad lines, once the good ones are committed: room for them is taken outside of that transaction,
    whose end would give it back."""
    try:
        quota.reject(len(refused))
    except Refusal as over:
        return [Outcome(number, over.document()["status"], None, over.document()) for number in refused]
    rows = inbox.reject_all(machine, "application/json", list(refused.values()))
    told = [
        (number, row.pk, refusal.document()) for (number, (_, refusal)), row in zip(refused.items(), rows, strict=True)
    ]
    return [Outcome(number, problem["status"], pk, problem) for number, pk, problem in told]


def _alone_with(machine: Machine) -> None:
    """Batches of one machine come one after the other: two that hold the same runs in another order, each keeping some
    that the other waits for, would be a deadlock. Ends with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_BATCHES, machine.pk])


def status(outcomes: list[Outcome]) -> int:
    """Of the whole: 202 or 200 where all is well, 207 where some lines are not, 422 where none is."""
    seen = {outcome.status for outcome in outcomes}
    if seen <= {200, 202}:
        return 202 if 202 in seen else 200
    return 207 if seen & {200, 202} else 422


def _lines(body: bytes) -> list[tuple[int, bytes]]:
    """Number from 1 and bytes of each line that is not blank."""
    if body.count(b"\n") + (not body.endswith(b"\n")) > MAX_LINES:
        raise Refusal("too-many-lines", [Fault("", f"at most {MAX_LINES} lines", "more")])
    found = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    if not found:
        raise Refusal("not-json", [Fault("1:1", "one native report a line", "no line")])
    return found


def _parcel(machine: Machine, line: bytes) -> Parcel:
    if len(line) > decompression.MAX_BODY_BYTES:
        raise decompression.too_large(decompression.MAX_BODY_BYTES)
    return inbox.parcel_of(submission.native(machine, line))
