"""The one place that knows the order: claim -> merge -> parse -> match -> attach -> settle.

Parsing and matching run outside any transaction. The final write is fenced: only what is still under this
claim is written, in one transaction with its evidence and tallies. A message of KCIDB is read with what other messages
said of its objects; where that has changed meanwhile, it goes back into the queue.
"""

from __future__ import annotations

import json
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from diagnosis.formats.format import Note
from diagnosis.matching import match as matching
from diagnosis.matching.match import Match, Signature
from diagnosis.matching.observation import Observation
from people.statements import may_pass, prepared
from reports.diagnose import reading
from reports.intake.packing import packed
from reports.intake.refusals import Refusal, too_slow
from reports.models import Report, State, Turn
from reports.worker import claims, evidence, kcidb_objects
from reports.worker.known_signatures import known_signatures
from rest.bounds import bounded


@dataclass
class Read:
    """One claimed report, read: what it says and what that matches, or why it cannot be read. `merged`: as what it was
    read, where that is not what was sent."""

    report: Report
    found: list[tuple[Observation, list[Match]]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    refusal: Refusal | None = None
    traceback: str = ""
    merged: bytes | None = None
    origin: dict[str, str] = field(default_factory=dict)


def drain(seconds: float = 20.0) -> bool:
    """Works through what waits; begins no batch after so many seconds. Returns whether it came to the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        claim_id, ids = claims.claim()
        if not ids:
            return True
        _work(claim_id, ids)
    return False


def _work(claim_id: uuid.UUID, ids: list[uuid.UUID]) -> None:
    known = known_signatures()
    reports = Report.objects.filter(id__in=ids, claim_id=claim_id).to_be_read()
    try:
        done = read(list(reports), known, kcidb_objects.filed(reports))
        _settle(claim_id, done, matching.digest(known))
    except bounded.Lost as lost:
        _give_back_lost(claim_id, lost)
        raise
    except Exception as error:
        if may_pass(error):
            # No fault of the reports. Where even this fails, the lease does it.
            claims.give_back(claim_id, counts=False)
            raise
        if len(ids) > 1:
            claims.give_back(claim_id, counts=True)  # one of them cannot be written: each is tried alone
        else:
            claims.fail(claim_id, traceback.format_exc())


def _give_back_lost(claim_id: uuid.UUID, lost: bounded.Lost) -> None:
    """Nothing speaks against the reports, unless they were being read each time: then they are tried alone, and given
    up after the third as `failed`."""
    if lost.began:
        tried = Report.objects.filter(claim_id=claim_id, attempts__gte=claims.MAX_ATTEMPTS)
        if tried.exists():
            claims.fail(claim_id, traceback.format_exc())
    claims.give_back(claim_id, counts=lost.began)


def read(
    reports: Sequence[Report], known: Sequence[Signature], merged: Mapping[Report, bytes] | None = None
) -> list[Read]:
    """Parses and matches all; where that takes too long, each for itself, so that the one that does so is rejected."""
    merged = merged or {}
    sent = [
        reading.Sent(one.format, packed(merged[one]), one.given)
        if one in merged
        else reading.Sent(one.format, bytes(one.payload.body), one.given, is_checked=one.turn == Turn.FRESH)
        for one in reports
    ]
    nr_bytes = sum(max(one.size_bytes, len(merged.get(one, b""))) for one in reports)
    try:
        made = bounded.call(reading.observed, sent, known, nr_bytes=nr_bytes)
    except bounded.TooLong:
        if len(reports) == 1:
            return [Read(reports[0], refusal=too_slow(), merged=merged.get(reports[0]))]
        return [one for report in reports for one in read([report], known, merged)]
    return [
        Read(
            report,
            one.found,
            one.notes,
            Refusal(one.code, one.faults) if one.code else None,
            one.traceback,
            merged.get(report),
            one.origin,
        )
        for report, one in zip(reports, made, strict=True)
    ]


@transaction.atomic
def _settle(claim_id: uuid.UUID, done: list[Read], digest: str) -> None:
    used = {one.report: one.merged for one in done if one.merged is not None}
    kcidb_objects.alone_with_objects_of(used)
    stale = kcidb_objects.stale(used)
    mine = set(
        Report.objects.select_for_update(no_key=True)
        .filter(claim_id=claim_id, state=State.INGESTING)
        .order_by("id")
        .values_list("id", flat=True)
    )
    _put_back(mine & stale)
    kept = [one for one in done if one.report.id in mine - stale]
    evidence.attach({one.report: one.found for one in kept})
    rows = [
        (
            one.report.id,
            State.REJECTED if one.refusal else State.FAILED if one.traceback else State.SETTLED,
            len(one.found),
            sum(1 for _, matches in one.found if not matches),
            json.dumps(one.refusal.document(redacted=True)) if one.refusal else None,
            one.traceback,
            json.dumps([vars(note) for note in one.notes]),
            json.dumps(one.origin),
        )
        for one in kept
    ]
    if rows:
        with prepared() as cursor:
            cursor.execute(_SETTLE, [digest, *map(list, zip(*rows, strict=True))])


def _put_back(stale: set[uuid.UUID]) -> None:
    """Read by what is not so any more: to be read again, at once."""
    Report.objects.filter(id__in=stale).update(
        state=State.RECEIVED, claim_id=None, claimed_at=None, attempts=F("attempts") - 1
    )


# bulk_update writes a CASE with an arm for each row and column, which takes longer than all the rest.
_SETTLE = """
UPDATE reports_report AS r
SET state = one.state, claim_id = NULL, claimed_at = NULL, settled_at = now(), nr_observations = one.nr_observations,
    nr_unmatched = one.nr_unmatched, matched_by = %s::text, reason = one.reason, traceback = one.traceback,
    notes = one.notes, origin = one.origin
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::int[], %s::jsonb[], %s::text[], %s::jsonb[], %s::jsonb[])
    AS one(id, state, nr_observations, nr_unmatched, reason, traceback, notes, origin)
WHERE r.id = one.id
"""
