"""What runs every ten seconds costs the same however many reports there are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from diagnosis.matching.match import digest
from reports.models import Payload, Report, State
from reports.worker import ingest, known_signatures, replay
from tests import builders

pytestmark = pytest.mark.django_db
MANY = 20_000

LYING = """
INSERT INTO reports_report (id, machine_id, media_type, format, given, size_bytes, sha256, run_id, state, turn,
                            attempts, settled_at, nr_observations, nr_unmatched, matched_by, traceback)
SELECT gen_random_uuid(), %s, 'text/plain', 'kernel-log', '{}', 100, repeat('a', 64), 'run-' || n, 'settled', 1, 1,
       now(), 1, 1, %s, '' FROM generate_series(1, %s) n
"""


def lie(number: int, matched_by: str) -> None:
    """Settled reports of which something matched nothing."""
    with connection.cursor() as cursor:
        cursor.execute(LYING, [builders.machine(f"farm-{matched_by}").pk, matched_by, number])
        cursor.execute("ANALYZE reports_report")


def plans(asked: CaptureQueriesContext) -> list[dict[str, Any]]:
    """What the server does for each question about reports."""
    found = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            if query["sql"].startswith("SELECT") and "reports_report" in query["sql"]:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query['sql']}")
                plan = cursor.fetchone()[0]
                found.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return found


def today() -> str:
    return digest(known_signatures.known_signatures())


def test_looking_for_what_signatures_of_before_left_unmatched_reads_a_few_pages() -> None:
    lie(MANY, today())
    with CaptureQueriesContext(connection) as asked:
        assert replay.unmatched_again() == 0
    found = plans(asked)
    assert len(found) == 2
    for plan in found:
        assert "Seq Scan" not in json.dumps(plan)
        # Two or three; those of tests before this one, rolled back, still stand in the index. A scan reads hundreds.
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100


@pytest.mark.parametrize("others", ["0" * 16, "g" * 16])
def test_what_was_tried_with_others_is_found_on_either_side_of_todays(others: str) -> None:
    builders.case()
    report = builders.settled(builders.run("not-yet-known"))
    lie(MANY, today())
    Report.objects.filter(pk=report.pk).update(matched_by=others)
    assert replay.unmatched_again() == 1
    report.refresh_from_db()
    assert report.state == State.RECEIVED


def test_what_has_no_bytes_any_more_does_not_keep_the_others_from_being_read() -> None:
    lie(replay.ROUND, "0" * 16)
    report = builders.settled(builders.run("not-yet-known"))
    builders.case("not-yet-known")
    Payload.objects.exclude(report=report).delete()
    assert [replay.unmatched_again() for _ in range(3)] == [0, 1, 0]
    ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.nr_unmatched) == (State.SETTLED, 0)
