"""From a report that waits to evidence and tallies, once, whatever happens on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Tally
from reports import tasks
from reports.intake import inbox
from reports.models import Evidence, Observation, Payload, Report, State, Turn
from reports.totals import check
from reports.worker import claims, evidence, ingest, replay
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


def test_a_report_becomes_evidence_of_the_case_that_it_names() -> None:
    case = builders.case()
    report = builders.settled(builders.run())
    assert (report.state, report.attempts, report.nr_observations, report.nr_unmatched) == (State.SETTLED, 1, 1, 0)
    row = Evidence.objects.get()
    assert (row.case, row.outcome, row.mover, row.freed_seconds) == (case, "hangs", "compaction", 0.2)
    assert row.reason == "The run names this case."
    tally = Tally.objects.get()
    assert (tally.runs, sum(tally.histogram), tally.build.release) == (1, 1, "6.18.44")


def test_an_alias_names_the_case_too() -> None:
    builders.case(aliases=["fuse-wb"])
    builders.settled(builders.run("fuse-wb"))
    assert Evidence.objects.get().reason == "The run names fuse-wb, which stands for this case."


def test_an_unknown_case_settles_unmatched_and_is_attached_when_the_case_appears() -> None:
    report = builders.settled(builders.run("not-yet-known"))
    assert (report.state, report.nr_unmatched) == (State.SETTLED, 1)
    assert not Evidence.objects.exists()
    assert replay.unmatched_again() == 0, "nothing is tried again while the catalog stays the same"
    builders.case("not-yet-known")
    assert replay.unmatched_again() == 1
    ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.nr_unmatched) == (State.SETTLED, 0)
    assert Evidence.objects.get().case.slug == "not-yet-known"
    assert replay.unmatched_again() == 0


def test_reading_again_changes_nothing() -> None:
    builders.case()
    for outcome in (builders.run(), builders.moving_run()):
        builders.settled(outcome)
    before = list(Tally.objects.order_by("pk").values())
    assert replay.again(Report.objects.all()) == 2
    ingest.drain()
    assert list(Tally.objects.order_by("pk").values()) == before
    assert Evidence.objects.count() == Observation.objects.count() == 2


def test_the_evidence_stays_while_a_report_waits_to_be_read_again() -> None:
    builders.case()
    builders.settled()
    replay.again(Report.objects.all())
    assert Evidence.objects.count() == Tally.objects.count() == 1


def test_runs_of_equal_keys_add_up_and_others_stay_apart() -> None:
    builders.case()
    builders.settled(builders.run(freed_seconds=0.1), builders.run(freed_seconds=3.0))
    builders.settled(builders.run(mover="offline"))
    builders.settled(kernel={"release": "6.18.44", "architecture": "x86_64", "label": "fix v3"})
    counted = {(t.mover, t.build.label): (t.runs, sum(t.histogram)) for t in Tally.objects.select_related("build")}
    assert counted == {("compaction", ""): (2, 2), ("offline", ""): (1, 1), ("compaction", "fix v3"): (1, 1)}
    assert check.disagreements() == check.miscounts() == []


def test_a_body_that_no_longer_reads_is_rejected_and_loses_its_evidence() -> None:
    builders.case()
    report = builders.settled()
    report.payload.body = inbox.packed(b"{}")
    report.payload.save()
    replay.again(Report.objects.all())
    ingest.drain()
    report.refresh_from_db()
    assert report.state == State.REJECTED
    assert report.reason is not None and report.reason["errors"][0]["where"] == "/format"
    assert not Evidence.objects.exists() and not Tally.objects.exists()


def test_what_the_door_has_checked_is_not_checked_again_until_it_is_requeued() -> None:
    report = builders.report(builders.run())
    contradicting = inbox.unpacked(report.payload).replace(b'"hangs"', b'"moves"')
    Payload.objects.update(body=inbox.packed(contradicting))
    ingest.drain()
    report.refresh_from_db()
    assert report.state == State.SETTLED and Observation.objects.get().outcome == "moves"
    replay.again(Report.objects.all())
    ingest.drain()
    report.refresh_from_db()
    assert report.state == State.REJECTED and report.reason["code"] == "contradiction"


def test_what_an_earlier_door_let_through_and_nobody_can_read_is_rejected_with_its_faults() -> None:
    report = builders.report(builders.run())
    Payload.objects.update(body=inbox.packed(inbox.unpacked(report.payload).replace(b'"kernel"', b'"colonel"')))
    ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.REJECTED, 1)
    assert report.reason["code"] == "wrong-shape" and report.reason["errors"]


def test_twelve_reports_take_as_many_queries_as_three() -> None:
    builders.case()
    builders.settled(builders.run())
    took = []
    for number in (3, 12):
        for _ in range(number):
            builders.report(builders.run())
        with CaptureQueriesContext(connection) as asked:
            ingest.drain()
        took.append(len(asked))
    assert took[0] == took[1]


def test_bytes_that_break_us_are_filed_as_failed_beside_good_ones() -> None:
    builders.case()
    bad, good = builders.report(), builders.report()
    bad.payload.body = b"not zstd at all"
    bad.payload.save()
    ingest.drain()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == (State.FAILED, State.SETTLED)
    assert "ZstdError" in bad.traceback


def test_a_report_that_cannot_be_written_does_not_spoil_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    builders.case()
    bad, good = builders.report(), builders.report()
    attach = evidence.attach

    def refuses_one(found: dict[Report, evidence.Found]) -> None:
        if any(report.pk == bad.pk for report in found):
            raise ValueError("this one cannot be written")
        attach(found)

    monkeypatch.setattr(evidence, "attach", refuses_one)
    ingest.drain()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (good.state, good.attempts) == (State.SETTLED, 2)
    assert bad.state == State.FAILED and "cannot be written" in bad.traceback


def test_a_database_that_went_away_costs_the_reports_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    builders.case()
    report = builders.report()
    attach, failures = evidence.attach, [OperationalError("deadlock detected")] * 4

    def fails_at_first(found: dict[Report, evidence.Found]) -> None:
        if failures:
            raise failures.pop()
        attach(found)

    monkeypatch.setattr(evidence, "attach", fails_at_first)
    while failures:
        with pytest.raises(OperationalError):
            ingest.drain()
    ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.SETTLED, 1)


def test_what_postgresql_will_never_take_counts_as_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index row that is too long is an OperationalError too, and would be tried for ever."""
    builders.case()
    bad, good = builders.report(), builders.report()
    attach = evidence.attach

    def over_the_limit(found: dict[Report, evidence.Found]) -> None:
        if any(report.pk == bad.pk for report in found):
            with connection.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE long_rows (text text PRIMARY KEY) ON COMMIT DROP")
                random = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 2000) n"
                cursor.execute(f"INSERT INTO long_rows {random}")
        attach(found)

    monkeypatch.setattr(evidence, "attach", over_the_limit)
    ingest.drain()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (good.state, bad.state, bad.attempts) == (State.SETTLED, State.FAILED, 2)
    assert "index row" in bad.traceback


def test_a_worker_that_the_database_fails_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(tasks.time, "sleep", waited.append)
    drain = ingest.drain

    def fails() -> bool:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(ingest, "drain", fails)
    for _ in range(8):
        with pytest.raises(OperationalError):
            tasks.drain()
    assert waited == [1, 2, 4, 8, 16, 30, 30, 30]
    monkeypatch.setattr(ingest, "drain", drain)
    tasks.drain()
    monkeypatch.setattr(ingest, "drain", fails)
    with pytest.raises(OperationalError):
        tasks.drain()
    assert waited[8:] == [1]
    tasks.patience.worked()


def test_a_claim_takes_fresh_reports_together_and_tried_ones_alone() -> None:
    for _ in range(3):
        builders.report()
    Report.objects.filter(pk__in=Report.objects.values("pk")[:2]).update(attempts=1, turn=Turn.TRIED)
    assert [len(claims.claim()[1]) for _ in range(4)] == [1, 1, 1, 0]


def test_a_claim_never_takes_more_than_its_limit() -> None:
    for _ in range(claims.BATCH + 5):
        builders.report()
    assert [len(claims.claim()[1]) for _ in range(3)] == [claims.BATCH, 5, 0]
    Report.objects.update(state=State.RECEIVED, claim_id=None, claimed_at=None, turn=Turn.TRIED)
    assert [len(claims.claim()[1]) for _ in range(5)] == [1] * 5


def test_a_claim_holds_no_more_bytes_than_a_batch_may(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        builders.report()
    size = Report.objects.first().size_bytes  # type: ignore[union-attr]
    monkeypatch.setattr(claims, "BATCH_BYTES", 2 * size)
    assert [len(claims.claim()[1]) for _ in range(4)] == [2, 2, 1, 0]


def test_new_reports_go_before_those_that_are_read_again() -> None:
    old = [builders.settled() for _ in range(3)]
    replay.again(Report.objects.all())
    new = builders.report()
    assert claims.claim()[1] == [new.pk]
    assert sorted(claims.claim()[1]) == sorted(report.pk for report in old)


def lose_the_worker(report: Report) -> None:
    Report.objects.filter(pk=report.pk).update(claimed_at=timezone.now() - timedelta(hours=1))


def test_a_dead_workers_reports_are_taken_up_again_and_given_up_after_the_third_time() -> None:
    report = builders.report()
    for attempt in (1, 2, 3):
        claims.claim()
        report.refresh_from_db()
        assert (report.state, report.attempts) == (State.INGESTING, attempt)
        assert claims.release_expired() == 0, "its lease is not over"
        lose_the_worker(report)
        assert claims.release_expired() == 1
    report.refresh_from_db()
    assert (report.state, report.traceback) == (State.FAILED, "worker died")
    assert claims.claim()[1] == []


@pytest.mark.parametrize("hours", [1, -1])
def test_a_host_with_a_wrong_clock_neither_takes_claims_away_nor_leaves_them(
    hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, lost = builders.report(), builders.report()
    claims.claim()
    Report.objects.filter(pk=lost.pk).update(claimed_at=timezone.now() - timedelta(minutes=10))
    wrong = timezone.now() + timedelta(hours=hours)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    assert claims.release_expired() == 1
    states = dict(Report.objects.values_list("pk", "state"))
    assert states == {held.pk: State.INGESTING, lost.pk: State.RECEIVED}


def test_a_worker_that_lost_its_claim_writes_nothing() -> None:
    builders.case()
    report = builders.report()
    late_claim, ids = claims.claim()
    lose_the_worker(report)
    claims.release_expired()
    ingest.drain()
    ingest._work(late_claim, ids)
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.SETTLED, 2)
    assert Evidence.objects.count() == 1 and Tally.objects.get().runs == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_settle_everything_once() -> None:
    builders.case()
    for _ in range(120):
        builders.report(builders.run(), builders.moving_run())
    at_once(*[ingest.drain] * 4)
    assert Report.objects.filter(state=State.SETTLED).count() == 120
    assert Evidence.objects.count() == 240
    assert sorted(Tally.objects.values_list("outcome", "runs")) == [("hangs", 120), ("moves", 120)]
    assert check.disagreements() == check.miscounts() == []
