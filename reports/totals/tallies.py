"""Tallies: the evidence that counts, added up. `count` alone decides what a tally and its total become.

Whatever changes evidence says what was counted before and what is counted now; the difference is the delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from django.db import connection, transaction

from catalog.models import Tally
from diagnosis.words.vocabulary import OUTCOMES
from people.models import Machine
from reports.models import Evidence
from reports.totals import totals
from reports.totals.copy_rows import EvidenceRow
from reports.totals.sums import GROUP, KEY, Group, Key, TallySum, group_of, sums_of, tallied, where_key
from reports.totals.totals import array_literal

_KEY = ", ".join(KEY)

# Adding arrays element by element, and all deltas in one statement: the ORM can say neither. A row that was made here,
# not changed, has an xmax of 0.
_ADD = f"""
INSERT INTO catalog_tally AS t ({_KEY}, runs, last_seen_at, since, histogram, worked)
SELECT {_KEY}, runs, last_seen_at, now(), histogram::int[], worked::int[]
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
    %s::text[], %s::int[], %s::timestamptz[], %s::text[], %s::text[]) WITH ORDINALITY
    AS one({_KEY}, runs, last_seen_at, histogram, worked, i)
ORDER BY i
ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET
    runs = t.runs + excluded.runs,
    last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
    histogram = ARRAY(
        SELECT a + b FROM unnest(t.histogram, excluded.histogram) WITH ORDINALITY AS x(a, b, i) ORDER BY i
    ),
    worked = ARRAY(SELECT a + b FROM unnest(t.worked, excluded.worked) WITH ORDINALITY AS x(a, b, i) ORDER BY i)
RETURNING {", ".join(f"t.{column}" for column in KEY)}, t.xmax = 0
"""  # noqa: S608 - names of columns


def count(removed: Iterable[Evidence], added: Iterable[Evidence | EvidenceRow]) -> None:
    """Moves tallies and totals from `removed` to `added`, in the order of keys, so that two of these never deadlock."""
    minus, plus = tallied(removed), tallied(added)
    less = sorted(key for key, delta in minus.items() if delta != plus.get(key))
    if less:
        totals.lock(key[:7] for key in (*less, *plus))
    _add({key: delta for key, delta in plus.items() if key not in minus})
    for key in less:
        _recount(key)
    totals.add_up(key[:7] for key in less)


@transaction.atomic
def recount(key: Key) -> None:
    """Adds one tally and its total up anew, whatever they say now."""
    totals.lock([key[:7]])
    _recount(key)
    totals.add_up([key[:7]])


@transaction.atomic
def total_up(group: Group) -> None:
    """Adds one total up anew from its tallies."""
    totals.lock([group])
    totals.add_up([group])


def _recount(key: Key) -> None:
    """Where something was taken away, the time of the last sighting is not a sum: the tally is added up anew."""
    where = where_key(key)
    tally = Tally.objects.select_for_update(no_key=True).filter(**where)
    list(tally)
    counted = tallied(Evidence.objects.counted().filter(**where)).get(key)
    if counted is None:
        tally.delete()
    elif not tally.update(**asdict(counted)):
        _add({key: counted})


def take_out(machine: Machine, most: int) -> bool:
    """Takes so many tallies of a machine out of their totals, with all of a group. Returns whether some are left.

    Call it with the machine locked, and not while anything of it is counted.
    """
    ordered = Tally.objects.filter(machine=machine).order_by(*GROUP)
    rows = list(ordered[: most + len(OUTCOMES)])
    groups = {group_of(row) for row in rows[:most]}
    totals.lock(groups)
    mine = Tally.objects.filter(pk__in=[row.pk for row in rows if group_of(row) in groups])
    before = sums_of(mine)
    mine.delete()
    totals.take_away(before)
    return len(rows) > most


def _add(sums: dict[Key, TallySum]) -> None:
    if not sums:
        return
    totals.add(sums)
    rows = [
        (*key, one.runs, one.last_seen_at, array_literal(one.histogram), array_literal(one.worked))
        for key, one in sorted(sums.items(), key=lambda pair: pair[0])
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
        new = [tuple(key) for *key, is_new in cursor.fetchall() if is_new]
    totals.count_new_machines(new)
