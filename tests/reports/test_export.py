"""Everything public, to take along."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from kcidb_io import schema

from catalog.models.text import Origin, State
from catalog.revisions import store
from people.models import Machine, Role, Standing
from reports.intake import inbox
from reports.intake.submission import Sending
from reports.models import Evidence, Report
from reports.pages.exporting import exports
from reports.pages.exporting.exports import VIEWS
from reports.worker import evidence, ingest, replay
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


def kcidb_document() -> Any:
    document = json.loads(got("kcidb.json"))
    schema.V5_3.validate_exactly(document)
    return document


def test_a_moment_is_written_alike_in_the_api_and_in_each_export(measured: None) -> None:
    report = Report.objects.latest("pk")
    Report.objects.filter(pk=report.pk).update(received_at="2026-11-30T00:57:16.403816Z")
    assert Client().get("/api/v1/reports/").json()["results"][0]["received_at"] == "2026-11-30T00:57:16.403816Z"
    lines = [json.loads(line) for line in Client().get("/export/reports.ndjson").getvalue().splitlines()]
    assert "2026-11-30T00:57:16.403816Z" in {line["received_at"] for line in lines}
    row = next(csv.DictReader(io.StringIO(Client().get("/export/evidence.csv").getvalue().decode())))
    (told,) = Client().get("/api/v1/cases/fuse-writeback/evidence/?limit=1").json()["results"]
    seen = {one["seen_at"] for one in map(json.loads, Client().get("/export/evidence.ndjson").getvalue().splitlines())}
    assert row["seen_at"] in seen and told["seen_at"] in seen and row["seen_at"].endswith("Z")


def test_kcidb_has_an_incident_for_each_conclusive_run(measured: None) -> None:
    document = kcidb_document()
    assert [issue["id"] for issue in document["issues"]] == ["unmigratable:fuse-writeback"]
    assert [one["present"] for one in document["incidents"]] == [True, False]
    tests = {one["id"]: one for one in document["tests"]}
    assert {tests[one["test_id"]]["status"] for one in document["incidents"]} == {"FAIL", "PASS"}
    assert {one["git_commit_name"] for one in document["checkouts"]} == {"v6.18.44"}


def test_kcidb_ids_are_of_reports_and_releases_and_of_the_sites_own_origin(measured: None, settings: Any) -> None:
    settings.KCIDB_ORIGIN = "lab_site"
    builders.settled(kernel={"release": "6.18.44", "architecture": "x86_64", "label": "fix: v2"})
    document = kcidb_document()
    assert [one["id"] for one in document["checkouts"]] == [
        "lab_site:6.18.44",
        "lab_site:6.18.44/fix%3A%20v2",
    ]
    assert "lab_site:build/x86_64/6.18.44" in {one["id"] for one in document["builds"]}
    reports = {f"lab_site:{pk}" for pk in Report.objects.values_list("pk", flat=True)}
    for one in (*document["tests"], *document["incidents"]):
        assert one["id"].partition("/")[0] in reports and one["origin"] == "lab_site"
    builds, checkouts = ({one["id"] for one in document[kind]} for kind in ("builds", "checkouts"))
    assert {one["build_id"] for one in document["tests"]} <= builds
    assert {one["checkout_id"] for one in document["builds"]} <= checkouts


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("6.15.0-rc7-00007-g4a95bc121ccd", "v6.15-rc7-7-g4a95bc121ccd"),
        ("6.15.0", "v6.15"),
        ("6.15.3", "v6.15.3"),
        ("6.1.0-50-amd64", None),
        ("6.12.57+deb13-amd64", None),
        ("4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e", None),
    ],
)
def test_a_commit_is_named_only_where_the_release_names_one(release: str, name: str | None) -> None:
    builders.case()
    builders.settled(kernel={"release": release, "architecture": "x86_64"})
    (checkout,) = kcidb_document()["checkouts"]
    assert (checkout.get("git_commit_name"), checkout["comment"]) == (name, release)
    assert checkout.get("git_commit_hash") == (release if len(release) == 40 else None)


def test_what_was_withdrawn_or_refuted_is_no_incident_and_the_withdrawn_no_test(measured: None) -> None:
    new, withdrawn = builders.machine("new-box"), builders.machine("bad-box")
    for box, standing in ((new, Standing.NEW), (withdrawn, Standing.WITHDRAWN)):
        builders.settled(sender=box, kernel={"release": f"6.9.{box.pk}", "architecture": "x86_64"})
        Machine.objects.filter(pk=box.pk).update(standing=standing)
    refuted = Evidence.objects.filter(outcome="moves").get()
    evidence.judge(refuted.report, refuted.key, refuted.case, builders.person(role=Role.EDITOR), stands=False)
    document = kcidb_document()
    marks = {one["misc"]["machine"]: one["misc"].get("does_not_count") for one in document["tests"]}
    assert marks == {"box": None, "new-box": "machine new"}
    assert [one["present"] for one in document["incidents"]] == [True]
    assert f"6.9.{withdrawn.pk}" not in {one["comment"] for one in document["checkouts"]}


@pytest.mark.parametrize("origin", ["unmigratable", "another_site"])
def test_an_export_of_ours_that_comes_in_is_recognised_and_no_evidence(
    measured: None, settings: Any, origin: str
) -> None:
    settings.KCIDB_ORIGIN = origin
    before = Evidence.objects.count()
    sending = Sending(builders.machine("importer"), got("kcidb.json").encode(), "application/vnd.kcidb+json")
    report = inbox.take(sending)[0]
    ingest.drain()
    receipt = Client().get(f"/api/v1/reports/{report.pk}/").json()
    assert (receipt["state"], receipt["nr_observations"], Evidence.objects.count()) == ("settled", 0, before)
    assert [note["code"] for note in receipt["notes"]] == ["exported"]


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


def rows_of(name: str, **given: str) -> list[Any]:
    answer = Client().get(f"/export/{name}", given)
    assert answer.status_code == 200, answer.content
    return [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]  # type: ignore[attr-defined]


def test_a_part_of_it_by_the_same_words_as_the_lists(measured: None) -> None:
    builders.settled(run_id="another-one", kernel={"release": "7.1", "architecture": "x86_64", "label": "v3"})
    for given in ({"kernel": "7.1"}, {"kernel": "7.1.0"}, {"label": "v3"}, {"run_id": "another-one"}):
        assert [row["kernel"]["release"] for row in rows_of("evidence.ndjson", **given)] == ["7.1.0"]
        assert [row["run_id"] for row in rows_of("reports.ndjson", **given)] == ["another-one"]
    assert [row["outcome"] for row in rows_of("evidence.ndjson", outcome="moves")] == ["moves"]
    assert rows_of("evidence.ndjson", machine="farm") == rows_of("evidence.ndjson", case="unheard-of") == []


def test_since_is_when_it_was_settled_so_that_what_is_read_again_is_new_to_a_mirror(measured: None) -> None:
    """The test is one transaction, in which the server's clock stands still."""
    first = Report.objects.get()
    Report.objects.update(
        received_at=first.received_at - timedelta(days=2), settled_at=first.settled_at - timedelta(days=2)
    )
    last_time = (first.settled_at - timedelta(days=1)).isoformat()
    assert rows_of("evidence.ndjson", since=last_time) == rows_of("reports.ndjson", since=last_time) == []
    replay.queue([first.pk])
    ingest.drain()
    assert len(rows_of("evidence.ndjson", since=last_time)) == 2
    assert [row["id"] for row in rows_of("reports.ndjson", since=last_time)] == [str(first.pk)]


@pytest.mark.parametrize("name", VIEWS)
def test_an_export_that_is_as_it_was_is_not_sent_again(name: str, measured: None) -> None:
    tag = Client().get(f"/export/{name}")["ETag"]
    again = {"If-None-Match": tag}
    assert Client().get(f"/export/{name}", headers=again).status_code == 304
    builders.settled() if "documents" not in name else builders.case("another")
    assert Client().get(f"/export/{name}", headers=again).status_code == 200


def test_evidence_of_a_machine_that_is_withdrawn_is_another_export(measured: None) -> None:
    tag = Client().get("/export/evidence.ndjson")["ETag"]
    Machine.objects.update(standing="withdrawn")
    assert Client().get("/export/evidence.ndjson", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("query", ["since=yesterday", "sort=x", "machine="])
@pytest.mark.parametrize("name", VIEWS)
def test_a_wrong_filter_of_an_export_is_a_400(name: str, query: str) -> None:
    answer = Client().get(f"/export/{name}?{query}")
    assert answer.status_code == 400 and query.partition("=")[0] in answer.content.decode()
