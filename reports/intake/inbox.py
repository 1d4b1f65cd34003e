"""Keeping what was sent. When `take` returns, the bytes are committed and survive whatever comes.

Nothing is looked up in the catalog here: a report of an unknown case is a good report.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg
from django.db import connection, transaction
from django.utils import timezone

from diagnosis.formats.faults import CODES, Unreadable
from people.models import Machine
from people.statements import piped, prepared
from reports.intake import duplicates
from reports.intake.packing import packed as packed
from reports.intake.packing import unpacked as unpacked
from reports.intake.quotas import UNBOUNDED, Quota
from reports.intake.refusals import Refusal
from reports.intake.submission import Parcel, Sending, check_key, format_of, run_id_of
from reports.models import Payload, Report, State
from reports.models.ids import new_id

ROWS_A_STATEMENT = 500


def take(sending: Sending, quota: Quota = UNBOUNDED) -> tuple[Report, bool]:
    """Checks and commits. Returns the report and whether it is new; the same sending again gives the old one.

    Raises `Refusal` after a `rejected` row is committed, or `OverQuota` where that would be one too many.
    """
    try:
        parcel = parcel_of(sending)
        received_at = keep(parcel)
        if received_at:
            return _report(parcel, received_at), True
        return duplicates.known(parcel, duplicates.in_the_way(sending.machine, [parcel])), False
    except Refusal as refusal:
        quota.reject()
        reject(sending.machine, sending.media_type, sending.body, refusal)
        raise


def parcel_of(sending: Sending) -> Parcel:
    """All that can be said of a sending while its sender waits. Raises `Refusal`."""
    chosen = format_of(sending)
    check_key(sending.idempotency_key)
    try:
        run_id = run_id_of(sending, chosen.check(sending.body, sending.given))
    except Unreadable as error:
        raise Refusal(error.code, error.faults) from None
    digest = hashlib.sha256(sending.body).hexdigest()
    return Parcel(new_id(), sending, chosen.name, run_id, digest, packed(sending.body))


def _literal(value: object) -> str:
    """A default of the model in SQL: text, a number or JSON. None of them comes from outside."""
    if isinstance(value, dict | list):
        value = json.dumps(value)
    return f"'{value}'" if isinstance(value, str) else str(value)


# What a sending says of its report, by column. A column that is known at the door has a line here and one in the model.
_SAID: dict[str, Callable[[Parcel], Any]] = {
    "id": lambda parcel: parcel.id,
    "machine_id": lambda parcel: parcel.sending.machine.pk,
    "media_type": lambda parcel: parcel.sending.media_type[:80],
    "format": lambda parcel: parcel.format,
    "given": lambda parcel: parcel.sending.stored_given,
    "size_bytes": lambda parcel: len(parcel.sending.body),
    "sha256": lambda parcel: parcel.sha256,
    "run_id": lambda parcel: parcel.run_id,
    "idempotency_key": lambda parcel: parcel.sending.idempotency_key,
    "recorded_at": lambda parcel: parcel.sending.recording and parcel.sending.recording.recorded_at,
    "command": lambda parcel: parcel.sending.recording.command if parcel.sending.recording else "",
}
# What the other columns begin with, as the model has it. What the database fills in by itself is in neither.
_AT_FIRST = {
    field.attname: field.get_default()
    for field in Report._meta.concrete_fields
    if field.attname not in _SAID and not field.null and not field.has_db_default()
}
_NAMES = ", ".join((*_SAID, *_AT_FIRST))
_TYPED = ", ".join(f"{column} {Report._meta.get_field(column).db_type(connection)}" for column in _SAID)
_BEGINNING = ", ".join(map(_literal, _AT_FIRST.values()))
# Report and payload in one statement, so one commit and one way to the server; and whoever sends the same at the same
# moment waits for the other's commit inside it. The ORM has neither the CTE nor rows from JSON, which costs a third of
# what an array a column does; rows of the whole table by jsonb_populate_recordset() cost 40 % more.
_KEEP = f"""
WITH sent AS MATERIALIZED (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS ({_TYPED}), unnest(%b::bytea[]))
        AS one({", ".join(_SAID)}, body)
), kept AS (
    INSERT INTO reports_report ({_NAMES}) SELECT {", ".join(_SAID)}, {_BEGINNING} FROM sent
    ON CONFLICT DO NOTHING RETURNING id, received_at
), packed AS (
    INSERT INTO reports_payload (report_id, body) SELECT sent.id, sent.body FROM sent JOIN kept USING (id)
)
SELECT id, received_at FROM kept
"""  # noqa: S608 - names, types and defaults of the model's columns


def keep(parcel: Parcel) -> datetime | None:
    """Writes it, and returns when it was received: None where the same was sent before, by its run id or key."""
    with prepared() as cursor:
        _send(cursor, [parcel])
        row = cursor.fetchone()
    return row[1] if row else None


def keep_all(parcels: Iterable[Parcel]) -> dict[uuid.UUID, datetime]:
    """Writes them. Returns when, for those that nothing stood in the way of.

    While the server writes some, the next are taken from `parcels`.
    """
    with ExitStack() as until_the_end, piped():
        cursors = []
        for some in _batches(iter(parcels)):
            cursors.append(until_the_end.enter_context(prepared()))
            _send(cursors[-1], some)
        return {id: at for cursor in cursors for id, at in cursor.fetchall()}


def _batches(parcels: Iterator[Parcel]) -> Iterator[list[Parcel]]:
    while some := list(islice(parcels, ROWS_A_STATEMENT)):
        yield some


def _send(cursor: psycopg.Cursor[Any], parcels: Sequence[Parcel]) -> None:
    rows = [_said(one) for one in parcels]
    cursor.execute(_KEEP, [json.dumps(rows, default=str), [one.packed for one in parcels]])


def _said(parcel: Parcel) -> dict[str, Any]:
    return {column: value_of(parcel) for column, value_of in _SAID.items()}


def _report(parcel: Parcel, received_at: datetime) -> Report:
    """The row as it was just written, without reading it."""
    report = Report(**_said(parcel), received_at=received_at)
    report.machine = parcel.sending.machine
    return report


def reject(machine: Machine, media_type: str, body: bytes | None, refusal: Refusal) -> Report:
    """A row for what was turned away. It holds no run id and no key: the mended report may use them."""
    row = reject_all(machine, media_type, [(body, refusal)])[0]
    refusal.instance = f"/api/v1/reports/{row.pk}/"
    return row


@transaction.atomic
def reject_all(machine: Machine, media_type: str, refused: Sequence[tuple[bytes | None, Refusal]]) -> list[Report]:
    reports = [
        Report(
            id=new_id(),
            machine=machine,
            media_type=media_type[:80],
            size_bytes=len(body or b""),
            sha256=hashlib.sha256(body or b"").hexdigest(),
            state=State.REJECTED,
            settled_at=timezone.now(),
            reason=refusal.document(redacted=True),
        )
        for body, refusal in refused
    ]
    Report.objects.bulk_create(reports, batch_size=ROWS_A_STATEMENT)
    Payload.objects.bulk_create(
        [
            Payload(report=report, body=packed(body))
            for report, (body, refusal) in zip(reports, refused, strict=True)
            # A mended format may read these bytes; of other refusals the reason tells all there is to know.
            if body and refusal.code in CODES
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    return reports
