"""KCIDB objects, merged by id over messages. `file` keeps what messages say, and has reports that this changes read
again; `merged` is a message with all that is known of its objects; `stale` says for which ones that has changed since.

Two workers may file a test and its build at the same moment. Each files in a transaction, alone with its owner's
objects, before it reads; and settles alone with them, only if what it read is still so. Whichever is second sees the
other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from diagnosis.formats import kcidb
from diagnosis.formats.faults import Unreadable
from reports.intake.formats.older_kcidb import current
from reports.intake.packing import unpacked
from reports.models import KcidbObject, Report
from reports.worker import replay

# Of excerpts of logs, which other messages may have brought: a message of 100 kB can name 80 MB of them.
MAX_EXCERPTS = 4 << 20
_OWNERS = 0x6B63  # of locks of ours, those that keep one person's objects
Messages = dict[Report, dict[str, Any]]


def messages(reports: Iterable[Report]) -> Messages:
    """Those that are of KCIDB, in the order in which they came, as documents. What cannot be read is left out."""
    made = {}
    for report in sorted(reports, key=lambda one: one.id):
        if report.format == kcidb.FORMAT.name:
            try:
                made[report] = kcidb.document(current(unpacked(report.payload)))
            except Unreadable:
                continue
    return made


def filed(reports: Iterable[Report]) -> dict[Report, bytes]:
    """Files those that are of KCIDB, and gives each as it is to be read."""
    some = messages(reports)
    if some:
        file(some)
    return merged(some)


@transaction.atomic
def file(some: Messages) -> None:
    alone_with_objects_of(some)
    for owner, mine in _by_owner(some).items():
        changed = [_file(owner, kind, mine) for kind in kcidb.KINDS]
        touched = set().union(*(spoke for _, spoke in changed))
        touched |= _below(owner, changed[0][0], changed[1][0])
        replay.queue(touched - {report.id for report in some})


def alone_with_objects_of(reports: Iterable[Report]) -> None:
    """Until the transaction ends; before any row is locked, and in one order: no deadlock."""
    with connection.cursor() as cursor:
        for owner in sorted({report.machine.owner_id for report in reports}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_OWNERS, owner])


def merged(some: Messages) -> dict[Report, bytes]:
    """Each message with the whole of each of its tests, and with the builds and checkouts of these."""
    made = {}
    for owner, mine in _by_owner(some).items():
        tests = _rows(owner, "tests", (one["id"] for document in mine.values() for one in document.get("tests", ())))
        builds = _rows(owner, "builds", (row.parent for row in tests.values()))
        checkouts = _rows(owner, "checkouts", (row.parent for row in builds.values()))
        for report, document in mine.items():
            made[report] = _merged(report, document, tests, builds, checkouts)
    return made


def stale(used: Mapping[Report, bytes]) -> set[UUID]:
    """Which of these would be read otherwise by now. Call it alone with their objects."""
    if not used:
        return set()
    now = merged(messages(used))
    return {report.id for report, body in used.items() if now.get(report) != body}


def forget(report: Report) -> None:
    """Takes out what this report said, and has those read again that told more by it. Call it in a transaction."""
    some = messages([report]) if hasattr(report, "payload") else {}
    alone_with_objects_of(some)
    touched: set[UUID] = set()
    for document in some.values():
        owner = report.machine.owner_id
        for kind in kcidb.KINDS:
            rows = _rows(owner, kind, (one["id"] for one in document.get(kind, ()))).values()
            touched |= {row.report_id for row in rows if _without(row, report)}
            names = {row.name for row in rows}
            touched |= _below(owner, names if kind == "checkouts" else set(), names if kind == "builds" else set())
    replay.queue(touched - {report.id})


def _without(row: KcidbObject, report: Report) -> bool:
    """Takes out of an object what a report said. What an earlier one had said comes back as that one is read again."""
    mine = [name for name, by in row.by.items() if by == report.id.hex]
    left = {name: by for name, by in row.by.items() if name and name not in mine}
    if not left:
        row.delete()
        return False
    row.said = {name: row.said[name] for name in left}
    row.by = {**left, "": max(left.values())}
    row.report_id = UUID(row.by[""])
    row.save()
    return bool(mine)


def _by_owner(some: Messages) -> dict[int, Messages]:
    made: defaultdict[int, Messages] = defaultdict(dict)
    for report, document in some.items():
        made[report.machine.owner_id][report] = document
    return dict(sorted(made.items()))


def _rows(owner: int, kind: str, names: Iterable[str]) -> dict[str, KcidbObject]:
    rows = KcidbObject.objects.filter(owner=owner, kind=kind, name__in=set(names))
    return {row.name: row for row in rows}


def _file(owner: int, kind: str, mine: Messages) -> tuple[set[str], set[UUID]]:
    """Files all of one kind. Returns which objects say something else now, and the reports in which these counted."""
    said = [(report, kcidb.by_id(document, kind)) for report, document in mine.items()]
    known = _rows(owner, kind, (name for _, objects in said for name in objects))
    before = {name: (row.said, row.report_id, row.by) for name, row in known.items()}
    for report, objects in said:
        for name, (_, one) in objects.items():
            row = known.setdefault(name, KcidbObject(owner_id=owner, kind=kind, name=name, said={}, by={}))
            _add(row, one, report)
    new = [row for name, row in known.items() if before.get(name) != (row.said, row.report_id, row.by)]
    KcidbObject.objects.bulk_create(
        [_as_new(row) for row in new],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["owner", "kind", "name"],
        update_fields=["parent", "said", "by", "report"],
    )
    others = {row.name for row in new if row.name not in before or before[row.name][0] != row.said}
    spoke = {before[row.name][1] for row in new if row.name in before} | {row.report_id for row in new}
    return others, spoke if kind == "tests" else set()


def _as_new(row: KcidbObject) -> KcidbObject:
    """For an insert that becomes an update: without the number of the row that it replaces."""
    return KcidbObject(
        owner_id=row.owner_id,
        kind=row.kind,
        name=row.name,
        parent=row.parent,
        said=row.said,
        by=row.by,
        report_id=row.report_id,
    )


def _add(row: KcidbObject, one: Mapping[str, Any], report: Report) -> None:
    """What one message says of an object. In new dicts: those of before are compared with these."""
    new = {name: one[name] for name in kcidb.KINDS[row.kind].kept if name in one}
    later = {name for name in new if row.by.get(name, "") <= report.id.hex}
    row.said = {**row.said, **{name: new[name] for name in later}}
    row.by = {**row.by, "": max(row.by.get("", ""), report.id.hex), **dict.fromkeys(later, report.id.hex)}
    row.parent = row.said.get(kcidb.KINDS[row.kind].parent, "")
    row.report_id = UUID(row.by[""])


def _below(owner: int, checkouts: set[str], builds: set[str]) -> set[UUID]:
    """Reports in which tests of these count."""
    mine = KcidbObject.objects.filter(owner=owner)
    if checkouts:
        builds = builds | set(mine.filter(kind="builds", parent__in=checkouts).values_list("name", flat=True))
    return set(mine.filter(kind="tests", parent__in=builds).values_list("report", flat=True)) if builds else set()


def _merged(
    report: Report,
    document: Mapping[str, Any],
    tests: Mapping[str, KcidbObject],
    builds: Mapping[str, KcidbObject],
    checkouts: Mapping[str, KcidbObject],
) -> bytes:
    """Tests stay at their places, by which their evidence is known."""
    made: dict[str, Any] = {"version": {"major": 5}, "tests": []}
    used_builds, used_checkouts = {}, {}
    room = MAX_EXCERPTS
    for one in document.get("tests", []):
        row = tests.get(one["id"])
        if row is None or row.report_id != report.id:
            made["tests"].append({"id": one["id"], "build_id": one["build_id"], kcidb.ELSEWHERE: row is not None})
            continue
        room -= len(row.said.get("log_excerpt", ""))
        said = {name: value for name, value in row.said.items() if room >= 0 or name != "log_excerpt"}
        made["tests"].append({"id": one["id"], **said})
        build = builds.get(row.parent)
        if build and build.said:
            used_builds[build.name] = build.said
            checkout = checkouts.get(build.parent)
            if checkout:
                used_checkouts[checkout.name] = checkout.said
    for kind, used in (("builds", used_builds), ("checkouts", used_checkouts)):
        made[kind] = [{"id": name, **said} for name, said in sorted(used.items())]
    if not made["tests"]:
        made.update({kind: document.get(kind, []) for kind in ("builds", "checkouts")})
    return json.dumps(made, sort_keys=True).encode()
