"""What is known of the cases, as JSON."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import jsonschema
import pytest
from django.test import Client

from catalog.measured import histogram
from catalog.pages.api import cases
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db


def get(path: str, status: int = 200) -> Any:
    answer = Client().get(path)
    assert answer.status_code == status
    assert answer["Content-Type"] == ("application/json" if status == 200 else "application/problem+json")
    return answer.json()


def cursor(position: str) -> str:
    return b64encode(f"p={position}".encode()).decode()


def test_the_list_has_every_case_by_slug_with_its_words() -> None:
    builders.case()
    builders.case("a-case", effects=[{"effect": "compaction", "manner": "degraded", "standing": "measured"}])
    rows = get("/api/v1/cases/")["results"]
    assert [row["case"] for row in rows] == ["a-case", "fuse-writeback"]
    assert rows[0]["effects"] == [{"effect": "compaction", "manner": "degraded", "standing": "measured"}]
    assert rows[0]["url"].endswith("/api/v1/cases/a-case/") and rows[0]["page"].endswith("/cases/a-case/")
    for row in rows:
        jsonschema.validate(row, cases.ListedCase.model_json_schema())


def test_links_lead_through_all_pages_and_back() -> None:
    for slug in ("a", "b", "c", "d", "e"):
        builders.case(slug)
    seen, path, links = [], "/api/v1/cases/?limit=2", {}
    while path:
        answer = Client().get(path)
        seen.append([row["case"] for row in answer.json()["results"]])
        links = {rel: url for url, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.get("Link", ""))}
        path = links.get("next", "")
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    assert [row["case"] for row in get(links["prev"])["results"]] == ["c", "d"]


def test_a_list_that_fits_has_no_links() -> None:
    builders.case()
    assert "Link" not in Client().get("/api/v1/cases/")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "", "two", "٣", "0000000199999", "9" * 5_000])
def test_a_bad_limit_is_a_problem_document(limit: str) -> None:
    problem = get(f"/api/v1/cases/?limit={limit}", 400)
    assert problem["detail"] == "limit: expected a whole number from 1 to 200."


@pytest.mark.parametrize("limit", ["1", "200", "050"])
def test_a_good_limit_is_taken(limit: str) -> None:
    builders.case()
    assert len(get(f"/api/v1/cases/?limit={limit}")["results"]) == 1


@pytest.mark.parametrize("path", ["/api/v1/cases/", "/api/v1/cases/fuse-writeback/evidence/"])
@pytest.mark.parametrize("given", ["nonsense", "é", cursor("%00")])
def test_a_cursor_that_was_not_made_here_is_a_problem_document(path: str, given: str) -> None:
    builders.case()
    assert get(f"{path}?cursor={given}", 400)["status"] == 400


def test_a_cursor_without_a_time_is_a_problem_document_of_evidence() -> None:
    builders.case()
    assert get(f"/api/v1/cases/fuse-writeback/evidence/?cursor={cursor('yesterday')}", 400)["title"] == "Bad request."


@pytest.mark.parametrize("name", ["fuse-writeback", "fuse-wb"])
def test_a_case_is_found_by_its_slug_and_by_an_alias(name: str) -> None:
    builders.case(aliases=["fuse-wb"])
    case = get(f"/api/v1/cases/{name}/")
    assert (case["case"], case["aliases"], case["revision"]) == ("fuse-writeback", ["fuse-wb"], 1)
    assert case["document"]["bounds"] == {"time": "unbounded"}, "what is not known is absent"
    jsonschema.validate(case, cases.OneCase.model_json_schema())


def test_what_was_measured_is_told_by_key_and_counted() -> None:
    case = builders.case()
    tally(case, runs=3, histogram=histogram.of(2.0))
    tally(case, outcome="skipped", runs=2)
    tally(case, "6.1.1", label="fix v3", outcome="moves")
    newest, older = get("/api/v1/cases/fuse-writeback/")["measured"]
    assert newest["outcomes"] == {"hangs": 3, "skipped": 2}
    assert (newest["runs"], newest["conclusive_runs"], newest["held_runs"], newest["nr_machines"]) == (5, 3, 3, 1)
    assert newest["freed_seconds"] == pytest.approx(2, rel=0.2)
    assert newest["kernel"] == {"release": "6.18.44", "architecture": "x86_64"}
    assert older["kernel"]["label"] == "fix v3" and "freed_seconds" not in older


def test_an_unknown_case_is_a_problem_document() -> None:
    assert get("/api/v1/cases/nothing/", 404) == {
        "type": "about:blank",
        "title": "Not found.",
        "status": 404,
        "detail": "There is no such case.",
    }
