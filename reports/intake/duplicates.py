"""Sent again: a key or run id that came before gives the old receipt for the same sending, and a refusal for another.

The same: body, format, what the request said of the kernel, run id and recording. Two runs of a suite print the same
text on two kernels, so equal bytes alone say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime

from django.db.models import Q, prefetch_related_objects

from diagnosis.formats import shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Given
from people.models import Machine
from reports.intake.formats import registry
from reports.intake.packing import unpacked
from reports.intake.refusals import Refusal
from reports.intake.submission import Parcel
from reports.models import Payload, Report, State


def in_the_way(machine: Machine, parcels: Sequence[Parcel]) -> list[Report]:
    """What this machine sent before under the keys and run ids of these, with the bytes of those that look different:
    two queries however many there are, for a batch may hold ten thousand."""
    keys = [one.sending.idempotency_key for one in parcels if one.sending.idempotency_key]
    run_ids = [one.run_id for one in parcels if one.run_id]
    if not keys and not run_ids:
        return []
    found = list(Report.objects.filter(Q(idempotency_key__in=keys) | Q(run_id__in=run_ids), machine=machine))
    digests = {one.sha256 for one in parcels}
    prefetch_related_objects([report for report in found if report.sha256 not in digests], "payload")
    return found


def known(parcel: Parcel, before: Sequence[Report]) -> Report:
    """The report that this was sent as before. Raises `Refusal` where any that stands in its way is something else."""
    key, run_id = parcel.sending.idempotency_key, parcel.run_id
    found = None
    for report in before:
        by_key = key is not None and report.idempotency_key == key
        if not by_key and (run_id is None or report.run_id != run_id):
            continue
        if faults := _differences(parcel, report, by_key):
            raise Refusal("key-reused" if by_key else "run-id-reused", faults)
        found = report
    if found is None:
        raise RuntimeError("a report was in the way, and is gone: send it again")
    return found


def _differences(parcel: Parcel, report: Report, by_key: bool) -> list[Fault]:
    """Old values stand beside the new ones in `found`, which is scrubbed for strangers; `expected` is not."""
    where = "Idempotency-Key" if by_key else "Run-Id" if parcel.sending.run_id else "/run_id"
    expected = f"the same as in report {report.pk}, or a new {where} here"
    differs = [
        Fault(name, expected, f"{new or 'nothing'}, not {old or 'nothing'}")
        for name, new, old in _told(parcel, report)
        if new != old
    ]
    if report.sha256 != parcel.sha256 and not _is_equal_json(parcel, report):
        differs.insert(0, Fault(where, f"the same body as report {report.pk}, or a new one here", "another body"))
    return differs


def _told(parcel: Parcel, report: Report) -> list[tuple[str, str, str]]:
    """Name, new and old value of what was said beside the body."""
    sending = parcel.sending
    told = [("format", parcel.format, report.format), ("Run-Id", parcel.run_id or "", report.run_id or "")]
    if report.state != State.ERASED:  # of which only the body's digest is left: erasing.erase
        new = sending.stored_given
        told += [(one.name, new.get(one.name, ""), report.given.get(one.name, "")) for one in fields(Given)]
    made = sending.recording
    told.append(("recorded_at", _iso(made.recorded_at if made else None), _iso(report.recorded_at)))
    told.append(("command", made.command if made else "", report.command))
    return told


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat() if at else ""


def _is_equal_json(parcel: Parcel, report: Report) -> bool:
    """A client that builds its JSON again for each try may order its keys otherwise."""
    if registry.FORMATS[parcel.format].suffix != ".json" or parcel.format != report.format:
        return False
    try:
        return _canonical(unpacked(report.payload)) == _canonical(parcel.sending.body)
    except (Payload.DoesNotExist, Unreadable):  # erased, or of a time when less was asked of JSON
        return False


def _canonical(body: bytes) -> str:
    # As text: to Python 1, 1.0 and true are equal.
    return json.dumps(shape.load(body), sort_keys=True)
