"""Kernels and strategies as JSON."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.measured import api
from catalog.models import Document
from catalog.pages.api import strategies
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db


def get(path: str, status: int = 200) -> Any:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.json()


def test_kernels_say_their_line_where_they_were_measured_and_what_is_newer() -> None:
    case = builders.case()
    for release, label in (("6.1.0-9-amd64", ""), ("6.1.0-41-amd64", ""), ("5.14.0-570.el9.x86_64", "fix v3")):
        tally(case, release, label=label)
    rows = get("/api/v1/kernels/")["results"]
    for row in rows:
        jsonschema.validate(row, api.ListedKernel.model_json_schema())
    assert [(row["line"], row.get("newer_release"), row.get("label")) for row in rows] == [
        ("6.1", "6.1.0-41-amd64", None),
        ("6.1", None, None),
        ("el9 5.14", None, "fix v3"),
    ]
    assert rows[0]["measured"][0]["nr_cases"] == 1
    for row in rows:
        one = get(row["url"].partition("8000")[2])
        jsonschema.validate(one, api.OneKernel.model_json_schema())
        assert [of["case"] for of in one["measured"]] == ["fuse-writeback"]


@pytest.mark.parametrize(
    "path", ["/api/v1/kernels/9.9/", "/api/v1/kernels/%00/", "/api/v1/kernels/6.18.44/?label=%00x"]
)
def test_a_kernel_that_nobody_measured_is_a_problem_document(path: str) -> None:
    tally(builders.case())
    assert get(path, 404)["title"] == "Not found."


def test_strategies_say_what_they_do_for_which_case() -> None:
    builders.case()
    builders.strategy(
        cases=("fuse-writeback", "not-yet"), states=[{"state": "idea"}, {"state": "posted", "version": "3"}]
    )
    (row,) = get("/api/v1/strategies/")["results"]
    jsonschema.validate(row, strategies.ListedStrategy.model_json_schema())
    assert (row["state"], row["version"]) == ("posted", 3)
    assert [served["case"] for served in row["cases"]] == ["fuse-writeback", "not-yet"]
    one = get("/api/v1/strategies/a-strategy/")
    jsonschema.validate(one, strategies.OneStrategy.model_json_schema())
    assert one["document"]["states"] == [{"state": "idea"}, {"state": "posted", "version": 3}]


def test_a_strategy_that_is_not_there_is_a_problem_document() -> None:
    assert get("/api/v1/strategies/nothing/", 404)["detail"] == "There is no such strategy."


def test_drafts_stay_hidden() -> None:
    tally(builders.case())
    builders.case("open-one")
    builders.strategy(cases=("fuse-writeback", "open-one"))
    builders.strategy("another")
    Document.objects.filter(slug__in=["fuse-writeback", "another"]).update(state="draft")
    assert get("/api/v1/kernels/")["results"] == []
    (row,) = get("/api/v1/strategies/")["results"]
    one = get("/api/v1/strategies/a-strategy/")
    assert "fuse-writeback" not in str(row) + str(one)
    get("/api/v1/kernels/6.18.44/", 404)
    get("/api/v1/strategies/another/", 404)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/kernels/", 3),  # builds, when each was measured, the page's rows
        ("/api/v1/kernels/6.18.44/", 3),  # build, tallies, cases
        ("/api/v1/strategies/", 4),  # visible cases, strategies, servings, cases of these
        ("/api/v1/strategies/a-strategy/", 3),
    ],
)
def test_they_ask_the_same_few_questions_however_much_there_is(path: str, expected: int) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            get(path)
        return len(seen)

    tally(builders.case())
    builders.strategy()
    few = queries()
    for n in range(9):
        case = builders.case(f"case-{n}")
        tally(case)
        tally(case, f"6.{n}.1")
        builders.strategy(f"strategy-{n}", cases=("fuse-writeback", f"case-{n}"))
    assert queries() == few == expected
