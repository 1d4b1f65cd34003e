"""What new evidence is told of, exactly as often as it happened: docs/events.md."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Course
from people import journal
from people.models import Event, Machine, Standing
from reports.models import Evidence, Report
from reports.review import trust
from reports.totals import recounts
from reports.worker import ingest, replay
from tests import builders
from tests.at_once import at_once
from tests.builders import moving_run, run

# What was there before is told from what is new by the time at which a transaction began.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def case(transactional_db: None) -> None:
    builders.case()


def measured(release: str, *runs: dict[str, Any], label: str = "", **changed: Any) -> Report:
    kernel = {"release": release, "architecture": "x86_64", **({"label": label} if label else {})}
    return builders.settled(*runs, kernel=kernel, **changed)


def held(number: int = 5, **changed: Any) -> list[dict[str, Any]]:
    return [run(**changed) for _ in range(number)]


def moved(number: int = 5, **changed: Any) -> list[dict[str, Any]]:
    return [moving_run(**changed) for _ in range(number)]


def unclear(number: int = 5) -> list[dict[str, Any]]:
    return [run(outcome="inconclusive", control={"nr_pages": 16, "nr_moved": 0}) for _ in range(number)]


def turns() -> list[tuple[str, str, str]]:
    rows = Event.objects.filter(verb="outcome.changed").order_by("pk")
    return [(row.data["turned"], row.data["before"]["release"], row.data["after"]["release"]) for row in rows]


def told(verb: str) -> list[str]:
    return [row.data["release"] for row in Event.objects.filter(verb=verb).order_by("pk")]


def test_five_runs_against_five_are_a_turn_told_once_with_what_was_seen() -> None:
    measured("6.18.43", *held())
    last = measured("6.18.44", *moved())
    measured("6.18.44", *moved())
    assert turns() == [("fixed", "6.18.43", "6.18.44")]
    event = Event.objects.get(verb="outcome.changed")
    assert (event.subject_kind, event.subject, event.actor) == ("case", "fuse-writeback", None)
    assert event.data == {
        "case": "fuse-writeback",
        "mover": "compaction",
        "area": "migrate_movable",
        "environment": "host",
        "architecture": "x86_64",
        "kind": "run",
        "line": "6.18",
        "release": "6.18.44",
        "label": "",
        "machine": "box",
        "report": str(last.pk),
        "turned": "fixed",
        "p": 0.00794,
        "before": {"release": "6.18.43", "label": "", "outcomes": {"hangs": 5}},
        "after": {"release": "6.18.44", "label": "", "outcomes": {"moves": 5}},
        "build": event.data["build"],
    }
    measured("6.18.45", *held(9))
    assert turns()[1:] == [("regressed", "6.18.44", "6.18.45")]


@pytest.mark.parametrize(("before", "after", "turn"), [(5, 4, True), (4, 4, False), (20, 3, True), (90, 2, False)])
def test_how_many_runs_it_takes(before: int, after: int, turn: bool) -> None:
    measured("6.18.43", *held(before))
    measured("6.18.44", *moved(after))
    assert bool(turns()) is turn


def test_builds_that_come_together_are_looked_at_one_after_the_other() -> None:
    for n, runs in enumerate((held(), moved(), held())):
        builders.report(*runs, kernel={"release": f"6.18.{n}", "architecture": "x86_64"})
    ingest.drain()
    expected = [("fixed", "6.18.0", "6.18.1"), ("regressed", "6.18.1", "6.18.2")]
    assert turns() == expected and len(told("build.new")) == 3
    for n, runs in ((4, held()), (3, moved())):
        builders.report(*runs, kernel={"release": f"6.18.{n}", "architecture": "x86_64"})
    ingest.drain()
    assert turns()[2:] == [("fixed", "6.18.2", "6.18.3"), ("regressed", "6.18.3", "6.18.4")]


def test_a_run_a_night_adds_up_over_the_nights() -> None:
    for n in range(6):
        measured(f"6.18.{n}", *held(1))
    for n in range(6, 12):
        measured(f"6.18.{n}", *moved(1))
    assert [word for word, _, _ in turns()] == ["fixed"]


def test_a_mix_is_no_turn_unless_it_differs() -> None:
    measured("6.18.43", *held())
    measured("6.18.44", *held(3), *moved(2))
    assert turns() == []


def test_that_it_refuses_where_it_hung_is_no_turn() -> None:
    measured("6.18.43", *held())
    measured("6.18.44", *held(outcome="refuses", attempt={"returned": True, "seconds": 0.1}))
    assert turns() == []
    measured("6.18.45", *moved())
    assert turns() == [("fixed", "6.18.44", "6.18.45")]


def test_what_cannot_be_told_any_more_is_told_once_and_then_compared_with_what_was_before() -> None:
    measured("6.18.43", *held())
    measured("6.18.44", *unclear())
    measured("6.18.45", *unclear())
    assert turns() == [("now_inconclusive", "6.18.43", "6.18.44")]
    measured("6.18.46", *moved())
    assert turns()[1:] == [("fixed", "6.18.43", "6.18.46")]


def test_movers_areas_environments_and_lines_are_not_pooled() -> None:
    measured("6.18.43", *held())
    measured("6.18.44", *moved(mover="offline"))
    measured("6.18.44", *moved(area="zone_movable"))
    measured("6.18.44", *moved(), environment="guest")
    measured("6.19.1", *moved())
    measured("5.14.0-570.el9.x86_64", *moved())
    assert turns() == [] and Course.objects.count() == 6


def test_builds_that_cannot_be_ordered_are_not_compared() -> None:
    """Debian 12 hides the stable release in its kernels' names; two trees of one version are equal in rank."""
    measured("6.1.90", *held())
    measured("6.1.0-50-amd64", *moved())
    measured("6.18.44", *held())
    measured("6.18.44-mine", *moved())
    measured("next", *held())
    measured("newer", *moved())
    assert turns() == []


def test_a_candidate_is_compared_with_the_kernel_that_it_was_put_on() -> None:
    measured("6.18.43", *moved())
    measured("6.18.44", *held())
    assert len(turns()) == 1
    measured("6.18.44", *moved(), label="fix v3")
    measured("6.18.44", *moved(), label="fix v3")
    assert turns()[1:] == [("fixed", "6.18.44", "6.18.44")]
    event = Event.objects.filter(verb="outcome.changed").latest("pk")
    assert (event.data["before"]["label"], event.data["label"]) == ("", "fix v3")
    measured("6.18.45", *held())
    assert len(turns()) == 2, "the plain line goes on for itself"


def test_a_candidate_that_came_first_is_told_once_there_is_enough_to_compare_with() -> None:
    measured("6.18.44", *held(2))
    measured("6.18.44", *moved(), label="fix v3")
    measured("6.18.44", *held(3))
    assert turns() == []
    measured("6.18.44", *moved(1), label="fix v3")
    assert [word for word, _, _ in turns()] == ["fixed"]


def test_late_results_are_no_news() -> None:
    measured("6.18.44", *held())
    measured("6.18.40", *moved())
    measured("6.18.43", *moved(9))
    assert turns() == []
    old = timezone.now() - timedelta(days=15)
    waiting = builders.report(*moved(), kernel={"release": "6.18.45", "architecture": "x86_64"})
    Report.objects.filter(pk=waiting.pk).update(received_at=old)
    ingest.drain()
    assert turns() == [] and "6.18.45" not in told("build.new")


def test_reading_everything_again_tells_nothing() -> None:
    for n in range(4):
        measured(f"6.18.{n}", *(held() if n % 2 else moved()))
    before = Event.objects.exclude(verb="reports.replayed").count()
    assert len(turns()) == 3
    assert replay.again(Report.objects.all()) == 4
    ingest.drain()
    assert Evidence.objects.count() == 20
    assert Event.objects.exclude(verb="reports.replayed").count() == before


def test_only_what_counts_is_news_and_trust_given_later_tells_nothing() -> None:
    builders.token("stranger", trusted=False)
    stranger = Machine.objects.get(name="stranger")
    measured("6.18.43", *held())
    measured("6.18.44", *moved(), sender=stranger)
    assert turns() == [] and told("build.new") == ["6.18.43"]
    chief = builders.person(role="maintainer")
    for standing in (Standing.TRUSTED, Standing.WITHDRAWN, Standing.TRUSTED):
        trust.let_stand(stranger, standing, chief)
        while recounts.one_slice():
            pass
        stranger.refresh_from_db()
    assert turns() == []
    measured("6.18.44", *moved())
    assert turns() == [("fixed", "6.18.43", "6.18.44")], "told with the first report that says so and counts"


def test_what_was_withdrawn_is_not_compared_with() -> None:
    builders.token("wrong")
    wrong = Machine.objects.get(name="wrong")
    measured("6.18.43", *held(), sender=wrong)
    trust.let_stand(wrong, Standing.WITHDRAWN, builders.person(role="maintainer"))
    while recounts.one_slice():
        pass
    measured("6.18.44", *moved())
    assert turns() == []


def test_what_was_there_before_anybody_followed_is_no_news() -> None:
    measured("6.18.42", *held())
    measured("6.18.43", *moved())
    Course.objects.all().delete()
    with connection.cursor() as cursor:  # as a release without all this left it
        cursor.execute("ALTER TABLE people_event DISABLE TRIGGER people_event_append_only")
        cursor.execute("DELETE FROM people_event WHERE once IS NOT NULL")
        cursor.execute("ALTER TABLE people_event ENABLE TRIGGER people_event_append_only")
    measured("6.18.43", *moved())
    assert turns() == told("evidence.first") == told("build.new") == []
    measured("6.18.44", *held())
    assert turns() == [("regressed", "6.18.43", "6.18.44")] and told("build.new") == ["6.18.44"]


def test_the_first_of_a_case_on_a_line_and_a_new_build_are_told_once() -> None:
    builders.case("another")
    measured("6.18.43", *held(1))
    measured("6.18.43", *held(1, mover="offline"), run(case="another"))
    measured("6.18.44", *held(1))
    measured("6.18.44", *held(1), label="fix v3")
    firsts = [(row.subject, row.data["line"]) for row in Event.objects.filter(verb="evidence.first").order_by("pk")]
    assert firsts == [("fuse-writeback", "6.18"), ("another", "6.18")]
    assert told("build.new") == ["6.18.43", "6.18.44", "6.18.44"]


def test_a_report_that_says_the_same_costs_one_query_more() -> None:
    measured("6.18.43", *held())
    with CaptureQueriesContext(connection) as asked:
        measured("6.18.43", *held())
    assert len([one for one in asked if "course" in one["sql"]]) == 1
    assert not [one for one in asked if "people_event" in one["sql"]]


def test_twenty_builds_that_say_nothing_are_the_most_that_are_kept() -> None:
    measured("6.18.0", *held(3))
    for n in range(1, 24):
        measured(f"6.18.{n}", *unclear(1))
    course = Course.objects.get()
    assert (len(course.newer), len(course.settled)) == (20, 1)
    assert [word for word, _, _ in turns()] == ["now_inconclusive"]


def test_the_database_refuses_to_hold_one_thing_twice() -> None:
    line = {"verb": "build.new", "subject_kind": "build", "subject": "6.18", "once": "build.new 1"}
    journal.record_once([Event(**line)])
    journal.record_once([Event(**line)])
    assert Event.objects.filter(once="build.new 1").count() == 1
    with pytest.raises(DatabaseError, match="event_once"), transaction.atomic():
        Event.objects.create(**line)
    with pytest.raises(ValueError, match="known verbs"):
        journal.record_once([Event(verb="build.new", subject_kind="build", subject="6.18")])


@pytest.mark.parametrize("batch", [1, 3])
def test_two_workers_at_once_tell_everything_once(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.worker.claims.BATCH", batch)
    measured("6.18.43", *held())
    for n in range(12):
        kernel = {"release": f"6.18.{44 + n % 2}", "architecture": "x86_64"}
        builders.report(*moved(), kernel=kernel)
    at_once(ingest.drain, ingest.drain)
    assert [word for word, _, _ in turns()] == ["fixed"]
    assert sorted(told("build.new")) == ["6.18.43", "6.18.44", "6.18.45"]
    assert len(told("evidence.first")) == 1


def test_its_words_are_sent_as_json() -> None:
    measured("6.18.43", *held())
    assert json.dumps([row.data for row in Event.objects.filter(verb="evidence.first")])
