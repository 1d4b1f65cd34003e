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
from django.db.models.functions import Now
from django.utils import timezone

from reports.models import Report, State, Turn

BATCH = 250
BATCH_BYTES = 8 << 20
MAX_ATTEMPTS = 3

# One statement, so one commit; the ORM has no UPDATE of a limited, locked selection. MATERIALIZED: as a plain
# sub-select the planner may run it again for every row, and claim more than the limit (seen on PostgreSQL 18).
# What is picked beyond the bytes of a batch is left to the next one: a batch is held in memory.
_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id, received_at, size_bytes FROM reports_report WHERE state = 'received' AND turn = %(turn)s
    ORDER BY received_at, id LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), fitting AS MATERIALIZED (
    SELECT id, sum(size_bytes) OVER (ORDER BY received_at, id) - size_bytes AS before FROM picked
)
UPDATE reports_report AS r
SET state = 'ingesting', claim_id = %(claim)s, claimed_at = now(), attempts = attempts + 1
FROM fitting WHERE r.id = fitting.id AND fitting.before < %(bytes)s
RETURNING r.id
"""


def claim() -> tuple[uuid.UUID, list[uuid.UUID]]:
    """A new claim and the reports under it: one that was tried before, or else a batch of fresh ones, or else of ones
    to be read again, or none.

    The tried ones first, or they would wait for as long as fresh ones keep coming; three attempts bound the cost.
    Replays last: reading the whole history again delays nothing that is new.
    """
    mine = uuid.uuid4()
    for turn, limit in ((Turn.TRIED, 1), (Turn.FRESH, BATCH), (Turn.REPLAYED, BATCH)):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"claim": mine, "turn": turn, "limit": limit, "bytes": BATCH_BYTES})
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
    turn = {"turn": Turn.TRIED} if counts else {"attempts": F("attempts") - 1}
    Report.objects.filter(claim_id=claim_id, state=State.INGESTING).update(
        state=State.RECEIVED, claim_id=None, claimed_at=None, **turn
    )


@transaction.atomic
def release_expired() -> int:
    """Claims whose worker has not been heard of for the lease: back into the queue, or `failed` after the third.

    What somebody has locked is being settled or judged at this moment, and is left to the next round. By the server's
    clock, which the claim was stamped with: a host that is an hour ahead would take away every claim at each sweep, and
    give reports up as `failed` after the third.
    """
    before = Now() - timedelta(seconds=settings.LEASE_SECONDS)
    expired = Report.objects.filter(state=State.INGESTING, claimed_at__lt=before)
    lost = dict(expired.select_for_update(no_key=True, skip_locked=True).order_by("id").values_list("pk", "attempts"))
    given_up = [pk for pk, attempts in lost.items() if attempts >= MAX_ATTEMPTS]
    Report.objects.filter(pk__in=given_up).update(
        state=State.FAILED, claim_id=None, claimed_at=None, settled_at=timezone.now(), traceback="worker died"
    )
    Report.objects.filter(pk__in=lost.keys() - set(given_up)).update(
        state=State.RECEIVED, claim_id=None, claimed_at=None, turn=Turn.TRIED
    )
    return len(lost)
