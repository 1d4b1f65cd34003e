"""Tallies are what the evidence adds up to, whatever was judged, replayed or sent at once."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Tally, Total
from people.models import Event, Role, User
from reports.models import Evidence, Judgment, Report
from reports.totals import check
from reports.worker import evidence, ingest, replay
from tests import builders

pytestmark = pytest.mark.django_db


def judge(row: Evidence, person: User | None = None, **given: Any) -> None:
    evidence.judge(row.report, row.key, row.case, person or builders.person(), **given)


def runs() -> dict[str, int]:
    assert check.disagreements() == check.miscounts() == []
    return dict(Tally.objects.values_list("outcome", "runs"))


def test_refuted_evidence_stays_and_stops_counting() -> None:
    builders.case()
    builders.settled()
    builders.settled()
    row, editor = Evidence.objects.first(), builders.person(role=Role.EDITOR)
    assert row is not None
    judge(row, editor, stands=False, note="another probe ran beside it")
    assert (runs(), Evidence.objects.count()) == ({"hangs": 1}, 2)
    judge(row, editor, stands=True)
    assert runs() == {"hangs": 2}
    assert Event.objects.filter(verb="evidence.judged", actor=editor).count() == 2


def test_the_last_refuted_run_takes_its_tally_with_it() -> None:
    builders.case()
    builders.settled()
    judge(Evidence.objects.get(), stands=False)
    assert runs() == {}


def test_a_verdict_outlives_reading_again() -> None:
    builders.case()
    builders.settled()
    judge(Evidence.objects.get(), stands=False)
    replay.again(Report.objects.all())
    ingest.drain()
    assert (runs(), Judgment.objects.count(), Evidence.objects.count()) == ({}, 1, 1)


def test_a_verdict_on_evidence_that_was_read_again_meanwhile_counts() -> None:
    builders.case()
    builders.settled()
    row = Evidence.objects.select_related("report", "case").get()
    replay.again(Report.objects.all())
    ingest.drain()
    judge(row, stands=False)
    assert runs() == {}


def test_the_last_sighting_goes_back_when_the_newest_is_refuted() -> None:
    builders.case()
    older, newer = builders.settled(), builders.settled()
    judge(Evidence.objects.get(report=newer), stands=False)
    assert Tally.objects.get().last_seen_at == older.received_at


def test_check_tallies_names_what_differs_and_repairs_it() -> None:
    builders.case()
    builders.settled()
    Tally.objects.update(runs=7)
    with pytest.raises(CommandError, match="1 tallies and 1 totals disagree, of 1 tallies"):
        call_command("check_tallies", stdout=StringIO(), stderr=StringIO())
    said = StringIO()
    call_command("check_tallies", "--repair", stdout=said, stderr=StringIO())
    assert "repaired" in said.getvalue() and runs() == {"hangs": 1}


def test_check_tallies_makes_a_tally_that_is_missing() -> None:
    builders.case()
    builders.settled()
    Tally.objects.all().delete()
    call_command("check_tallies", "--repair", stdout=StringIO(), stderr=StringIO())
    assert runs() == {"hangs": 1}


def test_check_tallies_names_a_total_that_differs_and_repairs_it() -> None:
    builders.case()
    builders.settled()
    Total.objects.update(nr_machines=2)
    with pytest.raises(CommandError, match="0 tallies and 1 totals disagree"):
        call_command("check_tallies", stdout=StringIO(), stderr=StringIO())
    call_command("check_tallies", "--repair", stdout=StringIO(), stderr=StringIO())
    assert Total.objects.get().nr_machines == 1 and check.miscounts() == []


def test_reingest_says_how_many_and_does_them() -> None:
    builders.case()
    builders.settled()
    builders.settled(builders.run("unheard-of"))
    said = StringIO()
    call_command("reingest", "--case", "fuse-writeback", "--dry-run", stdout=said)
    call_command("reingest", "--case", "unheard-of", stdout=said)
    call_command("reingest", "--all", stdout=said)
    assert said.getvalue().splitlines() == [
        "1 reports would be read again",
        "1 reports wait to be read again",
        "1 reports wait to be read again",
    ]
    with pytest.raises(CommandError, match="Say which"):
        call_command("reingest")


def test_what_was_turned_away_at_the_door_is_not_read_again() -> None:
    builders.report()
    Report.objects.update(format="", run_id=None, state="rejected", reason={"title": "x"})
    assert replay.again(Report.objects.all()) == 0


def test_draining_asks_the_database_as_often_for_fifty_reports_as_for_five() -> None:
    """Claim, read, fence, evidence, observations, update: all of a batch at once. Tallies: one a key."""
    builders.case()

    def queries(number: int) -> int:
        for _ in range(number):
            builders.report()
        before = len(connection.queries_log)
        connection.force_debug_cursor = True
        try:
            ingest.drain()
        finally:
            connection.force_debug_cursor = False
        return len(connection.queries_log) - before

    queries(1)
    assert queries(5) == queries(50)
