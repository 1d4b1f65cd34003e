"""Tallies: the evidence that counts, added up. `count` alone decides what a tally becomes.

Whatever changes evidence says what was counted before and what is counted now; the difference is the delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection, transaction

from catalog import histogram
from catalog.models import Tally
from people.models import Machine
from reports.models import Evidence
from reports.rows import Row

# (case, build, architecture, mover, area, environment, kind, machine, outcome), by id where there is one: as Tally.KEY.
Key = tuple[int, int, str, str, str, str, str, int, str]


@dataclass
class Delta:
    """`worked` as in `Tally`."""

    runs: int
    histogram: list[int]
    last_seen_at: datetime
    worked: list[int]


def tallied(rows: Iterable[Evidence | Row]) -> dict[Key, Delta]:
    """What these rows add up to, by tally key."""
    made: dict[Key, Delta] = {}
    for row in rows:
        key = key_of(row)
        one = made.get(key)
        if one is None:
            made[key] = Delta(1, histogram.of(row.freed_seconds), row.seen_at, _worked(row))
        else:
            one.runs += 1
            one.histogram = histogram.added([one.histogram, histogram.of(row.freed_seconds)])
            one.last_seen_at = max(one.last_seen_at, row.seen_at)
            one.worked = [a + b for a, b in zip(one.worked, _worked(row), strict=True)]
    return made


def _worked(row: Evidence | Row) -> list[int]:
    said = (row.worked_before, row.worked_while_held, row.worked_after)
    return [number for one in said for number in (int(one is True), int(one is not None))]


def key_of(row: Evidence | Row | Tally) -> Key:
    return (
        *(row.case_id, row.build_id, row.architecture, row.mover, row.area),
        *(row.environment, row.kind, row.machine_id, row.outcome),
    )


# Adding arrays element by element, and all deltas in one statement: the ORM can say neither. Histograms come as text,
# since unnest takes arrays of arrays apart down to their numbers.
_ADD = """
INSERT INTO catalog_tally AS t (case_id, build_id, architecture, mover, area, environment, kind, machine_id, outcome,
                                runs, last_seen_at, histogram, worked)
SELECT case_id, build_id, architecture, mover, area, environment, kind, machine_id, outcome, runs, last_seen_at,
    histogram::int[], worked::int[]
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
    %s::text[], %s::int[], %s::timestamptz[], %s::text[], %s::text[]) WITH ORDINALITY
    AS one(case_id, build_id, architecture, mover, area, environment, kind, machine_id, outcome, runs, last_seen_at,
    histogram, worked, i)
ORDER BY i
ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET
    runs = t.runs + excluded.runs,
    last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
    histogram = ARRAY(
        SELECT a + b FROM unnest(t.histogram, excluded.histogram) WITH ORDINALITY AS x(a, b, i) ORDER BY i
    ),
    worked = ARRAY(SELECT a + b FROM unnest(t.worked, excluded.worked) WITH ORDINALITY AS x(a, b, i) ORDER BY i)
"""


def count(removed: Iterable[Evidence], added: Iterable[Evidence | Row]) -> None:
    """Moves the tallies from `removed` to `added`, in the order of keys, so that two of these never deadlock."""
    minus, plus = tallied(removed), tallied(added)
    if not minus:
        _add(plus)
        return
    for key in sorted(minus.keys() | plus.keys()):
        if key not in minus:
            _add({key: plus[key]})
        elif minus[key] != plus.get(key):
            recount(key)


@transaction.atomic
def recount(key: Key) -> None:
    """Where something was taken away, the time of the last sighting is not a sum: the tally is added up anew."""
    where = where_key(key)
    tally = Tally.objects.select_for_update().filter(**where)
    list(tally)
    total = tallied(Evidence.objects.counted().filter(**where)).get(key)
    if total is None:
        tally.delete()
    elif not tally.update(**asdict(total)):
        _add({key: total})


def count_machine(machine: Machine) -> None:
    """Counts a machine's evidence where it is trusted, and else none of it. Call it with the machine locked."""
    Tally.objects.filter(machine=machine).delete()
    _add(tallied(Evidence.objects.counted().filter(machine=machine).iterator(chunk_size=2_000)))


def _add(deltas: dict[Key, Delta]) -> None:
    if not deltas:
        return
    rows = [
        (*key, one.runs, one.last_seen_at, _literal(one.histogram), _literal(one.worked))
        for key, one in sorted(deltas.items(), key=lambda pair: pair[0])
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])


def _literal(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def where_key(key: Key) -> dict[str, int | str]:
    names = [f"{name}_id" if name in ("case", "build", "machine") else name for name in Tally.KEY]
    return dict(zip(names, key, strict=True))
