"""The ledger counts reports as they change, whatever changes them, and folding changes no count."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from catalog.models import Document
from reports.models import LedgerLine, Report, State
from reports.totals import counters as reports_counts
from reports.worker import ingest
from tests import builders

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    return {state: number for state, number in reports_counts.by_state().items() if number}


def test_every_way_of_a_report_is_counted() -> None:
    builders.case()
    assert counts() == {}
    builders.report()
    assert counts() == {"received": 1}
    ingest.drain()
    builders.report()
    assert counts() == {"settled": 1, "received": 1}
    Report.objects.filter(state="received").update(state="failed")
    Report.objects.filter(state="failed").update(state=State.RECEIVED)
    assert counts() == {"settled": 1, "received": 1} and reports_counts.disagreement() == {}
    Report.objects.filter(state="received").delete()
    assert counts() == {"settled": 1} and reports_counts.disagreement() == {}


def test_a_change_that_is_undone_is_not_counted() -> None:
    builders.report()
    with transaction.atomic():
        Report.objects.update(state="failed")
        transaction.set_rollback(True)
    assert counts() == {"received": 1}


def test_what_changes_no_state_writes_no_line() -> None:
    builders.report()
    before = LedgerLine.objects.count()
    Report.objects.update(attempts=1)
    assert LedgerLine.objects.count() == before


def test_folding_keeps_the_counts_and_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        builders.settled()
    builders.report()
    before, lines = counts(), LedgerLine.objects.count()
    reports_counts.fold()
    assert LedgerLine.objects.count() == lines, "few lines stay as they are"
    monkeypatch.setattr(reports_counts, "FOLD_FROM", 3)
    reports_counts.fold()
    assert counts() == before == {"settled": 6, "received": 1} and LedgerLine.objects.count() == 2
    builders.settled()
    assert counts() == {"settled": 8} and reports_counts.disagreement() == {}


def test_the_list_knows_its_length_without_counting(django_assert_num_queries: Any) -> None:
    for _ in range(3):
        builders.settled()
    # The ledger, the length of the list, whether there is more to walk, a page of rows, their kernels and their cases.
    with django_assert_num_queries(6):
        page = Client().get("/reports/?state=settled").content.decode()
    assert page.count('<th scope="row">') == 1 and "3 alike" in page
    assert Client().get("/reports/?state=failed").content.decode().count('<th scope="row">') == 0
    refused = Client().get("/reports/?state=nonsense")
    assert refused.status_code == 400 and "expected one of received" in refused.content.decode()


def test_a_line_names_the_cases_and_kernels_of_its_report_and_why_it_was_refused(client: Client) -> None:
    builders.case()
    builders.case("draft-only")
    Document.objects.filter(slug="draft-only").update(state="draft")
    about = builders.settled(builders.run(), builders.run("draft-only"))
    unknown = builders.settled(builders.run("unheard-of"))
    lines = {row.report.pk: row for line in client.get("/reports/").context["lines"] for row in line.rows}
    assert (lines[about.pk].cases, lines[about.pk].kernels) == (["fuse-writeback"], ["6.18.44"])
    assert (lines[unknown.pk].cases, lines[unknown.pk].kernels) == ([], ["6.18.44"])
    assert " ".join(client.get("/reports/").content.decode().split()).count("no known case") == 1


def lines() -> list[tuple[int, list[str], list[str]]]:
    return [(len(one.rows), one.first.found, one.first.cases) for one in Client().get("/reports/").context["lines"]]


def test_each_line_says_what_was_found_by_which_mover() -> None:
    builders.case()
    builders.settled(builders.run(), builders.run(), builders.moving_run(mover="offline"))
    assert lines() == [(1, ["compaction: ● 2 hangs", "offline: ○ 1 moves"], ["fuse-writeback"])]
    assert "compaction: ● 2 hangs; offline: ○ 1 moves" in Client().get("/reports/").content.decode()


def test_what_says_the_same_one_after_another_is_one_line_and_nothing_else_is() -> None:
    builders.case()
    for _ in range(3):
        builders.settled(builders.run())
    builders.settled(builders.moving_run())
    builders.settled(builders.run())
    assert [number for number, *_ in lines()] == [1, 1, 3]


def test_seventy_refusals_for_one_reason_are_one_line_that_names_it() -> None:
    """One that lacks something else stands by itself."""
    secret = builders.token()
    send = {"content_type": "text/plain", "headers": {"Authorization": f"Bearer {secret}"}}
    for _ in range(3):
        Client().post("/api/v1/reports/", b"a log", **send)
    Client().post("/api/v1/reports/", b"{}", "application/json", headers=send["headers"])
    page = Client().get("/reports/").content.decode()
    assert [number for number, *_ in lines()] == [1, 3]
    assert "3 alike" in page and "<code>kernel</code>" in page
    for report in Report.objects.all():
        assert f"/reports/{report.pk}/" in page, "each can be reached"
