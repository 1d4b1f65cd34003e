"""What a machine's monitor saw: from HTTP to evidence that is counted apart from runs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Tally, Total
from diagnosis.formats import monitor
from reports import tasks
from reports.models import Evidence, LedgerLine, Report
from reports.worker import ingest
from tests import builders
from tests.diagnosis.test_monitor import BLOCKED, body
from tests.reports.test_sharing import PROOF

pytestmark = pytest.mark.django_db


def test_a_sleeper_that_was_seen_becomes_evidence() -> None:
    builders.case("fuse-writeback", mechanism="writeback", signature={"proves": [PROOF]})
    headers = {"Authorization": f"Bearer {builders.token()}"}
    answers = [Client().post("/api/v1/reports/", body(BLOCKED), monitor.MEDIA_TYPE, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    ingest.drain()
    report, row = Report.objects.get(), Evidence.objects.get()
    assert (report.state, report.format) == ("settled", monitor.NAME)
    assert (row.kind, row.outcome, row.mover, row.environment) == ("monitor", "hangs", "offline", "guest")
    assert Tally.objects.get().kind == "monitor"
    page = Client().get(f"/reports/{report.pk}/")
    assert page.status_code == 200
    assert "sleeps until a folio" in page.content.decode()


def test_a_scrape_reads_no_line_of_the_totals() -> None:
    """It adds up in the database: with a hundred thousand lines a scrape read them all."""
    builders.case()
    builders.settled(builders.run(), builders.run(), builders.moving_run())
    with CaptureQueriesContext(connection) as asked:
        text = Client().get("/metrics").content.decode()
    assert "unmigratable_evidence 3.0" in text and f"unmigratable_totals {Total.objects.count()}.0" in text
    assert not any('SELECT "catalog_total"."runs"' in one["sql"] for one in asked)
    Total.objects.all().delete()
    assert "unmigratable_evidence 0.0" in Client().get("/metrics").content.decode()


def gauges() -> dict[str, float]:
    lines = Client().get("/metrics").content.decode().splitlines()
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_a_scrape_tells_when_the_sweep_was_and_nothing_before_the_first() -> None:
    assert not {"unmigratable_swept_seconds", "unmigratable_wrong"} & gauges().keys()
    tasks.tidy()
    assert 0 <= gauges()["unmigratable_swept_seconds"] < 60


def test_what_is_counted_wrongly_is_found_in_the_night_and_told() -> None:
    builders.case()
    builders.settled(builders.run(), builders.moving_run())
    tasks.check_counts()
    assert (gauges()["unmigratable_wrong"], gauges()["unmigratable_checked_seconds"] < 60) == (0, True)
    Tally.objects.update(runs=7)
    Total.objects.update(held=9)
    LedgerLine.objects.all().delete()
    tasks.check_counts()
    assert gauges()["unmigratable_wrong"] >= 3
