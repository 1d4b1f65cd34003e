"""Limits: the same for all processes together, told before they are reached, and said how long to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reports.models import Shared
from rest.bounds import limits
from rest.models import Allowance
from tests import builders
from tests.at_once import alone, at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db
DAY = 86_400


@pytest.fixture(autouse=True)
def fresh(settings: Any) -> Iterator[None]:
    """One window for the whole test, and no lease of an earlier one."""
    limits._leases.clear()
    settings.LIMITS = {"read": (5, DAY), "send": (3, DAY), "sign-in": (2, DAY), "many": (1_000, DAY)}
    yield
    limits._leases.clear()


def get(**given: str) -> Any:
    return Client().get("/api/v1/cases/", **given)


def test_what_is_left_is_told_and_then_it_is_429_with_the_time_to_wait() -> None:
    left = [get()["RateLimit"] for _ in range(5)]
    assert [one.partition(";t=")[0] for one in left] == [f'"read";r={n}' for n in (4, 3, 2, 1, 0)]
    answer = get()
    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer.json()["code"] == "too-many-requests"
    assert 0 < int(answer["Retry-After"]) <= DAY
    assert answer["RateLimit-Policy"] == f'"read";q=5;w={DAY}' and '"read";r=0' in answer["RateLimit"]


def test_everybody_has_limits_of_their_own() -> None:
    assert [get().status_code for _ in range(6)][-1] == 429
    assert get(REMOTE_ADDR="192.0.2.7").status_code == 200
    bearer = {"Authorization": f"Bearer {builders.token(scopes=('read',))}"}
    assert get(headers=bearer).status_code == 200


def test_a_report_over_the_limit_is_not_kept_and_may_come_later() -> None:
    secret = builders.token()
    send = {"headers": {"Authorization": f"Bearer {secret}"}, "content_type": "application/json"}
    codes = [Client().post("/api/v1/reports/", builders.body(), **send).status_code for _ in range(4)]
    assert codes == [202, 202, 202, 429]


def test_a_page_over_the_limit_is_a_page() -> None:
    codes = [Client().post("/sign-in/", {"username": "x", "password": "y"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert Client().get("/sign-in/").status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/html,*/*", "text/html"), ("*/*", "text/plain"), ("", "text/plain")]
)
def test_who_asks_for_text_is_told_in_text_that_it_was_too_often(settings: Any, accept: str, kind: str) -> None:
    settings.LIMITS = {**settings.LIMITS, "write": (1, DAY)}
    client = Client(headers={"Accept": accept})
    answers = [client.post("/diagnose/", "a log", content_type="text/plain") for _ in range(2)]
    assert answers[-1].status_code == 429 and answers[-1]["Content-Type"].startswith(kind)
    assert 0 < int(answers[-1]["Retry-After"]) <= DAY
    assert "Too many requests." in answers[-1].content.decode()


def spend(times: int) -> int:
    """How many of so many tries this process was let through, having forgotten what it had leased."""
    limits._leases.clear()
    through = 0
    for _ in range(times):
        try:
            limits.spend(RequestFactory().get("/"), "many")
            through += 1
        except limits.Exhausted:
            pass
    return through


def test_units_are_leased_in_blocks_so_that_no_row_is_hot() -> None:
    with CaptureQueriesContext(connection) as asked:
        assert spend(100) == 100
    assert len(asked) == 5, "blocks of a fiftieth of the limit"
    assert Allowance.objects.get().leased == 100


def test_who_has_spent_all_costs_the_database_nothing_more() -> None:
    with CaptureQueriesContext(connection) as served:
        assert spend(1_000) == 1_000
    request, refused = RequestFactory().get("/"), 0
    with CaptureQueriesContext(connection) as asked:
        for _ in range(1_000):
            with pytest.raises(limits.Exhausted):
                limits.spend(request, "many")
            refused += 1
    assert refused == 1_000 and len(asked) == 0 < len(served) == 50


def test_a_large_bite_that_is_refused_leaves_the_rest_to_smaller_ones() -> None:
    request = RequestFactory().get("/")
    limits.spend(request, "read", 3)
    with pytest.raises(limits.Exhausted):
        limits.spend(request, "read", 3)
    limits.spend(request, "read", 2)
    with pytest.raises(limits.Exhausted):
        limits.spend(request, "read")


def test_the_next_window_begins_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spend(1_001) == 1_000
    tomorrow = time.time() + DAY
    monkeypatch.setattr(limits.time, "time", lambda: tomorrow)
    limits.spend(RequestFactory().get("/"), "many")


@pytest.mark.django_db(transaction=True)
def test_a_row_of_one_that_is_locked_does_not_stop_another() -> None:
    def ask(address: str) -> None:
        limits.spend(RequestFactory(REMOTE_ADDR=address).get("/"), "read")

    ask("192.0.2.1")
    limits._leases.clear()
    others: list[str] = []

    def be_another() -> None:
        wait_until_somebody_waits()
        ask("192.0.2.2")
        others.append("192.0.2.2")

    with transaction.atomic():
        list(Allowance.objects.select_for_update())
        blocked, other = (threading.Thread(target=alone, args=(act,)) for act in (lambda: ask("192.0.2.1"), be_another))
        blocked.start()
        other.start()
        other.join(30)
        assert others == ["192.0.2.2"] and blocked.is_alive()
    blocked.join(30)
    assert not blocked.is_alive()


@pytest.mark.django_db(transaction=True)
def test_threads_that_ask_for_one_key_at_once_get_all_of_the_limit_and_no_more() -> None:
    got: list[int] = []

    def ask() -> None:
        request = RequestFactory().get("/")
        for _ in range(100):
            try:
                limits.spend(request, "many", 3)
                got.append(3)
            except limits.Exhausted:
                return

    at_once(*[ask] * 6)
    assert sum(got) == 999


def test_processes_together_never_get_more_than_the_limit() -> None:
    """A process that forgot its lease is another process, to the database."""
    assert sum(spend(110) for _ in range(20)) <= 1_000
    assert Allowance.objects.get().leased == 1_000


@pytest.mark.django_db(transaction=True)
def test_leases_taken_at_the_same_moment_add_up() -> None:
    limit, granted = limits.Limit(1_000, DAY), []

    def lease() -> None:
        for _ in range(10):
            mine = limits.Lease(1)
            limits._renew(mine, "many", "somebody", limit, limit.block)
            granted.append(mine.unspent)

    at_once(*[lease] * 8)
    assert sum(granted) == 1_000 == Allowance.objects.get().leased


def test_windows_gone_by_are_swept_away() -> None:
    spend(1)
    assert limits.sweep() == 0
    Allowance.objects.update(ends_at="2020-01-01T00:00:00Z")
    assert limits.sweep() == 1


def test_a_clock_that_is_an_hour_ahead_sweeps_away_nothing_that_others_count_in() -> None:
    """To it a window looks over that began half an hour ago and ends in half an hour."""
    spend(1)
    Allowance.objects.update(ends_at=timezone.now() - timedelta(minutes=30))
    assert limits.sweep() == 0


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "192.0.2.1", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "192.0.2.1, 192.0.2.9", "192.0.2.9"),
        (2, "192.0.2.1, 192.0.2.9", "192.0.2.1"),
        (2, "192.0.2.9", "127.0.0.1"),
        *((1, f"192.0.2.9:{port}", "192.0.2.9") for port in (1, 1000, 65535)),
        *(
            (1, entry, "2001:db8::9")
            for entry in ("2001:db8::9", "[2001:db8::9]", "[2001:DB8:0::9]:80", "2001:db8::9%1")
        ),
        (1, "::ffff:192.0.2.9", "192.0.2.9"),
        *((1, f"192.0.2.1, {no_address}", "127.0.0.1") for no_address in ("", "unknown", "192.0.2.9:a", "1.2.3")),
        *((1, no_address, "127.0.0.1") for no_address in ("[::1", "::1]:80", "192.0.2.09", "٣.2.3.4", "9" * 10_000)),
    ],
)
def test_only_proxies_of_ours_are_believed_where_a_request_came_from(
    settings: Any, proxies: int, header: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": header} if header else {})
    assert limits.address(request) == address
    assert get_adapter().get_client_ip(request) == address, "the account pages count by the same"


@pytest.mark.parametrize("remote", ["", "unix:", "@"])
def test_who_comes_from_nowhere_is_one_and_the_same(settings: Any, remote: str) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "garbage"}, REMOTE_ADDR=remote)
    assert limits.client_key(request) == "address nowhere" and get_adapter().get_client_ip(request) == "nowhere"


def test_one_subscriber_of_ipv6_is_one_however_many_addresses_they_use() -> None:
    codes = [get(REMOTE_ADDR=f"2001:db8:1:2::{n:x}").status_code for n in range(1, 7)]
    assert codes == [200] * 5 + [429]
    assert get(REMOTE_ADDR="2001:db8:1:3::1").status_code == 200
    mapped = [get(REMOTE_ADDR=address).status_code for address in ["192.0.2.9"] * 5 + ["::ffff:192.0.2.9"]]
    assert mapped == [200] * 5 + [429]


def test_whatever_a_page_takes_is_bounded_those_of_other_packages_too(settings: Any) -> None:
    settings.LIMITS = {"write": (2, DAY)}
    codes = [Client().post("/account/password/reset/", {"email": "no address"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert Client().get("/account/password/reset/").status_code == 200
    bearer = {"Authorization": f"Bearer {builders.token()}"}
    sent = Client().post("/api/v1/reports/", builders.body(), content_type="application/json", headers=bearer)
    assert sent.status_code == 202
    jane = Client()
    jane.force_login(builders.person())
    assert [jane.post("/account/", {"kernel_name": "Jane"}).status_code for _ in range(3)] == [302, 302, 429]


def test_one_stranger_does_not_fill_the_queue_of_shared_texts(settings: Any) -> None:
    settings.LIMITS = {"share": (2, DAY)}
    said = {"text": "a text", "kernel": "6.18.1", "architecture": "x86_64", "environment": "host", "agreed": "yes"}
    codes = [Client().post("/diagnose/share/", said).status_code for _ in range(3)]
    assert codes == [302, 302, 429] and Shared.objects.count() == 2
    assert Client().post("/diagnose/share/", {"text": "a text"}).status_code == 200


@pytest.mark.parametrize("path", ["/diagnose/", "/account/password/reset/", "/sign-in/"])
@pytest.mark.parametrize("length", [str(limits.MAX_FORM_BYTES + 1), "9" * 30])
def test_a_form_that_is_too_long_is_refused_before_its_files_are_written_anywhere(path: str, length: str) -> None:
    form = {"text": "a text"}
    assert Client().post(path, form).status_code == 200
    assert Client().post(path, form, CONTENT_LENGTH=length).status_code == 413


def test_pages_and_searches_by_get_are_bounded_without_a_write_for_each(settings: Any) -> None:
    settings.LIMITS = {"page": (100, DAY), "search": (2, DAY)}
    builders.case()
    client = Client()
    client.get("/robots.txt")
    with CaptureQueriesContext(connection) as asked:
        codes = [client.get("/robots.txt").status_code for _ in range(102)]
    assert codes[:99] == [200] * 99 and codes[99:] == [429] * 3
    assert sum("rest_allowance" in one["sql"] for one in asked) <= 54, "one for two pages; those refused cost more"
    assert [client.get(path).status_code for path in ("/search/?q=a", "/?q=b", "/?q=c", "/search/?q=")] == [
        200,
        200,
        429,
        429,
    ]
    assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    assert client.get("/robots.txt", REMOTE_ADDR="192.0.2.7").status_code == 200
    assert client.get("/api/v1/cases/").status_code == 200
