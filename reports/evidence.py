"""Evidence and tallies, always together. `_count` alone decides what a tally becomes.

Whatever changes evidence says what was counted before and what is counted now; the difference is the delta.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model
from psycopg.sql import SQL, Identifier

from catalog import histogram
from catalog.models import Case, KernelBuild, Tally
from diagnosis.match import Match
from diagnosis.observation import Observation as Said
from people import journal
from people.models import Machine, Standing, User
from reports.models import Evidence, Observation, Report, Verdict

Found = list[tuple[Said, list[Match]]]
# (case, build, architecture, mover, area, environment, kind, machine, outcome), by id where there is one: as Tally.KEY.
Key = tuple[int, int, str, str, str, str, str, int, str]


@dataclass
class Delta:
    """`worked` as in `Tally`."""

    runs: int
    histogram: list[int]
    last_seen_at: datetime
    worked: list[int]


class Row(NamedTuple):
    """One row of evidence before it is written, in the order of the columns."""

    report_id: UUID
    key: str
    case_id: int
    rule: str
    reason: str
    build_id: int
    architecture: str
    mover: str
    area: str
    environment: str
    kind: str
    machine_id: int
    outcome: str
    freed_seconds: float | None
    worked_before: bool | None
    worked_while_held: bool | None
    worked_after: bool | None
    seen_at: datetime


def attach(found: dict[Report, Found]) -> None:
    """Makes the evidence of these reports exactly what was found in them. Call it in a transaction.

    Attaching the same again changes nothing. Observations and evidence of an earlier reading are replaced.
    """
    if not found:
        return
    trusted = hold_standing({report.machine_id for report in found})
    read_before = [report.id for report in found if report.settled_at]
    before = list(Evidence.objects.counted().filter(report__in=read_before)) if read_before else []
    if read_before:
        Evidence.objects.filter(report__in=read_before).delete()
        Observation.objects.filter(report__in=read_before).delete()
    said = [(report, one, matches) for report, pairs in found.items() for one, matches in pairs]
    builds = _builds({(one.release, one.label) for _, one, _ in said})
    slugs = {match.case for _, _, matches in said for match in matches}
    cases = dict(Case.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    rows = [
        _row(report, one, match, cases[match.case], builds[one.release, one.label])
        for report, one, matches in said
        for match in matches
        if match.case in cases
    ]
    _copy(Observation, _OBSERVATION, (_observed(*one, builds[one[1].release, one[1].label]) for one in said))
    _copy(Evidence, Row._fields, rows)
    again = set(read_before)
    added: list[Evidence | Row] = [row for row in rows if row.machine_id in trusted and row.report_id not in again]
    if read_before:  # only these can have been judged
        added += Evidence.objects.counted().filter(report__in=read_before)
    _count(removed=before, added=added)


def detach(report: Report) -> None:
    """Takes away what a report says and what it was attached to. Call it with the report locked."""
    hold_standing({report.machine_id})
    mine = Evidence.objects.filter(report=report)
    before = list(mine.counted())
    mine.delete()
    Observation.objects.filter(report=report).delete()
    _count(removed=before, added=[])


def hold_standing(machines: set[int]) -> set[int]:
    """Which of these machines are trusted; that stays so until the transaction ends. In one order: no deadlock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, standing FROM people_machine WHERE id = ANY(%s) ORDER BY id FOR SHARE", [list(machines)]
        )
        return {pk for pk, standing in cursor.fetchall() if standing == Standing.TRUSTED}


@transaction.atomic
def judge(report: Report, key: str, case: Case, person: User, stands: bool, note: str = "") -> Verdict:
    """A person's word on one piece of evidence. Refuted evidence stays, and stops counting.

    By its key, not by its row: a report that is read again gets new rows.
    """
    Report.objects.select_for_update().get(pk=report.pk)
    hold_standing({report.machine_id})
    mine = Evidence.objects.filter(report=report, key=key, case=case)
    before = list(mine.counted())
    verdict, _ = Verdict.objects.update_or_create(
        report=report, key=key, case=case, defaults={"stands": stands, "note": note, "person": person}
    )
    _count(removed=before, added=mine.counted())
    journal.record("evidence.judged", "report", str(report.pk), person, key=key, case=case.slug, stands=stands)
    return verdict


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


def _count(removed: Iterable[Evidence], added: Iterable[Evidence | Row]) -> None:
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


def _builds(names: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of these kernel builds, made where there are none, in one order."""
    made: dict[tuple[str, str], int] = {}
    for release, label in sorted(names):
        made[release, label] = KernelBuild.objects.get_or_create(release=release, label=label)[0].pk
    return made


_OBSERVATION = (
    *("report_id", "key", "kind", "names", "build_id", "architecture", "mover", "migrate_mode", "area"),
    *("environment", "outcome", "freed_seconds", "fingerprint", "says", "marks", "is_matched"),
)


def _observed(report: Report, said: Said, matches: list[Match], build_id: int) -> tuple[object, ...]:
    return (
        *(report.id, said.key, said.kind, said.names, build_id, said.architecture, said.mover, said.migrate_mode),
        *(said.area, said.environment, said.outcome, said.freed_seconds, said.fingerprint, said.says[:300]),
        *([mark[:200] for mark in said.marks], bool(matches)),
    )


def _row(report: Report, said: Said, match: Match, case_id: int, build_id: int) -> Row:
    return Row(
        report_id=report.id,
        key=said.key,
        case_id=case_id,
        rule=match.rule,
        reason=match.reason,
        build_id=build_id,
        architecture=said.architecture,
        mover=said.mover,
        area=said.area,
        environment=said.environment,
        kind=said.kind,
        machine_id=report.machine_id,
        outcome=said.outcome,
        freed_seconds=said.freed_seconds,
        worked_before=said.worked_before,
        worked_while_held=said.worked_while_held,
        worked_after=said.worked_after,
        seen_at=report.seen_at,
    )


def _copy(model: type[Model], columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """COPY, since bulk_create takes ten times as long."""
    into = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(model._meta.db_table), SQL(", ").join(map(Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)


def where_key(key: Key) -> dict[str, int | str]:
    names = [f"{name}_id" if name in ("case", "build", "machine") else name for name in Tally.KEY]
    return dict(zip(names, key, strict=True))
