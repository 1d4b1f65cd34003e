"""A page of found reports costs bounded work, whatever is asked of thousands and though nothing fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rest import paging
from tests import builders

pytestmark = pytest.mark.django_db

MANY = 6_000
REPORTS = """
INSERT INTO reports_report (id, machine_id, media_type, format, given, size_bytes, sha256, run_id, state, turn,
    attempts, settled_at, nr_observations, nr_unmatched, matched_by, traceback, received_at)
SELECT gen_random_uuid(), %s, 'text/plain', 'kernel-log', '{}', 100, repeat('a', 64), 'run-00000' || n, 'settled',
    1, 1, now(), 1, 1, '', '', now() - n * interval '1 second' FROM generate_series(1, %s) n
"""
OBSERVATIONS = """
INSERT INTO reports_observation (report_id, key, kind, names, build_id, architecture, mover, migrate_mode, area,
    environment, outcome, fingerprint, is_matched)
SELECT id, '1:1', 'run', 'x', %s, 'x86_64', '', '', '', 'host', 'moves', 'f', false FROM reports_report
WHERE run_id LIKE 'run-00000%%'
"""


@pytest.fixture(autouse=True, scope="module")
def many(once: Callable[..., None]) -> None:
    once(_many)


def _many() -> None:
    builders.case()
    builders.settled(kernel={"release": "6.1", "label": "v3", "architecture": "x86_64"})
    rare = builders.settled()
    with connection.cursor() as cursor:
        build = rare.observations.get().build_id
        cursor.execute(REPORTS, [builders.machine("farm").pk, MANY])
        cursor.execute("ANALYZE reports_report")  # else each observation looks for its report in the whole table
        cursor.execute(OBSERVATIONS, [build])
        cursor.execute("ANALYZE reports_observation, reports_evidence")


@pytest.mark.parametrize(
    "query",
    [
        *("", "machine=farm", "run_id=run-000001234", "kernel=6.18.44", "kernel=6.1", "label=v3", "state=failed"),
        *("case=fuse-writeback", "case=unheard-of", "outcome=refuses", "since=2020-01-01", "format=ktap"),
        *("machine=farm&outcome=refuses", "state=settled&kernel=6.18.44&outcome=hangs&machine=farm"),
    ],
)
def test_a_page_looks_at_so_many_rows_and_no_more(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_WALKED", 200)
    monkeypatch.setattr("reports.worker.filters.FEW", 100)
    with CaptureQueriesContext(connection) as asked:
        assert Client().get(f"/api/v1/reports/?{query}").status_code == 200
    tables = ('FROM "reports_report"', 'FROM "reports_observation"', 'FROM "reports_evidence"')
    plans = []
    with connection.cursor() as cursor:
        for one in asked.captured_queries:
            if one["sql"].startswith("SELECT") and any(table in one["sql"] for table in tables):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {one['sql']}")
                plan = cursor.fetchone()[0]
                plans.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    assert plans
    for plan in plans:
        assert MANY not in list(rows_read(plan)), json.dumps(plan, indent=1)
        # 200 rows, each with a look or two into an index of three levels; all of them would be ten times as much.
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 2_000, json.dumps(plan, indent=1)


def rows_read(plan: dict[str, Any]) -> Any:
    yield plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
    for one in plan.get("Plans", []):
        yield from rows_read(one)
