"""Followers of the journal miss nothing, whatever commits when; and see what they may."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from catalog import revisions
from catalog.models.text import Origin, State
from people import following, journal
from people.models import Event, Role
from tests import builders


def get(since: str = "", limit: int = 50, client: Client | None = None) -> Any:
    return (client or Client()).get(f"/api/v1/events/?since={since}&limit={limit}")


@pytest.mark.django_db(transaction=True)
def test_of_two_overlapping_transactions_the_later_to_commit_is_not_skipped() -> None:
    builders.case()
    seen, place = [], get().json()["results"][-1]["place"]
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                journal.record("case.revised", "case", "fuse-writeback", n="slow")
                written.set()
                may_commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(10)
    journal.record("case.revised", "case", "fuse-writeback", n="quick")
    slow_id, quick_id = Event.objects.get(data__n="quick").pk - 1, Event.objects.get(data__n="quick").pk
    meanwhile = get(place).json()["results"]
    seen += meanwhile
    may_commit.set()
    thread.join(10)
    place = (meanwhile[-1]["place"]) if meanwhile else place
    seen += get(place).json()["results"]
    ids = [int(row["place"].partition("-")[2]) for row in seen]
    assert meanwhile == [], "the quick one waits, or the slow one would be behind the follower's back"
    assert sorted(ids) == [slow_id, quick_id]


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
    end = Event.objects.order_by("transaction", "id").last()
    assert end is not None
    last = str(following.Place(end.transaction, end.pk))
    assert f"since={last}&limit=50" in get(last)["Link"] and get(last).json()["results"] == []


@pytest.mark.django_db(transaction=True)
def test_strangers_see_no_drafts_no_tokens_and_no_people() -> None:
    builders.case()
    revisions.save(builders.case_text("secret-case"), origin=Origin.SITE, author=builders.person(), state=State.DRAFT)
    builders.token("box")
    verbs = [(row["verb"], row["subject"]) for row in get().json()["results"]]
    assert ("machine.added", "box") in verbs
    assert not [pair for pair in verbs if pair[0].startswith(("token", "person")) or pair[1] == "secret-case"]
    chief = Client()
    chief.force_login(builders.person("chief", Role.MAINTAINER))
    assert {"token.made", "machine.added"} <= {row["verb"] for row in get(client=chief).json()["results"]}


@pytest.mark.django_db
@pytest.mark.parametrize("since", ["x", "1", "1-", "-1-2", "1-2-3", "9" * 30 + "-1", "1-2\x00"])
def test_a_place_that_is_none_is_a_problem(since: str) -> None:
    answer = get(since)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
