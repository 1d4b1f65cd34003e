"""Totals: tallies summed over all machines and outcomes, so that what a page reads does not grow with the fleet.

Only `tallies` calls this. It locks a total before it touches the total's tallies, in the order of groups, whether the
total exists or not. So nobody else changes these tallies meanwhile, it is certain which machine is new to the total,
and two transactions cannot deadlock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db import connection

from catalog.measured import histogram
from diagnosis.words.vocabulary import CONCLUSIVE, OUTCOMES
from reports.totals.sums import GROUP, KEY, Group, Key, TallySum, TotalSum, totalled

_GROUP = ", ".join(GROUP)
_GIVEN = "%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]"
_GROUPS = f"unnest({_GIVEN}) WITH ORDINALITY AS one({_GROUP}, place)"
GROUPS_AT_ONCE = 200  # when they are added up anew: each has the tallies of a fleet
# Columns: the type that unnest() takes, and what makes the column of it. An array goes as text, see `array_literal`.
_SUMS = {
    "runs": ("text", "::int[]"),
    "held": ("int", ""),
    "conclusive": ("int", ""),
    "histogram": ("text", "::int[]"),
    "worked": ("text", "::int[]"),
}
_WHOLE = {
    **_SUMS,
    "nr_machines": ("int", ""),
    "nr_conclusive_machines": ("int", ""),
    "last_seen_at": ("timestamptz", ""),
    "news_at": ("timestamptz", ""),
}


def _types(columns: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"%s::{kind}[]" for kind, _ in columns.values())


def _values(one: TotalSum, columns: Iterable[str]) -> Iterator[object]:
    for name in columns:
        value = getattr(one, name)
        yield array_literal(value) if isinstance(value, list) else value


_SAME = " AND ".join(f"t.{column} = one.{column}" for column in GROUP)


def _summed(column: str) -> str:
    """An array of the total with an array of what is added, element by element."""
    both = f"unnest(t.{column}, excluded.{column}) WITH ORDINALITY AS x(a, b, i)"
    return f"{column} = ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0) FROM {both} ORDER BY i)"


_ADD = f"""
INSERT INTO catalog_total AS t ({_GROUP}, {", ".join(_SUMS)}, last_seen_at, news_at)
SELECT {_GROUP}, {", ".join(f"{name}{cast}" for name, (_, cast) in _SUMS.items())}, last_seen_at, now()
FROM unnest({_GIVEN}, {_types(_SUMS)}, %s::timestamptz[]) WITH ORDINALITY
    AS one({_GROUP}, {", ".join(_SUMS)}, last_seen_at, place)
ORDER BY place
ON CONFLICT ON CONSTRAINT total_key DO UPDATE SET
    {_summed("runs")}, {_summed("histogram")}, {_summed("worked")},
    held = t.held + excluded.held,
    conclusive = t.conclusive + excluded.conclusive,
    last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
    news_at = CASE
        WHEN EXISTS (SELECT FROM unnest(t.runs, excluded.runs) AS x(a, b) WHERE coalesce(a, 0) = 0 AND b > 0)
        THEN excluded.news_at ELSE t.news_at
    END
"""


def add(tallies: Mapping[Key, TallySum]) -> None:
    """Adds tallies to their totals and locks those. Call `count_new_machines` for tallies that are new."""
    rows = [(*group, *_values(one, _SUMS), one.last_seen_at) for group, one in totalled(tallies).items()]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, _columns(rows))


_SEEN_OUTCOMES = f"""
SELECT {_GROUP}, machine_id, outcome FROM catalog_tally
JOIN unnest({_GIVEN}, %s::bigint[]) AS one({_GROUP}, machine_id) USING ({_GROUP}, machine_id)
"""
_COUNT_MACHINES = f"""
UPDATE catalog_total t SET
    nr_machines = t.nr_machines + one.machines, nr_conclusive_machines = t.nr_conclusive_machines + one.deciding
FROM unnest({_GIVEN}, %s::int[], %s::int[]) AS one({_GROUP}, machines, deciding)
WHERE {_SAME}
"""


def count_new_machines(new_tallies: Iterable[Key]) -> None:
    """Increments `nr_machines` of each total by the machines that had no tally in it before these were inserted."""
    new: dict[tuple[Group, int], set[str]] = defaultdict(set)
    for key in new_tallies:
        new[key[:7], key[7]].add(key[8])
    if not new:
        return
    seen: dict[tuple[Group, int], set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_SEEN_OUTCOMES, _columns([(*group, machine) for group, machine in new]))
        for *group, machine, outcome in cursor.fetchall():
            seen[tuple(group), machine].add(outcome)
        machines: Counter[Group] = Counter({group: 0 for group, _ in new})
        conclusive = Counter[Group]()
        for (group, machine), outcomes in new.items():
            before = seen[group, machine] - outcomes
            if not before:
                machines[group] += 1
            if outcomes.intersection(CONCLUSIVE) and not before.intersection(CONCLUSIVE):
                conclusive[group] += 1
        rows = [(*group, machines[group], conclusive[group]) for group in machines]
        cursor.execute(_COUNT_MACHINES, _columns(rows))


# Totals that do not exist yet are made, at zero: nobody can lock what is not there, and whoever makes it later does so
# while holding later ones, which is a deadlock. `add` and `add_up` fill them, or `add_up` and `take_away` delete them.
_LOCK = f"""
INSERT INTO catalog_total AS t ({_GROUP}, runs, held, conclusive, last_seen_at, news_at, histogram, worked)
SELECT {_GROUP}, array_fill(0, ARRAY[{len(OUTCOMES)}]), 0, 0, '-infinity', now(),
    array_fill(0, ARRAY[{histogram.BUCKETS}]), array_fill(0, ARRAY[6])
FROM {_GROUPS} ORDER BY place
ON CONFLICT ON CONSTRAINT total_key DO UPDATE SET held = t.held
RETURNING {", ".join(f"t.{column}" for column in GROUP)}, t.xmax = 0
"""


def lock(groups: Iterable[Group]) -> set[Group]:
    """Locks these totals in the order of groups, and returns those that were made for it: none of them may be committed
    as it is."""
    ordered = sorted(set(groups))
    if not ordered:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, _columns(ordered))
        return {tuple(group) for *group, is_new in cursor.fetchall() if is_new}


def _less(column: str) -> str:
    both = f"unnest(t.{column}, one.{column}::int[]) WITH ORDINALITY AS x(a, b, i)"
    return f"{column} = ARRAY(SELECT a - coalesce(b, 0) FROM {both} ORDER BY i)"


_TIMES = f"""
SELECT {_GROUP}, outcome, min(since), max(last_seen_at) FROM catalog_tally JOIN {_GROUPS} USING ({_GROUP})
GROUP BY {_GROUP}, outcome
"""
_TAKE_AWAY = f"""
UPDATE catalog_total t SET
    {_less("runs")}, {_less("histogram")}, {_less("worked")},
    held = t.held - one.held, conclusive = t.conclusive - one.conclusive,
    nr_machines = t.nr_machines - one.machines, nr_conclusive_machines = t.nr_conclusive_machines - one.deciding,
    last_seen_at = one.last_seen_at, news_at = one.news_at
FROM unnest({_GIVEN}, {_types(_SUMS)}, %s::int[], %s::int[], %s::timestamptz[], %s::timestamptz[])
    AS one({_GROUP}, {", ".join(_SUMS)}, machines, deciding, last_seen_at, news_at)
WHERE {_SAME}
"""


def take_away(tallies: Mapping[Key, TallySum]) -> None:
    """Subtracts all tallies of a machine from their totals. Lock the totals and delete the tallies first.

    Not `add_up`: that would read the tallies of a whole fleet to take out those of one machine.
    """
    lost = totalled(tallies)
    if not lost:
        return
    left: dict[Group, TotalSum] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TIMES, _columns(list(lost)))
        for *group, outcome, since, last_seen_at in cursor:
            left.setdefault(tuple(group), TotalSum(last_seen_at)).see(outcome, since, last_seen_at)
        rows = [
            (
                *(*group, *_values(lost[group], _SUMS), lost[group].nr_machines, lost[group].nr_conclusive_machines),
                *(one.last_seen_at, one.news_at),
            )
            for group, one in left.items()
        ]
        if rows:
            cursor.execute(_TAKE_AWAY, _columns(rows))
        if gone := [group for group in lost if group not in left]:
            cursor.execute(_DELETE, _columns(gone))


_TALLIES = f"""
SELECT {", ".join(KEY)}, runs, histogram, last_seen_at, worked, since
FROM catalog_tally JOIN {_GROUPS} USING ({_GROUP}) ORDER BY place
"""
_PUT = f"""
INSERT INTO catalog_total ({_GROUP}, {", ".join(_WHOLE)})
SELECT {_GROUP}, {", ".join(f"{name}{cast}" for name, (_, cast) in _WHOLE.items())}
FROM unnest({_GIVEN}, {_types(_WHOLE)}) AS one({_GROUP}, {", ".join(_WHOLE)})
ON CONFLICT ON CONSTRAINT total_key DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _WHOLE)}
"""
_DELETE = f"DELETE FROM catalog_total t USING {_GROUPS} WHERE {_SAME}"


def add_up(groups: Iterable[Group]) -> None:
    """Recomputes these totals from their tallies: after a removal no sum tells the time of the last sighting. Lock them
    first."""
    ordered = sorted(set(groups))
    for start in range(0, len(ordered), GROUPS_AT_ONCE):
        _add_up(ordered[start : start + GROUPS_AT_ONCE])


def _add_up(groups: list[Group]) -> None:
    found: dict[Group, TotalSum] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES, _columns(groups))
        for *key, machine, outcome, runs, buckets, last_seen_at, worked, since in cursor:
            one = found.setdefault(tuple(key), TotalSum(last_seen_at))
            one.add(machine, outcome, TallySum(runs, buckets, last_seen_at, worked))
            one.see(outcome, since, last_seen_at)
        if found:
            cursor.execute(_PUT, _columns([(*group, *_values(one, _WHOLE)) for group, one in found.items()]))
        if gone := [group for group in groups if group not in found]:
            cursor.execute(_DELETE, _columns(gone))


def array_literal(numbers: Iterable[int]) -> str:
    """A PostgreSQL array literal: unnest() flattens nested arrays down to their numbers, so each array goes as text."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
