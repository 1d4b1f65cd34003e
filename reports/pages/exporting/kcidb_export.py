"""Everything public as KCIDB 5.3: a case is an issue, evidence a test; an incident says whether the issue was there.

KCIDB merges objects by id, whoever sends them: ids are made of the report's UUID and of the release, never of row
numbers, which another database has too. What machines sent whose word was withdrawn is left out; what does not count
for another reason says so. Each test is marked as ours, by which a site that takes it in knows that it is no evidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from catalog.models import Case, KernelBuild
from diagnosis.formats.kcidb import EXPORTED_BY
from diagnosis.words.vocabulary import CONCLUSIVE, HELD
from people.models import Standing
from reports.models import Evidence, EvidenceQuerySet
from rest.document import times

CHUNK = 1_000
STATUS = {"skipped": "SKIP", "error": "ERROR", "inconclusive": "DONE", "passed": "PASS", "failed": "FAIL"}
_ANYBODY = AnonymousUser()
# What `releases.identity` makes of a tag or of `git describe`; other names are no commit's.
_PRINTED = re.compile(r"(\d+\.\d+)(?:\.0)?((?:\.\d+)*(?:-rc\d+)?(?:-next-\d{8})?)(?:-0*([1-9]\d*)-g([0-9a-f]{7,12}))?")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def parts(evidence: EvidenceQuerySet) -> Iterator[str]:
    """The document of this evidence, piece by piece, with every public case."""
    shown = evidence.exclude(machine__standing=Standing.WITHDRAWN)
    yield '{"version": {"major": 5, "minor": 3}, "checkouts": ['
    public = KernelBuild.objects.filter(pk__in=shown.values("build"))
    yield from _joined(_checkout(build) for build in public.order_by("release", "label").iterator(CHUNK))
    yield '], "builds": ['
    pairs = shown.values_list("build", "architecture").distinct().order_by("build", "architecture")
    builds = public.in_bulk()
    yield from _joined(_build(builds[pk], architecture) for pk, architecture in pairs if pk in builds)
    yield '], "issues": ['
    cases = Case.objects.visible_to(_ANYBODY).for_list().select_related("document__current")
    yield from _joined(map(_issue, cases))
    yield '], "tests": ['
    yield from _joined(map(_test, _rows(shown)))
    yield '], "incidents": ['
    conclusive = shown.unrefuted().filter(outcome__in=CONCLUSIVE, machine__standing=Standing.TRUSTED)
    yield from _joined(map(_incident, _rows(conclusive)))
    yield "]}\n"


def _rows(rows: EvidenceQuerySet) -> Iterable[Evidence]:
    return rows.select_related("build", "machine", "case__document__current", "report").order_by("pk").iterator(CHUNK)


def _id(*names: str) -> str:
    return f"{settings.KCIDB_ORIGIN}:{'/'.join(names)}"


def _of(build: KernelBuild) -> tuple[str, ...]:
    """Release and label, as parts of an id."""
    return (quote(build.release, safe="+~"), *([quote(build.label, safe="")] if build.label else []))


def _checkout_id(build: KernelBuild) -> str:
    return _id(*_of(build))


def _build_id(build: KernelBuild, architecture: str) -> str:
    return _id("build", architecture, *_of(build))


def _checkout(build: KernelBuild) -> dict[str, Any]:
    """A vendor's release is the name of no commit: it stands in the comment alone."""
    made = {"id": _checkout_id(build), "origin": settings.KCIDB_ORIGIN}
    made["comment"] = f"{build.release} with {build.label}" if build.label else build.release
    if _HASH.fullmatch(build.release):
        made["git_commit_hash"] = build.release
    elif found := _PRINTED.fullmatch(build.release):
        described = f"-{found[3]}-g{found[4]}" if found[3] else ""
        made["git_commit_name"] = f"v{found[1]}{found[2]}{described}"
    return made


def _build(build: KernelBuild, architecture: str) -> dict[str, Any]:
    made = {"id": _build_id(build, architecture), "origin": settings.KCIDB_ORIGIN}
    return {**made, "checkout_id": _checkout_id(build), "architecture": architecture}


def _issue(case: Case) -> dict[str, Any]:
    current = case.document.current
    return {
        "id": _id(case.slug),
        "origin": settings.KCIDB_ORIGIN,
        "version": current.n if current else 0,
        "report_url": f"{settings.SITE_URL}{case.get_absolute_url()}",
        "report_subject": case.title,
        "comment": case.summary,
        "culprit": {"code": True, "tool": False, "harness": False},
    }


def _test(row: Evidence) -> dict[str, Any]:
    status = STATUS.get(row.outcome) or ("FAIL" if row.outcome in HELD else "PASS")
    misc = {**EXPORTED_BY, "outcome": row.outcome, "machine": row.machine.name, "kind": row.kind}
    if not row.machine.is_trusted:
        misc["does_not_count"] = f"machine {row.machine.standing}"
    return {
        "id": _test_id(row),
        "origin": settings.KCIDB_ORIGIN,
        "build_id": _build_id(row.build, row.architecture),
        "path": ".".join(filter(None, ("unmigratable", row.case.slug, row.mover))),
        "status": status,
        "start_time": row.seen_at,
        "log_url": f"{settings.SITE_URL}{row.report.get_absolute_url()}",
        "misc": misc,
    }


def _incident(row: Evidence) -> dict[str, Any]:
    current = row.case.document.current
    return {
        "id": _test_id(row),
        "origin": settings.KCIDB_ORIGIN,
        "issue_id": _id(row.case.slug),
        "issue_version": current.n if current else 0,
        "test_id": _test_id(row),
        "present": row.outcome in HELD,
        "comment": f"{row.outcome_word.label}: {row.reason}",
    }


def _test_id(row: Evidence) -> str:
    return _id(f"{row.report_id}{row.key if row.key.startswith('/') else '/' + row.key}", row.case.slug)


def _joined(values: Iterable[Any]) -> Iterator[str]:
    comma = ""
    for value in values:
        yield comma + json.dumps(value, cls=times.Encoder, ensure_ascii=False)
        comma = ",\n"
