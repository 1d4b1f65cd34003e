"""Totals: tallies summed over all machines and outcomes, so that what a page reads does not grow with the fleet.

Only `tallies` calls this. It locks a total before it touches the total's tallies, in the order of groups, whether the
total exists or not. So nobody else changes these tallies meanwhile, it is certain which machine is new to the total,
and two transactions cannot deadlock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db import connection

from catalog.measured import histogram
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, OUTCOMES
from reports.totals.deltas import Delta, Key
from reports.totals.expected_totals import GROUP, Group, totalled

_GROUP = ", ".join(GROUP)
_GIVEN = "%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]"
_GROUPS = f"unnest({_GIVEN}) WITH ORDINALITY AS one({_GROUP}, place)"


_SAME = " AND ".join(f"t.{column} = one.{column}" for column in GROUP)


def _summed(column: str) -> str:
    """An array of the total with an array of what is added, element by element."""
    both = f"unnest(t.{column}, excluded.{column}) WITH ORDINALITY AS x(a, b, i)"
    return f"{column} = ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0) FROM {both} ORDER BY i)"


_ADD = f"""
INSERT INTO catalog_total AS t ({_GROUP}, runs, held, conclusive, last_seen_at, histogram, worked, news_at)
SELECT {_GROUP}, runs::int[], held, conclusive, last_seen_at, histogram::int[], worked::int[],
    now()
FROM unnest({_GIVEN}, %s::text[], %s::int[], %s::int[], %s::timestamptz[], %s::text[], %s::text[]) WITH ORDINALITY
    AS one({_GROUP}, runs, held, conclusive, last_seen_at, histogram, worked, place)
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


def add(deltas: Mapping[Key, Delta]) -> None:
    """Adds deltas to their totals and locks those. Call `count_new_machines` for tallies that are new."""
    rows = [
        (
            *(*group, array_literal(one.runs), one.held, one.conclusive, one.last_seen_at),
            *(array_literal(one.histogram), array_literal(one.worked)),
        )
        for group, one in totalled(deltas).items()
    ]
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


_TAKE_AWAY = f"""
UPDATE catalog_total t SET
    {_less("runs")}, {_less("histogram")}, {_less("worked")},
    held = t.held - one.held, conclusive = t.conclusive - one.conclusive,
    nr_machines = t.nr_machines - one.machines, nr_conclusive_machines = t.nr_conclusive_machines - one.deciding
FROM unnest({_GIVEN}, %s::text[], %s::int[], %s::int[], %s::text[], %s::text[], %s::int[], %s::int[])
    AS one({_GROUP}, runs, held, conclusive, histogram, worked, machines, deciding)
WHERE {_SAME}
"""


def take_away(deltas: Mapping[Key, Delta]) -> None:
    """Subtracts all tallies of a machine from their totals. Lock the totals and delete the tallies first."""
    rows = [
        (
            *(*group, array_literal(one.runs), one.held, one.conclusive),
            *(array_literal(one.histogram), array_literal(one.worked)),
            *(one.nr_machines, one.nr_conclusive_machines),
        )
        for group, one in totalled(deltas).items()
    ]
    if rows:
        groups = _columns([row[:7] for row in rows])
        with connection.cursor() as cursor:
            cursor.execute(_NO_MORE, groups)
            cursor.execute(_TAKE_AWAY, _columns(rows))
            cursor.execute(_TIMES, groups)


def _by_outcome(aggregate: str, otherwise: str) -> str:
    parts = (f"coalesce({aggregate} FILTER (WHERE outcome = '{outcome}'), {otherwise})" for outcome in OUTCOMES)
    return f"ARRAY[{', '.join(parts)}]"


def _words(outcomes: Iterable[str]) -> str:
    return ", ".join(f"'{outcome}'" for outcome in outcomes)


def _column_sums(arrays: str, width: int) -> str:
    """The sum of arrays that `array_agg` put below each other."""
    place = f"(i - 1) %% {width}"
    summed = f"SELECT sum(n)::int FROM unnest({arrays}) WITH ORDINALITY AS x(n, i) GROUP BY {place} ORDER BY {place}"
    return f"CASE WHEN {arrays} IS NULL THEN array_fill(0, ARRAY[{width}]) ELSE ARRAY({summed}) END"


_TIMES = f"""
UPDATE catalog_total t SET
    last_seen_at = one.last, news_at = (SELECT max(s) FROM unnest(one.since) AS x(s))
FROM (
    SELECT {_GROUP}, max(last_seen_at) AS last, {_by_outcome("min(since)", "NULL")} AS since
    FROM catalog_tally JOIN {_GROUPS} USING ({_GROUP}) GROUP BY {_GROUP}
) one
WHERE {_SAME}
"""
_AGAIN = f"""
INSERT INTO catalog_total ({_GROUP}, runs, held, conclusive, nr_machines, nr_conclusive_machines, last_seen_at,
                           news_at, histogram, worked)
SELECT {_GROUP}, runs, held, conclusive, machines, deciding, last, (SELECT max(s) FROM unnest(since) AS x(s)),
    {_column_sums("histograms", histogram.BUCKETS)}, {_column_sums("worked", 6)}
FROM (
    SELECT {_GROUP}, {_by_outcome("sum(runs)", "0")}::int[] AS runs, {_by_outcome("min(since)", "NULL")} AS since,
        coalesce(sum(runs) FILTER (WHERE outcome IN ({_words(HELD)})), 0) AS held,
        coalesce(sum(runs) FILTER (WHERE outcome IN ({_words(CONCLUSIVE)})), 0) AS conclusive,
        count(DISTINCT machine_id) AS machines,
        count(DISTINCT machine_id) FILTER (WHERE outcome IN ({_words(CONCLUSIVE)})) AS deciding,
        max(last_seen_at) AS last,
        array_agg(histogram) FILTER (WHERE outcome IN ({_words(HELD)})) AS histograms,
        array_agg(worked) FILTER (WHERE outcome IN ({_words(CONCLUSIVE)})) AS worked
    FROM catalog_tally JOIN {_GROUPS} USING ({_GROUP}) GROUP BY {_GROUP}
) counted
ON CONFLICT ON CONSTRAINT total_key DO UPDATE SET
    runs = excluded.runs, held = excluded.held, conclusive = excluded.conclusive, nr_machines = excluded.nr_machines,
    nr_conclusive_machines = excluded.nr_conclusive_machines, last_seen_at = excluded.last_seen_at,
    news_at = excluded.news_at, histogram = excluded.histogram, worked = excluded.worked
"""
_NO_MORE = f"""
DELETE FROM catalog_total WHERE id IN (
    SELECT t.id FROM catalog_total t JOIN {_GROUPS} USING ({_GROUP})
    WHERE NOT EXISTS (SELECT FROM catalog_tally one WHERE {_SAME})
)
"""


def add_up(groups: Iterable[Group]) -> None:
    """Recomputes these totals from their tallies: after a removal no sum tells the time of the last sighting. Lock them
    first."""
    if ordered := sorted(set(groups)):
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, _columns(ordered))
            cursor.execute(_NO_MORE, _columns(ordered))


def array_literal(numbers: Iterable[int]) -> str:
    """A PostgreSQL array literal: unnest() flattens nested arrays down to their numbers, so each array goes as text."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
