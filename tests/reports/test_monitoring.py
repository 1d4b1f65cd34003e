"""What a machine's monitor saw: from HTTP to evidence that is counted apart from runs."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.models import Tally
from diagnosis.formats import monitor
from reports import ingest
from reports.models import Evidence, Report
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
