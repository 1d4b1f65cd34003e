"""Lists of the API: who follows `next` sees each row that was there at the start once, whatever comes meanwhile."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import Case, KernelBuild
from discussion.comments import threads
from reports.models import Evidence, Report
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 22, tzinfo=UTC)
_numbers = itertools.count(1)


def follow(path: str, rel: str = "next", meanwhile: Callable[[], object] = lambda: None) -> list[list[dict[str, Any]]]:
    """The pages from `path` on, with `meanwhile` between any two."""
    pages, seen = [], set()
    while path:
        assert path not in seen, f"round in a circle at {path}"
        seen.add(path)
        answer = Client().get(path)
        assert answer.status_code == 200, answer.content
        pages.append(answer.json()["results"])
        links = {name: url for url, name in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.get("Link", ""))}
        path = links.get(rel, "")
        meanwhile()
    return pages


def evidence(case: Case, seconds: list[int]) -> None:
    """A row at each of these instants, many of which may be the same."""
    report = Report.objects.first() or builders.report()
    build, _ = KernelBuild.objects.get_or_create(release="6.18.44", label="")
    Evidence.objects.bulk_create(
        Evidence(
            report=report,
            key=f"/runs/{next(_numbers)}",
            case=case,
            build=build,
            machine=report.machine,
            outcome="hangs",
            kind="run",
            seen_at=DAY + timedelta(seconds=at),
        )
        for at in seconds
    )


def ids(pages: list[list[dict[str, Any]]], key: str) -> list[Any]:
    return [row[key] for page in pages for row in page]


@settings(max_examples=40)
@given(
    seconds=st.lists(st.integers(0, 3), max_size=30),
    more=st.lists(st.lists(st.integers(-1, 4), max_size=3), max_size=10),
    limit=st.integers(1, 7),
)
def test_evidence_is_seen_once_with_ties_and_with_what_comes_meanwhile(
    seconds: list[int], more: list[list[int]], limit: int
) -> None:
    case = builders.case(f"case-{next(_numbers)}")
    evidence(case, seconds)
    address = f"/api/v1/cases/{case.slug}/evidence/?limit={limit}"
    there = [row.key for row in Evidence.objects.filter(case=case).order_by("-seen_at", "-id")]
    assert ids(follow(address), "key") == there
    coming = iter(more)
    seen = Counter(ids(follow(address, meanwhile=lambda: evidence(case, next(coming, []))), "key"))
    assert {seen[key] for key in there} <= {1} and set(seen.values()) <= {1}


LISTS: dict[str, tuple[str, str, Callable[[], object]]] = {
    "cases": ("/api/v1/cases/?", "case", lambda: builders.case(f"c-{next(_numbers) * 7919 % 1000}")),
    "affected": (
        "/api/v1/affected/?kernel=6.18.44&",
        "case",
        lambda: builders.case(f"c-{next(_numbers) * 7919 % 1000}"),
    ),
    "strategies": ("/api/v1/strategies/?", "strategy", lambda: builders.strategy(f"s-{next(_numbers) * 7919 % 1000}")),
    "kernels": (
        "/api/v1/kernels/?",
        "release",
        lambda: tally(Case.objects.get(slug="the-case"), f"6.{next(_numbers)}.1"),
    ),
    "comments": (
        "/api/v1/cases/the-case/comments/?",
        "comment",
        lambda: threads.say(Case.objects.get(slug="the-case").document, builders.person(), "A word."),
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_other_list_is_seen_once_too(name: str) -> None:
    address, key, add = LISTS[name]
    builders.case("the-case")

    @settings(max_examples=6)
    @given(added=st.integers(0, 4), limit=st.integers(1, 5))
    def check(added: int, limit: int) -> None:
        for _ in range(added):
            add()
        there = ids(follow(f"{address}limit=200"), key)
        meanwhile = iter([add] * 3)
        seen = Counter(ids(follow(f"{address}limit={limit}", meanwhile=lambda: next(meanwhile, int)()), key))
        assert [seen[one] for one in there] == [1] * len(there) and set(seen.values()) <= {1}

    check()


def test_more_rows_of_one_instant_than_an_offset_can_count_are_seen_once() -> None:
    case = builders.case()
    evidence(case, [0] * 1_500)
    pages = follow("/api/v1/cases/fuse-writeback/evidence/?limit=200")
    assert [len(page) for page in pages] == [200] * 7 + [100]
    assert len({row["key"] for page in pages for row in page}) == 1_500


def test_the_way_back_shows_the_same_pages() -> None:
    case = builders.case()
    evidence(case, [0, 0, 0, 1, 1, 2, 2, 2, 2])
    address = "/api/v1/cases/fuse-writeback/evidence/?limit=2"
    pages, last = follow(address), Client().get(address)
    for _ in pages[1:]:
        last = Client().get(last["Link"].partition(">")[0].lstrip("<"))
    assert 'rel="next"' not in last["Link"]
    back = follow(last["Link"].partition(">")[0].lstrip("<"), "prev")
    assert back == pages[:-1][::-1]


@pytest.mark.parametrize("order", ["-seen_at -id", "slug", "id"])
def test_a_cursor_of_another_list_or_of_nobody_is_a_problem(order: str) -> None:
    builders.case("the-case")
    mine = {"evidence": "-seen_at -id", "comments": "id"}
    for name, own in mine.items():
        given = signing.Signer(salt=f"rest.paging {order}" if order != own else "x").sign_object(["next", "x"])
        answer = Client().get(f"/api/v1/cases/the-case/{name}/", {"cursor": given})
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("given_cursor", ["", "x", "\x00", "ü:1:2", "a:b:c", "." * 9_000])
def test_nonsense_for_a_cursor_is_a_problem(given_cursor: str) -> None:
    answer = Client().get("/api/v1/cases/", {"cursor": given_cursor})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"] == "cursor: expected one from a Link header."


def test_a_page_is_one_search_in_the_index_by_the_whole_order() -> None:
    evidence(builders.case(), [0] * 5)
    first = Client().get("/api/v1/cases/fuse-writeback/evidence/?limit=2")
    with CaptureQueriesContext(connection) as asked:
        Client().get(first["Link"].partition(">")[0].lstrip("<"))
    (sql,) = [one["sql"] for one in asked if '"reports_evidence"."id") <' in one["sql"]]
    assert "OFFSET" not in sql and "LIMIT 3" in sql
