"""Many reports in one request, one JSON object a line, kept in one transaction; an outcome for each line.

A line is a native report, or what another tool printed, with what a request of its own would say beside it:

    {"format": "ktap", "run_id": "job-4711-mm", "kernel": "6.18.44", "architecture": "x86_64", "body": "KTAP …"}

A bad line leaves a `rejected` row and spoils no other. Sending the batch again gives the old receipts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from pydantic import Field

from diagnosis.formats import envelope
from diagnosis.formats.faults import Fault
from people.access.authentication import Sender
from people.models import Machine, Scope
from reports.intake import decompression, duplicates, inbox, on_behalf, quotas, submission, wrapped
from reports.intake.quotas import UNBOUNDED, Quota
from reports.intake.refusals import Refusal
from reports.intake.submission import Parcel
from reports.models import Report
from rest.document.shapes import URI, Shape

MEDIA_TYPE = "application/x-ndjson"
MAX_LINES = 10_000
FIRST = 100  # lines, of which one has to be a report
_BATCHES, _OWNERS = 0x6261, 0x6262  # of locks of ours, those that hold batches of a machine and of an owner apart

Refusals = dict[int, tuple[bytes | None, Refusal]]  # by the number of the line


@dataclass(frozen=True)
class Outcome:
    """What became of one line: 202 kept, 200 sent before, or the status of its problem."""

    line: int
    status: int
    report: UUID | None
    problem: dict[str, Any] | None = None

    def told(self) -> LineTold:
        url = None if self.problem else f"{settings.SITE_URL}/api/v1/reports/{self.report}/"
        return LineTold(line=self.line, status=self.status, id=self.report, url=url, problem=self.problem)

    def line_of_answer(self) -> str:
        return self.told().model_dump_json(exclude_none=True) + "\n"


class LineTold(Shape):
    """What became of one line of a batch."""

    line: int = Field(description="Its number, from 1. Blank lines have none.")
    status: int = Field(description="202 kept, 200 sent before, or the status of its problem.")
    id: UUID | None = None
    url: str | None = Field(default=None, json_schema_extra=URI)
    problem: dict[str, Any] | None = Field(default=None, description="Why it was not taken: a problem document.")


class BatchTold(Shape):
    """What became of each line of a batch."""

    results: list[LineTold]


def take(sender: Sender, body: bytes, quota: Quota = UNBOUNDED) -> list[Outcome]:
    """Keeps every good line of `body`, in order. Raises `Refusal` where it is no batch at all."""
    outcomes, refused = _kept(sender, body, quota.most_rejected)
    return sorted([*outcomes, *_rejected(sender.machine, refused, quota)], key=lambda outcome: outcome.line)


@transaction.atomic
def _kept(sender: Sender, body: bytes, most_rejected: int | None) -> tuple[list[Outcome], Refusals]:
    parcels: dict[int, Parcel] = {}
    refused: Refusals = {}
    lines = _lines(body)

    def good() -> Iterator[Parcel]:
        for number, line in lines:
            try:
                parcels[number] = _parcel(sender, line)
            except Refusal as refusal:
                refused[number] = (line if len(line) <= decompression.MAX_BODY_BYTES else None, refusal)
                _go_on(len(parcels), len(refused), most_rejected)
            else:
                yield parcels[number]

    _alone_with(sender)
    kept = inbox.keep_all(good())
    outcomes = [Outcome(number, 202, parcel.id) for number, parcel in parcels.items() if parcel.id in kept]
    again = {number: parcel for number, parcel in parcels.items() if parcel.id not in kept}
    before = _in_the_way(list(again.values()))
    for number, parcel in again.items():
        try:
            outcomes.append(Outcome(number, 200, duplicates.known(parcel, before[parcel.sending.machine.pk]).pk))
        except Refusal as refusal:
            refused[number] = (parcel.sending.body, refusal)
    return outcomes, refused


def _go_on(nr_good: int, nr_bad: int, most_bad: int | None) -> None:
    """Raises where the batch is refused as a whole: 56 bytes may be ten thousand lines, each a row and an answer."""
    if nr_bad >= FIRST and not nr_good:
        raise Refusal("no-reports", [Fault("", f"a report in one of the first {FIRST} lines", "none")])
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


def _in_the_way(parcels: list[Parcel]) -> dict[int, Sequence[Report]]:
    """By machine, what it sent before under the keys and run ids of these. Two queries a machine."""
    own: dict[int, list[Parcel]] = {}
    for parcel in parcels:
        own.setdefault(parcel.sending.machine.pk, []).append(parcel)
    return {pk: duplicates.in_the_way(some[0].sending.machine, some) for pk, some in own.items()}


def _alone_with(sender: Sender) -> None:
    """Batches that may write for one machine come one after the other: two that hold the same runs in another order,
    each keeping some that the other waits for, would be a deadlock. Who sends for all machines of an owner is alone
    among that owner's. Ends with the transaction."""
    is_for_many = Scope.SUBMIT_FOR in sender.scopes
    with connection.cursor() as cursor:
        lock = "pg_advisory_xact_lock" if is_for_many else "pg_advisory_xact_lock_shared"
        cursor.execute(f"SELECT {lock}(%s, %s)", [_OWNERS, sender.machine.owner_id])
        if not is_for_many:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_BATCHES, sender.machine.pk])


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
        raise Refusal("not-json", [Fault("1:1", "one report a line", "no line")])
    return found


def _parcel(sender: Sender, line: bytes) -> Parcel:
    if len(line) > decompression.MAX_BODY_BYTES:
        raise decompression.too_large(decompression.MAX_BODY_BYTES)
    sending = wrapped.sending(sender, line) if wrapped.is_wrapped(line) else None
    if sending is None:
        sending = submission.native(on_behalf.machine_of(sender, on_behalf.named_in(line)), line)
    if not sending.machine.is_trusted and sender.machine.is_trusted:  # else the whole batch was counted
        quotas.of(sending.machine).keep(sending.body, sending.format or envelope.NAME)
    return inbox.parcel_of(sending)
