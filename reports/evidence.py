"""Evidence and tallies, always together. `_count` alone decides what a tally becomes.

Whatever changes evidence says what was counted before and what is counted now; the difference is the delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from catalog import histogram
from catalog.models import Case, KernelBuild, Tally
from diagnosis.match import Match
from diagnosis.observation import Observation as Said
from people import journal
from people.models import User
from reports.models import Evidence, Observation, Report, Verdict

Found = list[tuple[Said, list[Match]]]
# (case, build, architecture, mover, area, environment, kind, machine, outcome), by id where there is one: as Tally.KEY.
Key = tuple[int, int, str, str, str, str, str, int, str]


@dataclass
class Delta:
    runs: int
    histogram: list[int]
    last_seen_at: datetime


def attach(found: dict[Report, Found]) -> None:
    """Makes the evidence of these reports exactly what was found in them. Call it in a transaction.

    Attaching the same again changes nothing. Observations and evidence of an earlier reading are replaced.
    """
    ids = [report.id for report in found]
    before = list(Evidence.objects.counted().filter(report__in=ids))
    Evidence.objects.filter(report__in=ids).delete()
    Observation.objects.filter(report__in=ids).delete()
    builds = _builds({(said.release, said.label) for said, _ in _flat(found)})
    cases = dict(Case.objects.filter(slug__in={m.case for _, ms in _flat(found) for m in ms}).values_list("slug", "pk"))
    Observation.objects.bulk_create(
        _observation(report, said, builds, bool(matches)) for report, pairs in found.items() for said, matches in pairs
    )
    Evidence.objects.bulk_create(
        _evidence(report, said, match, cases[match.case], builds)
        for report, pairs in found.items()
        for said, matches in pairs
        for match in matches
        if match.case in cases
    )
    _count(removed=before, added=Evidence.objects.counted().filter(report__in=ids))


@transaction.atomic
def judge(report: Report, key: str, case: Case, person: User, stands: bool, note: str = "") -> Verdict:
    """A person's word on one piece of evidence. Refuted evidence stays, and stops counting.

    By its key, not by its row: a report that is read again gets new rows.
    """
    Report.objects.select_for_update().get(pk=report.pk)
    mine = Evidence.objects.filter(report=report, key=key, case=case)
    before = list(mine.counted())
    verdict, _ = Verdict.objects.update_or_create(
        report=report, key=key, case=case, defaults={"stands": stands, "note": note, "person": person}
    )
    _count(removed=before, added=mine.counted())
    journal.record("evidence.judged", "report", str(report.pk), person, key=key, case=case.slug, stands=stands)
    return verdict


def tallied(rows: Iterable[Evidence]) -> dict[Key, Delta]:
    """What these rows add up to, by tally key."""
    made: dict[Key, Delta] = {}
    for row in rows:
        key = key_of(row)
        one = made.get(key)
        if one is None:
            made[key] = Delta(1, histogram.of(row.freed_seconds), row.seen_at)
        else:
            one.runs += 1
            one.histogram = histogram.added([one.histogram, histogram.of(row.freed_seconds)])
            one.last_seen_at = max(one.last_seen_at, row.seen_at)
    return made


def key_of(row: Evidence | Tally) -> Key:
    return (
        *(row.case_id, row.build_id, row.architecture, row.mover, row.area),
        *(row.environment, row.kind, row.machine_id, row.outcome),
    )


# Adding arrays element by element, and all deltas in one statement: the ORM can say neither.
_ADD = """
INSERT INTO catalog_tally AS t (case_id, build_id, architecture, mover, area, environment, kind, machine_id, outcome,
                                runs, last_seen_at, histogram)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::int[])
ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET
    runs = t.runs + excluded.runs,
    last_seen_at = greatest(t.last_seen_at, excluded.last_seen_at),
    histogram = ARRAY(
        SELECT a + b FROM unnest(t.histogram, excluded.histogram) WITH ORDINALITY AS x(a, b, i) ORDER BY i
    )
"""


def _count(removed: Iterable[Evidence], added: Iterable[Evidence]) -> None:
    """Moves the tallies from `removed` to `added`, in the order of keys, so that two of these never deadlock."""
    minus, plus = tallied(removed), tallied(added)
    for key in sorted(minus.keys() | plus.keys()):
        if key not in minus:
            _add(key, plus[key])
        elif minus[key] != plus.get(key):
            recount(key)


@transaction.atomic
def recount(key: Key) -> None:
    """Where something was taken away, the time of the last sighting is not a sum: the tally is added up anew."""
    where = _where(key)
    tally = Tally.objects.select_for_update().filter(**where)
    list(tally)
    total = tallied(Evidence.objects.counted().filter(**where)).get(key)
    if total is None:
        tally.delete()
    elif not tally.update(runs=total.runs, last_seen_at=total.last_seen_at, histogram=total.histogram):
        _add(key, total)


def _add(key: Key, delta: Delta) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [*key, delta.runs, delta.last_seen_at, delta.histogram])


def _flat(found: dict[Report, Found]) -> list[tuple[Said, list[Match]]]:
    return [pair for pairs in found.values() for pair in pairs]


def _builds(names: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of these kernel builds, made where there are none, in one order."""
    made: dict[tuple[str, str], int] = {}
    for release, label in sorted(names):
        made[release, label] = KernelBuild.objects.get_or_create(release=release, label=label)[0].pk
    return made


def _observation(report: Report, said: Said, builds: dict[tuple[str, str], int], is_matched: bool) -> Observation:
    return Observation(
        report=report,
        key=said.key,
        kind=said.kind,
        names=said.names,
        build_id=builds[said.release, said.label],
        architecture=said.architecture,
        mover=said.mover,
        migrate_mode=said.migrate_mode,
        area=said.area,
        environment=said.environment,
        outcome=said.outcome,
        freed_seconds=said.freed_seconds,
        fingerprint=said.fingerprint,
        says=said.says[:300],
        marks=[mark[:200] for mark in said.marks],
        is_matched=is_matched,
    )


def _evidence(report: Report, said: Said, match: Match, case_id: int, builds: dict[tuple[str, str], int]) -> Evidence:
    return Evidence(
        report=report,
        key=said.key,
        case_id=case_id,
        rule=match.rule,
        reason=match.reason,
        build_id=builds[said.release, said.label],
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


Disagreement = tuple[Key, Delta | None, Delta | None]


def disagreements() -> list[Disagreement]:
    """Where a tally is not what its evidence adds up to: (key, tally, evidence). Empty when all is well.

    The two are read one after the other, so what differs is looked at once more under the tally's lock.
    """
    stored = {key_of(t): _delta(t) for t in Tally.objects.all()}
    counted = tallied(Evidence.objects.counted().iterator(chunk_size=2_000))
    suspects = [key for key in sorted(stored.keys() | counted.keys()) if stored.get(key) != counted.get(key)]
    return [found for key in suspects if (found := _differs(key))]


@transaction.atomic
def _differs(key: Key) -> Disagreement | None:
    stored = next((_delta(tally) for tally in Tally.objects.select_for_update().filter(**_where(key))), None)
    counted = tallied(Evidence.objects.counted().filter(**_where(key))).get(key)
    return (key, stored, counted) if stored != counted else None


def _delta(tally: Tally) -> Delta:
    return Delta(tally.runs, list(tally.histogram), tally.last_seen_at)


def _where(key: Key) -> dict[str, int | str]:
    names = [f"{name}_id" if name in ("case", "build", "machine") else name for name in Tally.KEY]
    return dict(zip(names, key, strict=True))
