"""A cursor over the journal that never misses an event.

Row ids commit out of order: a client that remembers the highest id may miss a lower one that commits later. So an event
gets its `place` after it is committed: one process at a time, under a lock, numbers the events that have none. An event
that commits later gets a later place, so no event can sort before one that was already served.

Places are data and survive a restore; transaction ids belong to a cluster. Places start at the clock's microseconds, so
that a database restored to an hour ago assigns none that a client has already passed.
"""

from __future__ import annotations

import re

from django.db import connection, transaction
from django.db.models import Max, Min, Q, QuerySet

from people.models import Event

_PLACING = 0x706C  # of locks of ours, the one under which places are given
_GIVE = """
WITH last AS (
    SELECT greatest(coalesce(max(place), 0), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS place
    FROM people_event
), fresh AS (
    SELECT id, row_number() OVER (ORDER BY id) AS n
    FROM (SELECT id FROM people_event WHERE place IS NULL ORDER BY id LIMIT 1000) AS without
)
UPDATE people_event AS event SET place = last.place + fresh.n FROM last, fresh WHERE event.id = fresh.id
"""


def give_places() -> None:
    """Assigns a place to every committed event that has none. Call it before reading, outside of any transaction: the
    lock is held until the transaction ends."""
    while Event.objects.filter(place=None).exists():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_PLACING])
            # A statement of its own: its snapshot has to be younger than the lock.
            cursor.execute(_GIVE)


def after(events: QuerySet[Event], since: int) -> QuerySet[Event]:
    """The events after the place `since`, in order. Call `give_places` first."""
    return events.filter(place__gt=since).order_by("place")


def place(text: str) -> int | None:
    """Parses a cursor: '' is the beginning, None means that `text` is no place."""
    if not re.fullmatch(r"(\d{1,18}(-\d{1,18})?)?", text, re.ASCII):
        return None
    before, dash, id = text.partition("-")
    return _place_of_old(int(before), int(id)) if dash else int(before or 0)


def _place_of_old(transaction: int, id: int) -> int:
    """Converts a cursor `transaction-id`, as written until November 2026: the place before the first event that its
    owner may not have seen. A few events may come twice; none is lost, not even after a restore."""
    unread = Event.objects.filter(Q(id__gt=id) | Q(transaction__gt=transaction) | Q(transaction=transaction, id__gt=id))
    first = unread.aggregate(place=Min("place"))["place"]
    return first - 1 if first is not None else Event.objects.aggregate(place=Max("place"))["place"] or 0
