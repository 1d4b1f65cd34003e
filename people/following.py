"""Following the journal without ever missing a line.

Row ids commit out of order: whoever remembers the highest id seen may miss a lower one that commits later. So lines
are in the order of the transaction that wrote them, and only those are served that lie below the oldest transaction
still running: nothing can then appear behind a follower's back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import BigIntegerField, Func, Q, QuerySet

from people.models import Event

_OLDEST_RUNNING = Func(template="pg_snapshot_xmin(pg_current_snapshot())::text::bigint", output_field=BigIntegerField())


@dataclass(frozen=True)
class Place:
    """Where a follower is: after this line. Written `transaction-id`."""

    transaction: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.transaction}-{self.id}"


def place(text: str) -> Place | None:
    """The place that `text` names; the beginning where it is empty, None where it is no place."""
    found = re.fullmatch(r"(\d{1,18})-(\d{1,18})", text)
    return Place(int(found[1]), int(found[2])) if found else None if text else Place()


def after(events: QuerySet[Event], since: Place) -> QuerySet[Event]:
    """Of these, what came after `since` and will not be joined by anything earlier, in order."""
    later = Q(transaction__gt=since.transaction) | Q(transaction=since.transaction, id__gt=since.id)
    return events.filter(later, transaction__lt=_OLDEST_RUNNING).order_by("transaction", "id")
