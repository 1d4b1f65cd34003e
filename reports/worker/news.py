"""What new evidence is told of: a build, a case on a line, an outcome that changed. In the transaction that adds it.

Where nothing is new this costs one query. What is told is written with a name that the journal holds once, and a
course is moved under its lock: two workers cannot tell the same, and one that is killed has told nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, Exists, Func, OuterRef
from django.utils import timezone

from catalog.models import Case, Course, KernelBuild, Tally, Total
from diagnosis.matching.observation import Observation as Said
from people import journal
from people.models import Event, Machine
from reports.models import Observation, Report
from reports.totals.copy_rows import EvidenceRow
from reports.totals.sums import GROUP
from reports.worker import courses

FRESH = timedelta(days=14)  # what was measured longer ago and comes only now is history
Names = Mapping[int, tuple[str, str]]  # of builds: release and label
Key = tuple[int, str, str, str, str, str, str, str, str]  # as Course.KEY

_COLUMNS = ", ".join(Course.KEY)
_GIVEN = ", ".join(["%s::bigint[]", *["%s::text[]"] * 8])
# In the order of ids: two transactions lock in one order.
_FIND = f"SELECT * FROM catalog_course JOIN unnest({_GIVEN}) AS one({_COLUMNS}) USING ({_COLUMNS}) ORDER BY id"
_HOLD = f"{_FIND} FOR NO KEY UPDATE OF catalog_course"


class _Began(Func):
    """When this transaction began, as `since` of a tally has it; `Now` is when a statement did."""

    template = "now()"
    output_field = DateTimeField()


def tell(rows: Iterable[EvidenceRow], names: Names) -> None:
    """Of rows that count and that nobody read before. Call it once they are counted."""
    oldest = timezone.now() - FRESH
    last = {_group(row): row for row in rows if row.seen_at >= oldest}
    news: defaultdict[Key, list[EvidenceRow]] = defaultdict(list)
    for row in last.values():
        news[_key(row, *names[row.build_id])].append(row)
    if not news:
        return
    known = _found(_FIND, news)
    more = {key: found for key, found in news.items() if not _is_settled(known.get(key), found)}
    if more:
        events = [*_of_builds(more, names), *_of_lines(more, known.keys(), names)]
        events += _of_courses(more, known.keys(), names)
        journal.record_once(events)


def tell_of_the_unmatched(found: Mapping[str, tuple[Report, Said]]) -> None:
    """Of observations that no case explains, by fingerprint: those that nobody sent before. One query where there are
    any. Editors rule on fingerprints, so the second of one is no news."""
    if not found:
        return
    reports = {report.pk for report, _ in found.values()}
    known = Observation.objects.filter(fingerprint__in=found).exclude(report__in=reports)
    before = set(known.order_by().values_list("fingerprint", flat=True).distinct())
    new = {name: pair for name, pair in found.items() if name not in before}
    if new:
        journal.record_once([_unmatched(name, *pair) for name, pair in new.items()])


def _unmatched(name: str, report: Report, one: Said) -> Event:
    about = {
        "release": one.release,
        "label": one.label,
        "line": courses.track(one.release).line,
        "machine": report.machine.name,
        "report": str(report.pk),
    }
    once = f"unmatched.first {name}"
    return Event(verb="unmatched.first", once=once, subject_kind="fingerprint", subject=name, data=about)


def _group(row: EvidenceRow) -> tuple[Any, ...]:
    return (row.case_id, row.build_id, row.architecture, row.mover, row.area, row.environment, row.kind)


def _key(row: EvidenceRow, release: str, label: str) -> Key:
    on = courses.track(release)
    return (
        *(row.case_id, on.line, on.family, label, row.architecture, row.mover, row.area, row.environment, row.kind),
    )


def _is_settled(course: Course | None, rows: Sequence[EvidenceRow]) -> bool:
    return course is not None and all(row.build_id in course.settled for row in rows)


def _found(statement: str, keys: Iterable[Key]) -> dict[Key, Course]:
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = Course.objects.raw(statement, columns)
    return {tuple(getattr(row, name) for name in Course.KEY): row for row in rows}


def _of_builds(more: Mapping[Key, Sequence[EvidenceRow]], names: Names) -> list[Event]:
    first = {row.build_id: row for rows in more.values() for row in rows}
    before = Tally.objects.filter(build=OuterRef("pk"), since__lt=_Began())
    new = KernelBuild.objects.filter(~Exists(before), pk__in=first).values_list("pk", flat=True)
    return [_event("build.new", f"build.new {pk}", "build", names[pk][0], first[pk], names) for pk in new]


def _of_lines(more: Mapping[Key, Sequence[EvidenceRow]], known: Iterable[Key], names: Names) -> list[Event]:
    """Cases that were not measured on this line before, whatever the mover."""
    missing = {key[:2]: rows[0] for key, rows in more.items() if key not in set(known)}
    if not missing:
        return []
    releases = Tally.objects.filter(case__in={case for case, _ in missing}, since__lt=_Began()).order_by().distinct()
    seen = {(case, courses.track(release).line) for case, release in releases.values_list("case", "build__release")}
    slugs = _slugs(missing[at].case_id for at in missing)
    return [
        _event("evidence.first", f"evidence.first {at[0]} {at[1]}", "case", slugs[row.case_id], row, names)
        for at, row in missing.items()
        if at not in seen
    ]


def _of_courses(more: Mapping[Key, Sequence[EvidenceRow]], known: Iterable[Key], names: Names) -> list[Event]:
    missing = {key: rows for key, rows in more.items() if key not in set(known)}
    _begin(missing, names)
    held = _found(_HOLD, more)
    begun = {course.pk for key, course in held.items() if key in missing and len(course.settled) > 1}
    told = _gone_on(held, more, begun, names)
    Course.objects.bulk_update(held.values(), ["settled", "newer", "order", "is_inconclusive", "nr_turns"])
    slugs = _slugs(course.case_id for course, _, _ in told)
    return [_turn_event(course, row, turn, slugs[course.case_id], names) for course, row, turn in told]


def _begin(missing: Mapping[Key, Sequence[EvidenceRow]], names: Names) -> None:
    """Makes the courses that there are none of yet. Another worker that makes the same at this moment is waited for."""
    if not missing:
        return
    cases = {key[0] for key in missing}
    before = Tally.objects.filter(case__in=cases, since__lt=_Began()).order_by().distinct()
    old: defaultdict[Key, list[tuple[tuple[int, ...], int, str]]] = defaultdict(list)
    for found in before.values_list(*GROUP, "build__release", "build__label"):
        group, (release, label) = found[:7], found[7:]
        on = courses.track(release)
        key = (group[0], on.line, on.family, label, *group[2:])
        old[key].append((on.order, group[1], release))
    made = []
    for key, rows in sorted(missing.items()):
        course = Course(**dict(zip(Course.KEY, key, strict=True)))
        new = {row.build_id for row in rows} - {build for _, build, _ in old[key]}
        builds = [(order, build) for order, build, _ in old[key]]
        mine = [(courses.track(names[build][0]).order, build) for build in new]
        base = [] if builds or not course.label else _plain(old, missing, key, mine, names)
        courses.begin(course, base or [*builds, *mine], set() if base else new)
        if base:
            course.order = []  # whatever has the label comes after what has none, of the same release too
        made.append(course)
    Course.objects.bulk_create(made, ignore_conflicts=True)


def _plain(
    old: Mapping[Key, Sequence[tuple[tuple[int, ...], int, str]]],
    missing: Mapping[Key, Sequence[EvidenceRow]],
    key: Key,
    mine: Sequence[tuple[tuple[int, ...], int]],
    names: Names,
) -> list[tuple[tuple[int, ...], int]]:
    """What a label's first build is compared with: the same release without a label, or else the newest before it."""
    plain = (*key[:3], "", *key[4:])
    there = list(old.get(plain, ()))
    for row in missing.get(plain, ()):
        release = names[row.build_id][0]
        there.append((courses.track(release).order, row.build_id, release))
    first, build = min(mine)
    release = names[build][0]
    same = [one for one in there if one[2] == release]
    earlier = same or sorted(one for one in there if one[0] <= first)[-1:]
    return [(order, pk) for order, pk, _ in earlier]


def _gone_on(
    held: Mapping[Key, Course], more: Mapping[Key, Sequence[EvidenceRow]], begun: set[int], names: Names
) -> list[tuple[Course, EvidenceRow, courses.Turned]]:
    """Every turn of these courses, with the last of the rows that told it."""
    builds = {row.build_id for rows in more.values() for row in rows}
    builds |= {build for course in held.values() for build in (*course.settled, *course.newer)}
    totals = Total.objects.filter(case__in={course.case_id for course in held.values()}, build__in=builds)
    runs: defaultdict[tuple[Any, ...], dict[int, list[int]]] = defaultdict(dict)
    for *group, nr in totals.values_list(*GROUP, "runs"):
        runs[group[0], *group[2:]][group[1]] = nr
    releases = KernelBuild.objects.filter(pk__in=builds).values_list("pk", "release")
    orders = {pk: courses.track(release).order for pk, release in releases}
    told = []
    for key, course in held.items():
        mine, rows = runs[key[0], *key[4:]], {row.build_id: row for row in more[key]}
        if course.pk in begun:
            courses.catch_up(course, mine, orders)
        for turn in courses.advance(course, sorted(rows, key=lambda build: orders[build]), mine, orders):
            told.append((course, rows.get(turn.builds_after[-1]) or more[key][-1], turn))
    return told


def _turn_event(course: Course, row: EvidenceRow, turn: courses.Turned, slug: str, names: Names) -> Event:
    builds = KernelBuild.objects.in_bulk([turn.builds_before[-1], turn.builds_after[-1]])
    before, after = builds[turn.builds_before[-1]], builds[turn.builds_after[-1]]
    made = _event("outcome.changed", f"outcome.changed {course.pk} {turn.n}", "case", slug, row, names)
    made.data |= {
        "build": after.pk,
        "release": after.release,
        "label": after.label,
        "turned": turn.word,
        "before": {"release": before.release, "label": before.label, "outcomes": dict(turn.before)},
        "after": {"release": after.release, "label": after.label, "outcomes": dict(turn.after)},
    }
    if turn.p is not None:
        made.data["p"] = float(f"{turn.p:.3g}")
    return made


def _event(verb: str, once: str, kind: str, subject: str, row: EvidenceRow, names: Names) -> Event:
    release, label = names[row.build_id]
    about = {
        "build": row.build_id,
        "release": release,
        "label": label,
        "line": courses.track(release).line,
        "machine": Machine.objects.values_list("name", flat=True).get(pk=row.machine_id),
        "report": str(row.report_id),
    }
    if kind == "case":
        about |= {
            "case": subject,
            "mover": row.mover,
            "area": row.area,
            "environment": row.environment,
            "architecture": row.architecture,
            "kind": row.kind,
        }
    return Event(verb=verb, once=once, subject_kind=kind, subject=subject[:150], data=about)


def _slugs(cases: Iterable[int]) -> dict[int, str]:
    return dict(Case.objects.filter(pk__in=set(cases)).values_list("pk", "slug"))
