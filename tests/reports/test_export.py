"""Everything public, to take along."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from catalog.models.text import Origin, State
from catalog.revisions import store
from diagnosis.formats import kcidb
from diagnosis.formats.format import Given
from reports.pages import exports
from reports.pages.exports import VIEWS
from tests import builders

pytestmark = pytest.mark.django_db


def got(name: str) -> str:
    answer = Client().get(f"/export/{name}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in got(name).splitlines()]


@pytest.fixture
def measured() -> None:
    builders.case()
    builders.strategy()
    builders.settled(builders.run(), builders.moving_run(), builders.run("unheard-of"))


def test_documents_are_their_texts(measured: None) -> None:
    found = {row["slug"]: row for row in lines("documents.ndjson")}
    assert found["fuse-writeback"]["text"] == builders.case_text() and found["a-strategy"]["kind"] == "strategy"


def test_a_line_is_a_line_to_programs_that_know_more_ends_of_lines() -> None:
    builders.case(title="One\u2028two\u2029three\x85four")
    assert [row["slug"] for row in lines("documents.ndjson")] == ["fuse-writeback"]
    (row,) = lines("documents.ndjson")
    assert json.loads(got("documents.ndjson")) == row


def test_evidence_reports_and_tallies_are_whole(measured: None) -> None:
    assert [row["outcome"] for row in lines("evidence.ndjson")] == ["hangs", "moves"]
    (report,) = lines("reports.ndjson")
    assert (report["state"], report["nr_observations"], report["nr_unmatched"]) == ("settled", 3, 1)
    assert sorted((row["outcome"], row["runs"]) for row in lines("tallies.ndjson")) == [("hangs", 1), ("moves", 1)]


def test_the_table_holds_no_formula(measured: None) -> None:
    builders.settled(kernel={"release": "=1+1", "architecture": "x86_64", "label": "@x"})
    rows = list(csv.DictReader(io.StringIO(got("evidence.csv"))))
    assert [row["outcome"] for row in rows] == ["hangs", "moves", "hangs"]
    assert (rows[2]["release"], rows[2]["label"]) == ("'=1+1", "'@x")


def test_kcidb_has_an_incident_for_each_conclusive_run_and_reads_back(measured: None) -> None:
    body = got("kcidb.json")
    document = json.loads(body)
    assert [issue["id"] for issue in document["issues"]] == ["unmigratable:fuse-writeback"]
    assert [one["present"] for one in document["incidents"]] == [True, False]
    tests = {one["id"]: one for one in document["tests"]}
    assert {tests[one["test_id"]]["status"] for one in document["incidents"]} == {"FAIL", "PASS"}
    told = kcidb.observations(body.encode(), Given())
    assert [(one.release, one.architecture, one.outcome) for one in told] == [
        ("6.18.44", "x86_64", "failed"),
        ("6.18.44", "x86_64", "passed"),
    ]


@pytest.mark.parametrize("name", VIEWS)
def test_a_draft_is_in_none_of_them(name: str) -> None:
    store.save(builders.case_text("secret-case"), origin=Origin.SITE, author=builders.person(), state=State.DRAFT)
    builders.settled(builders.run("secret-case"))
    assert "secret-case" not in got(name)


@pytest.mark.parametrize("name", VIEWS)
def test_an_empty_site_has_empty_exports(name: str) -> None:
    text = got(name)
    assert not text or name.endswith((".csv", ".json"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "|", "%", "＝", "\n="])
def test_no_cell_of_the_evidence_is_a_formula(start: str) -> None:
    assert exports._cell(f"{start}1+1").startswith("'")
    assert exports._cell(-0.5) == -0.5 and exports._cell("6.18.44") == "6.18.44"
