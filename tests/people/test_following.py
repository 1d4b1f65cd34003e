"""Followers of the journal miss nothing, whatever commits when; and see what they may."""

from __future__ import annotations

import importlib
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models.text import Origin, State
from catalog.pages.events import PUBLIC
from catalog.revisions import store
from people import journal, journal_cursor
from people.models import Event, Role
from tests import builders
from tests.at_once import at_once
from tests.running import until


def get(since: str = "", limit: int = 50, client: Client | None = None) -> Any:
    return (client or Client()).get(f"/api/v1/events/?since={since}&limit={limit}")


@pytest.mark.django_db(transaction=True)
def test_a_long_transaction_delays_its_own_lines_alone_and_loses_none() -> None:
    builders.case()
    place = get().json()["results"][-1]["place"]
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            journal.record("case.revised", "case", "fuse-writeback", n="slow")
            written.set()
            assert may_commit.wait(30)

    def quick() -> None:
        assert written.wait(30)
        journal.record("case.revised", "case", "fuse-writeback", n="quick")
        seen.append(get(place).json()["results"])
        may_commit.set()

    seen: list[list[dict[str, Any]]] = []
    at_once(slow, quick)
    seen.append(get(seen[0][-1]["place"]).json()["results"])
    told = [[Event.objects.get(place=row["place"]).data["n"] for row in rows] for rows in seen]
    assert told == [["quick"], ["slow"]]
    assert Event.objects.get(data__n="slow").pk < Event.objects.get(data__n="quick").pk, "the set-up says nothing"


@pytest.mark.django_db(transaction=True)
def test_places_are_given_by_one_at_a_time() -> None:
    """Each by itself would give lines that the other has given places another one, which the database refuses."""
    for n in range(5):
        journal.record("case.revised", "case", "fuse-writeback", n=n)
    given = threading.Event()

    def is_waited_for() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
                " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
            )
            return cursor.fetchone() == (1,)

    def first() -> None:
        with transaction.atomic():
            journal_cursor.give_places()
            given.set()
            until(is_waited_for, 90, "nobody waits for the lock")

    def second() -> None:
        assert given.wait(20)
        journal_cursor.give_places()

    at_once(first, second)
    numbered = Event.objects.order_by("place").values_list("data__n", flat=True)
    assert list(numbered) == list(range(5)) and not Event.objects.filter(place=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_place_lies_beyond_the_clock_and_beyond_the_last_place() -> None:
    """What is restored to an hour ago gives no place that a reader has passed, nor does one whose clock went back."""
    before = time.time_ns() // 1_000
    first = journal.record("case.revised", "case", "fuse-writeback")
    journal_cursor.give_places()
    first.refresh_from_db()
    assert first.place is not None and first.place > before
    ahead = journal.record("case.revised", "case", "fuse-writeback", n=1)
    Event.objects.filter(pk=ahead.pk).update(place=first.place + 10**15)
    last = journal.record("case.revised", "case", "fuse-writeback")
    journal_cursor.give_places()
    last.refresh_from_db()
    assert last.place == first.place + 10**15 + 1


@pytest.mark.django_db(transaction=True)
def test_followers_among_many_writers_see_each_event_once_and_in_order() -> None:
    builders.case()
    start = get().json()["results"][-1]["place"]
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(15):
                with transaction.atomic():
                    journal.record("case.revised", "case", "fuse-writeback")
                    journal.record("case.revised", "case", "fuse-writeback")
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    place = start
    while any(thread.is_alive() for thread in threads) or get(place, 7).json()["results"]:
        rows = get(place, 7).json()["results"]
        seen += [row["place"] for row in rows]
        place = rows[-1]["place"] if rows else place
    assert errors == [] and len(seen) == len(set(seen)) == 120


@pytest.mark.django_db(transaction=True)
def test_the_link_goes_on_from_the_last_even_where_nothing_happened() -> None:
    builders.case()
    first = get(limit=1)
    place = first.json()["results"][0]["place"]
    assert f"since={place}&limit=1" in first["Link"]
    end = Event.objects.order_by("place").last()
    assert end is not None
    last = str(end.place)
    assert f"since={last}&limit=50" in get(last)["Link"] and get(last).json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_strangers_see_no_drafts_no_tokens_and_no_people() -> None:
    builders.case()
    store.save(builders.case_text("secret-case"), origin=Origin.SITE, author=builders.person(), state=State.DRAFT)
    builders.token("box")
    verbs = [(row["verb"], row["subject"]) for row in get().json()["results"]]
    assert ("machine.added", "box") in verbs
    assert not [pair for pair in verbs if pair[0].startswith(("token", "person")) or pair[1] == "secret-case"]
    chief = Client()
    chief.force_login(builders.person("chief", Role.MAINTAINER))
    assert {"token.made", "machine.added"} <= {row["verb"] for row in get(client=chief).json()["results"]}


@pytest.mark.django_db
@pytest.mark.parametrize("since", ["x", "1-", "-1-2", "1-2-3", "9" * 30, "9" * 30 + "-1", "1-2\x00", "٣"])
def test_a_place_that_is_none_is_a_problem(since: str) -> None:
    answer = get(since)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.django_db
def test_a_place_as_it_was_written_before_is_understood_and_nothing_is_lost_by_it() -> None:
    builders.case()
    get()
    rows = list(Event.objects.order_by("place"))
    for n, row in enumerate(rows):
        read = {one["place"] for one in get(f"{row.transaction}-{row.pk}").json()["results"]}
        assert {str(one.place) for one in rows[n + 1 :] if one.verb in PUBLIC or one.subject_kind == "case"} <= read
    end = rows[-1]
    assert get(f"{end.transaction}-{end.pk}").json()["results"] == []
    # After a restore, transaction ids of before are those of the far future.
    assert get(f"{10**17}-{rows[0].pk}").json() == get(f"{rows[0].transaction}-{rows[0].pk}").json()
    assert get("0-0").json() == get().json()


@pytest.mark.django_db
def test_followers_of_the_release_before_go_on_before_the_first_line_that_they_may_not_have_read() -> None:
    events = [journal.record("case.revised", "case", "x") for _ in range(4)]
    journal_cursor.give_places()
    rows = {one.pk: one for one in Event.objects.all()}
    read = rows[events[1].pk]
    told = {
        "healthy": (read.transaction, read.pk),
        "restored": (10**12, read.pk),
        "new": (0, 0),
        "done": (10**12, events[3].pk),
    }
    with connection.cursor() as cursor:
        for name, (transaction_, event) in told.items():
            row = "INSERT INTO discussion_follower (name, transaction, event) VALUES (%s, %s, %s)"
            cursor.execute(row, [name, transaction_, event])
        cursor.execute(importlib.import_module("discussion.migrations.0009_followers_placed").FORWARD)
        cursor.execute("SELECT name, place FROM discussion_follower WHERE name = ANY(%s)", [list(told)])
        places = dict(cursor.fetchall())
    first, second, third, last = (rows[one.pk].place or 0 for one in events)
    assert places == {"healthy": third - 1, "restored": third - 1, "new": first - 1, "done": last}
    assert second == third - 1


@pytest.mark.django_db
def test_lines_without_a_place_are_found_by_an_index_of_theirs_alone() -> None:
    Event.objects.bulk_create(Event(verb="case.revised", subject_kind="case", subject="x") for _ in range(2_000))
    journal_cursor.give_places()
    with CaptureQueriesContext(connection) as asked:
        get(limit=2)
    assert len([one for one in asked if "people_event" in one["sql"]]) == 2, (
        "is there one without a place; and the page"
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE people_event")
    plans = [Event.objects.filter(place=None).explain(), journal_cursor.after(Event.objects.all(), 5)[:10].explain()]
    assert "event_without_place" in plans[0] and "people_event_place" in plans[1], plans


def verbs_of(query: str) -> list[tuple[str, str]]:
    answer = Client().get(f"/api/v1/events/?{query}")
    assert answer.status_code == 200, answer.content
    return [(row["verb"], row["subject"]) for row in answer.json()["results"]]


@pytest.mark.django_db(transaction=True)
def test_events_are_filtered_by_verb_case_kernel_and_machine_and_say_what_was_measured() -> None:
    builders.case()
    builders.case("another")
    builders.settled(builders.run())
    builders.settled(builders.run(case="another"), kernel={"release": "6.19.1", "architecture": "x86_64"})
    new, first = "build.new", "evidence.first"
    assert verbs_of("kernel=6.18") == [(new, "6.18.44"), (first, "fuse-writeback")]
    assert verbs_of("kernel=6.19.1&verb=evidence.first") == [(first, "another")]
    assert (
        verbs_of("case=another&verb=evidence.first&verb=build.new")
        == [(first, "another")]
        == verbs_of("case=another&kernel=6.19")
    ), "a build is measured with one case, and is of none"
    assert [verb for verb, _ in verbs_of("machine=box&verb=build.new&verb=machine.added")] == [
        "machine.added",
        new,
        new,
    ]
    assert verbs_of("kernel=9.9") == []
    builders.settled(builders.run(), kernel={"release": "v6.15-rc7-7-g4a95bc121ccd", "architecture": "arm64"})
    for name in ("v6.15-rc7-7-g4a95bc121ccd", "6.15.0-rc7-00007-g4a95bc121ccd", "6.15"):
        assert [verb for verb, _ in verbs_of(f"kernel={name}")] == [new, first], name
    assert verbs_of("kernel=6.15.0-rc7") == [], "a candidate and what was put on it are two kernels"
    (row,) = Client().get("/api/v1/events/?case=fuse-writeback&verb=evidence.first&kernel=6.18").json()["results"]
    assert row["data"]["release"] == "6.18.44" and row["data"]["machine"] == "box" and "build" not in row["data"]
    assert "actor" not in row


@pytest.mark.django_db(transaction=True)
def test_with_a_filter_the_link_leads_behind_what_was_looked_at() -> None:
    builders.case()
    builders.settled(builders.run())
    answer = Client().get("/api/v1/events/?kernel=9.9&verb=build.new&limit=7")
    end = Event.objects.order_by("place").last()
    assert end is not None and answer.json()["results"] == []
    assert f"?since={end.place}&limit=7&verb=build.new&kernel=9.9>" in answer["Link"]
    full = Client().get("/api/v1/events/?kernel=6.18&limit=1")
    assert f"?since={full.json()['results'][0]['place']}&limit=1&kernel=6.18>" in full["Link"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("verb=x", "outcome.changed"),
        ("verb=build.new&verb=", "verb: "),
        ("case=none", "no such case"),
        ("case=secret-case", "no such case"),
        ("machine=none", "no such machine"),
        ("kernel=", "1 to 130"),
        ("kernel=6%00", "1 to 130"),
        ("kernel=" + "6" * 131, "1 to 130"),
        ("case=", "1 to 130"),
        ("kernels=6.18", "since, limit, verb, case, kernel, machine"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_what_could_be_is_named(query: str, said: str) -> None:
    store.save(builders.case_text("secret-case"), origin=Origin.SITE, author=builders.person(), state=State.DRAFT)
    answer = Client().get(f"/api/v1/events/?{query}")
    assert answer.status_code == 400 and said in answer.json()["detail"], answer.content
