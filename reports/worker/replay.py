"""Stored bytes are read again: after a fix, for a new case, or by hand. Evidence stays until it is replaced."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from diagnosis.matching.match import digest
from people import journal
from people.models import User
from reports.models import Evidence, Observation, Report, Ruling, State, Turn
from reports.worker.known_signatures import known_signatures

REPLAYABLE = (State.SETTLED, State.REJECTED, State.FAILED)
ROUND = 500


def replayable(reports: QuerySet[Report]) -> QuerySet[Report]:
    """Of these, the ones that were acknowledged, are at rest, and have their bytes."""
    return reports.filter(state__in=REPLAYABLE, payload__isnull=False).exclude(format="")


@transaction.atomic
def again(reports: QuerySet[Report], person: User | None = None, why: str = "by hand") -> int:
    """Puts the replayable ones of these reports back into the queue, all at once: of many, `requeue` does it in slices.

    Returns how many.
    """
    number = queue(replayable(reports).values_list("pk", flat=True))
    if number:
        journal.record("reports.replayed", "report", why[:100], person, nr_reports=number)
    return number


def queue(wanted: Iterable[UUID]) -> int:
    """Puts those of these into the queue that are at rest. Call it in a transaction. Returns how many."""
    # Locked in one order, and their state looked at again under the lock.
    locked = Report.objects.select_for_update(no_key=True).order_by("id").filter(pk__in=wanted)
    ids = [pk for pk, state in locked.values_list("pk", "state") if state in REPLAYABLE]
    Report.objects.filter(pk__in=ids).update(
        state=State.RECEIVED, turn=Turn.REPLAYED, attempts=0, claim_id=None, claimed_at=None, traceback=""
    )
    return len(ids)


def unmatched_again() -> int:
    """Reports with something unmatched, last tried with other signatures than today's: the case may exist now."""
    today = digest(known_signatures())
    ids = _tried_with_others(today)
    if not ids:
        return 0
    number = again(Report.objects.filter(pk__in=ids), why="new signatures")
    # What has no bytes any more will never be read: found first each time, it would keep the others from being found.
    Report.objects.filter(pk__in=ids, state=State.SETTLED, payload=None).update(matched_by=today)
    return number


def _tried_with_others(today: str) -> list[UUID]:
    """Two searches in `report_unmatched`, either side of today's; no index serves `<>`, which read every report."""
    lying = Report.objects.filter(state=State.SETTLED, nr_unmatched__gt=0).order_by("matched_by")
    ids: list[UUID] = []
    for others in (lying.filter(matched_by__lt=today), lying.filter(matched_by__gt=today)):
        ids += others.values_list("pk", flat=True)[: ROUND - len(ids)]
    return ids


def requeue_unruled() -> int:
    """Requeues reports that were being read while a ruling was taken back, and so still carry its evidence.

    Reads all evidence that came of rulings, for what hardly ever happens: hourly is often enough.
    """
    said = Observation.objects.filter(report=OuterRef("report"), key=OuterRef("key")).values("fingerprint")[:1]
    ruling = Ruling.objects.filter(case=OuterRef("case"), fingerprint=OuterRef("looks"))
    left = Evidence.objects.filter(rule="ruled").alias(looks=Subquery(said)).exclude(Exists(ruling))
    ids = list(left.values_list("report", flat=True)[:ROUND])
    return again(Report.objects.filter(pk__in=ids), why="rulings taken back") if ids else 0
