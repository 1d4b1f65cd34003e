"""Two builds side by side: the rule, the page, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import jsonschema
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from catalog.measured import compare_views
from catalog.measured.side_by_side import best, exact, turned
from catalog.models import Case, Document
from tests import builders
from tests.catalog.test_measured import tally
from tests.pages import on_one_line


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [  # as R gives them: fisher.test(rbind(a, b))$p.value
        ([3, 1], [1, 3], 0.4857143),
        ([8, 2], [1, 5], 0.03496503),
        ([5, 0], [0, 5], 0.007936508),
        ([10, 2], [3, 15], 0.0005367241),
        ([4, 0], [4, 0], 1.0),
    ],
)
def test_two_outcomes_give_fishers_p(a: list[int], b: list[int], p: float) -> None:
    assert exact(a, b) == pytest.approx(p, rel=1e-6)
    assert exact(b, a) == pytest.approx(p, rel=1e-6)


def shuffled(a: list[int], b: list[int]) -> float:
    """The same, by going through every way to deal the runs to the two builds."""
    outcomes = [index for index, (x, y) in enumerate(zip(a, b, strict=True)) for _ in range(x + y)]

    def tables() -> Iterator[tuple[int, ...]]:
        for dealt in combinations(range(len(outcomes)), sum(a)):
            counts = [0] * len(a)
            for run in dealt:
                counts[outcomes[run]] += 1
            yield tuple(counts)

    every = list(tables())
    likely = {table: every.count(table) for table in set(every)}
    return sum(n for n in likely.values() if n <= likely[tuple(a)]) / len(every)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=4))
def test_it_is_what_shuffling_the_runs_gives(columns: list[tuple[int, int]]) -> None:
    a, b = [x for x, _ in columns], [y for _, y in columns]
    if sum(a) + sum(b) <= 12:
        assert exact(a, b) == pytest.approx(shuffled(a, b), rel=1e-6)


def test_five_against_four_is_the_least_that_can_say_something() -> None:
    assert best(5, 4) < 0.01 <= best(4, 4)
    assert best(3, 1_000) < 0.01 <= best(2, 10)


def test_very_many_runs_are_no_trouble() -> None:
    assert 0 < exact([50_000, 50_000], [50_400, 49_600]) < 1
    assert exact([10**6, 0], [0, 1]) == pytest.approx(1 / (10**6 + 1), rel=1e-3)
    assert exact([0, 0], [0, 0]) == 1


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ({"hangs": 5}, {"moves": 5}, "fixed"),
        ({"moves": 5}, {"refuses": 5}, "regressed"),
        ({"hangs": 5}, {"leaves_first": 3, "moves": 2}, "fixed"),
        ({"hangs": 4}, {"moves": 4}, ""),
        ({"hangs": 20}, {"moves": 3}, "fixed"),
        ({"hangs": 200}, {"moves": 2}, ""),
        ({"moves": 2}, {"hangs": 200}, ""),
        ({"hangs": 5}, {"refuses": 5}, ""),
        ({"hangs": 5}, {"hangs": 5}, ""),
        ({"hangs": 5}, {"hangs": 3, "moves": 2}, ""),
        ({"hangs": 30, "refuses": 20}, {"hangs": 5, "refuses": 40, "moves": 1}, ""),
        ({"hangs": 5}, {"inconclusive": 5}, "now_inconclusive"),
        ({"hangs": 5}, {"inconclusive": 2}, ""),
        ({"hangs": 5}, {"inconclusive": 50, "hangs": 1}, ""),
        ({"inconclusive": 5}, {"hangs": 5}, ""),
        ({"passed": 9}, {"failed": 9}, ""),
        ({"hangs": 5}, {"skipped": 50, "error": 9}, ""),
        ({}, {"hangs": 5}, ""),
        ({"hangs": 5}, {}, ""),
    ],
)
def test_what_turned_and_what_did_not(before: dict[str, int], after: dict[str, int], word: str) -> None:
    assert turned(before, after) == word


def verdicts(a: str = "6.18.44", b: str = "6.18.44 + fix v3") -> dict[tuple[str, str], tuple[str, Any]]:
    answer = Client().get("/api/v1/compare/", {"a": a, "b": b}).json()
    jsonschema.validate(answer, compare_views.Comparison.model_json_schema())
    return {(row["case"], row["mover"]): (row["verdict"], row.get("p")) for row in answer["results"]}


@pytest.fixture
def case(db: None) -> Case:
    return builders.case()


def test_base_and_patched_are_told_apart_where_runs_suffice(case: Case) -> None:
    tally(case, runs=5)
    tally(case, label="fix v3", outcome="moves", runs=5)
    tally(case, mover="cma", runs=4)
    tally(case, mover="cma", label="fix v3", outcome="moves", runs=4)
    tally(case, mover="offline", runs=5)
    tally(case, mover="offline", label="fix v3", runs=5)
    tally(case, mover="split", runs=9)
    tally(case, mover="split", label="fix v3", outcome="inconclusive", runs=9)
    tally(case, mover="kcompactd", runs=9)
    assert verdicts() == {
        ("fuse-writeback", "compaction"): ("differs", 0.00794),
        ("fuse-writeback", "cma"): ("too_few_runs", None),
        ("fuse-writeback", "offline"): ("no_difference", 1),
        ("fuse-writeback", "split"): ("one_side", None),
        ("fuse-writeback", "kcompactd"): ("one_side", None),
    }
    told = on_one_line(Client().get("/compare/", {"a": "6.18.44", "b": "6.18.44 + fix v3"}))
    parts = ("Differs", "0.0079", "No difference shown", "Too few runs to tell", "5 and 5", "not tried")
    assert [told.index(part) for part in parts]


def test_a_hang_that_became_a_refusal_is_a_difference_although_both_hold(case: Case) -> None:
    tally(case, runs=5)
    tally(case, label="fix v3", outcome="refuses", runs=5)
    assert verdicts() == {("fuse-writeback", "compaction"): ("differs", 0.00794)}


@pytest.mark.parametrize("key", ["mover", "area", "environment", "architecture", "kind"])
def test_nothing_is_pooled(case: Case, key: str) -> None:
    other = {"mover": "cma", "area": "zone_movable", "environment": "guest", "architecture": "arm64", "kind": "log"}
    tally(case, runs=9)
    tally(case, label="fix v3", outcome="moves", runs=9, **{key: other[key]})
    answer = Client().get("/api/v1/compare/", {"a": "6.18.44", "b": "6.18.44 + fix v3"}).json()
    assert answer["page"].endswith("/compare/?a=6.18.44&b=6.18.44+%2B+fix+v3")
    assert [row["verdict"] for row in answer["results"]] == ["one_side", "one_side"]


def test_very_many_runs_of_many_outcomes_are_compared_as_held_or_not(case: Case) -> None:
    for label, outcomes in {"": (900, 800, 700), "fix v3": (100, 1_500, 800)}.items():
        for outcome, runs in zip(("moves", "refuses", "hangs"), outcomes, strict=True):
            tally(case, label=label, outcome=outcome, runs=runs)
    ((verdict, p),) = verdicts().values()
    assert verdict == "differs" and p == pytest.approx(exact([900, 1_500], [100, 2_300]), rel=0.01)


def test_a_plus_that_was_not_quoted_is_read(case: Case) -> None:
    tally(case, "7.3.4+deb13-amd64")
    tally(case, "7.3.4+deb13-amd64", label="a + b")
    answer = Client().get("/compare/?a=7.3.4+deb13-amd64&b=7.3.4+deb13-amd64+%2B+a+%2B+b")
    assert [str(answer.context[side]) for side in "ab"] == ["7.3.4+deb13-amd64", "7.3.4+deb13-amd64 + a + b"]


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("?a=6.18.44", 200), ("?a=6.18.44&b=9.9", 404), ("?a=%00&b=", 404)]
)
def test_the_page_asks_for_what_is_missing(case: Case, query: str, status: int) -> None:
    tally(case)
    answer = Client().get(f"/compare/{query}")
    assert answer.status_code == status and "<select" in answer.content.decode()
    assert ("Nothing was measured on the" in answer.content.decode()) == (status == 404)


@pytest.mark.parametrize(
    ("query", "status", "field"), [("", 400, "a"), ("a=6.18.44", 400, "b"), ("a=6.18.44&b=9", 404, "b")]
)
def test_the_api_names_the_field(case: Case, query: str, status: int, field: str) -> None:
    tally(case)
    answer = Client().get(f"/api/v1/compare/?{query}")
    assert answer.status_code == status and answer.json()["detail"].startswith(f"{field}: ")


def test_what_was_measured_of_drafts_is_neither_chosen_nor_compared(case: Case) -> None:
    tally(case, runs=5)
    tally(builders.case("open-one"), "7.3.4")
    Document.objects.filter(slug="fuse-writeback").update(state="draft")
    assert "6.18.44" not in Client().get("/compare/").content.decode()
    assert Client().get("/api/v1/compare/?a=6.18.44&b=7.3.4").status_code == 404


def test_it_asks_two_questions_whatever_was_measured(case: Case) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert Client().get("/compare/?a=6.18.44&b=7.3.4").status_code == 200
        return len(seen)

    for release in ("6.18.44", "7.3.4"):
        tally(case, release)
    few = queries()
    for n in range(9):
        tally(builders.case(f"case-{n}"), "7.3.4")
        tally(case, f"6.{n}.1")
    assert queries() == few == 2


def test_the_direction_stands_on_the_page_and_in_json(case: Case) -> None:
    tally(case, outcome="hangs", runs=5)
    tally(case, outcome="moves", runs=5, label="fix v3")
    there, back = (Client().get("/api/v1/compare/", {"a": a, "b": b}).json()["results"] for a, b in _ways())
    assert [row["turned"] for row in (*there, *back)] == ["fixed", "regressed"]
    page = Client().get("/compare/", dict(zip("ab", next(_ways()), strict=True))).content.decode()
    assert "<b>fixed</b>" in page


def _ways() -> Iterator[tuple[str, str]]:
    yield "6.18.44", "6.18.44 + fix v3"
    yield "6.18.44 + fix v3", "6.18.44"
