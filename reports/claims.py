"""Who works on which report. A claim is committed before the work begins, and ends by itself.

First attempts are claimed in batches; a second or third runs alone, so that a report that kills its worker
spoils nobody else's work. After the third it is `failed`.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from reports.models import Report, State

BATCH = 50
MAX_ATTEMPTS = 3

# One statement, so one commit; the ORM has no UPDATE of a limited, locked selection. MATERIALIZED: as a plain
# sub-select the planner may run it again for every row, and claim more than the limit (seen on PostgreSQL 18).
_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM reports_report WHERE state = 'received' AND {which}
    ORDER BY received_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE reports_report AS r
SET state = 'ingesting', claim_id = %(claim)s, claimed_at = now(), attempts = attempts + 1
FROM picked WHERE r.id = picked.id
RETURNING r.id
"""


def claim() -> tuple[uuid.UUID, list[uuid.UUID]]:
    """A new claim and the reports under it: one that was tried before, or else up to BATCH fresh ones, or none.

    The tried ones first, or they would wait for as long as fresh ones keep coming; three attempts bound the cost.
    """
    mine = uuid.uuid4()
    for which, limit in (("attempts > 0", 1), ("attempts = 0", BATCH)):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM.format(which=which), {"claim": mine, "limit": limit})
            ids = [row[0] for row in cursor.fetchall()]
        if ids:
            return mine, ids
    return mine, []


def fail(claim_id: uuid.UUID, why: str) -> None:
    """Ours to mend: kept with its traceback, to be replayed after the fix."""
    Report.objects.filter(claim_id=claim_id, state=State.INGESTING).update(
        state=State.FAILED, claim_id=None, claimed_at=None, settled_at=timezone.now(), traceback=why
    )


def give_back(claim_id: uuid.UUID, counts: bool) -> None:
    """Ends a claim whose work could not be written. Where the attempt `counts`, they are tried alone from now on."""
    Report.objects.filter(claim_id=claim_id, state=State.INGESTING).update(
        state=State.RECEIVED, claim_id=None, claimed_at=None, attempts=F("attempts") - (0 if counts else 1)
    )


@transaction.atomic
def release_expired() -> int:
    """Claims whose worker has not been heard of for the lease: back into the queue, or `failed` after the third.

    What somebody has locked is being settled or judged at this moment, and is left to the next round.
    """
    before = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS)
    expired = Report.objects.filter(state=State.INGESTING, claimed_at__lt=before)
    lost = dict(expired.select_for_update(skip_locked=True).order_by("id").values_list("pk", "attempts"))
    given_up = [pk for pk, attempts in lost.items() if attempts >= MAX_ATTEMPTS]
    Report.objects.filter(pk__in=given_up).update(
        state=State.FAILED, claim_id=None, claimed_at=None, settled_at=timezone.now(), traceback="worker died"
    )
    Report.objects.filter(pk__in=lost.keys() - set(given_up)).update(
        state=State.RECEIVED, claim_id=None, claimed_at=None
    )
    return len(lost)
